# SPDX-License-Identifier: Apache-2.0
"""The tools of the benchmark measure what they say. MAILMIG_BUILD is the build directory."""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# pylint: disable=wrong-import-position,redefined-outer-name
import contestants
from harness import certs, corpus, dovecot, mailmig, scratch
from harness.imapclient import Client, compare

@pytest.fixture
def tools():
    return contestants.Tools(mailmig.build_dir())


@pytest.fixture
def directory():
    path = scratch.directory()
    yield path
    scratch.remove(path)


class Peer:
    """A server of one connection; `talk` gets the socket. Looks enough like a Dovecot for Proxy."""

    ca_file = None

    def __init__(self, talk):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.tls_port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, args=(talk,), daemon=True)
        self.thread.start()

    def _run(self, talk):
        sock, _ = self.listener.accept()
        with sock:
            talk(sock)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.thread.join(20)
        self.listener.close()


def echo_lines(sock):
    with sock.makefile("rwb") as f:
        for line in f:
            f.write(line)
            f.flush()


def receive(sock):
    return b"".join(iter(lambda: sock.recv(1 << 20), b""))


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.origin.tls_port), timeout=20)


def test_proxy_counts_and_delays_questions(tools):
    with Peer(echo_lines) as peer, contestants.Proxy(tools, peer, peer, 5) as proxy:
        start = time.monotonic()
        with connect(proxy) as sock, sock.makefile("rwb") as f:
            for i in range(20):
                f.write(b"%d\n" % i)
                f.flush()
                assert f.readline() == b"%d\n" % i
            elapsed = time.monotonic() - start
            got = proxy.counts()[0]
        assert elapsed >= 20 * 0.010
        assert (got["connections"], got["round_trips"], got["turns"]) == (1, 20, 19)
        assert got["bytes_up"] == got["bytes_down"] == 50


def test_proxy_does_not_charge_a_stream(tools):
    with Peer(echo_lines) as peer, contestants.Proxy(tools, peer, peer, 100) as proxy:
        with connect(proxy) as sock, sock.makefile("rwb") as f:
            for _ in range(2):  # two bursts, the second after the answers to the first
                for i in range(50):
                    f.write(b"%d\n" % i)
                    f.flush()
                for i in range(50):
                    assert f.readline() == b"%d\n" % i
            got = proxy.counts()[0]
            assert got["round_trips"] == got["round_trips_longest"] == 2
            f.write(b"x\n")
            f.flush()
            assert f.readline() == b"x\n"
            assert proxy.counts()[0]["round_trips"] == 1  # counts begin anew


@pytest.mark.parametrize("delay_ms", [0, 3])
def test_proxy_passes_octets_unchanged_at_speed(tools, delay_ms):
    octets = os.urandom(1 << 20) * 32

    def both_ways(sock):
        sender = threading.Thread(target=sock.sendall, args=(octets,), daemon=True)
        sender.start()
        got = receive(sock)
        sender.join()
        sock.sendall(b"same" if got == octets else b"differs")

    with Peer(both_ways) as peer, contestants.Proxy(tools, peer, peer, delay_ms) as proxy:
        with connect(proxy) as sock:
            sender = threading.Thread(target=lambda: (sock.sendall(octets),
                                                      sock.shutdown(socket.SHUT_WR)), daemon=True)
            sender.start()
            got = receive(sock)  # the peer's last word comes after our end of the stream
            sender.join()
        assert got[:-4] == octets and got[-4:] == b"same"
        counted = proxy.counts()[0]
        assert counted["bytes_up"] == len(octets) and counted["bytes_down"] == len(octets) + 4


def test_proxy_delivers_the_last_word_of_a_server_that_is_gone(tools):
    def last_word(sock):
        sock.recv(1)
        sock.sendall(b"* BYE\r\n")
        # From here on what the client sends is answered by RST.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Peer(last_word) as peer, contestants.Proxy(tools, peer, peer, 30) as proxy:
        with connect(proxy) as sock:
            sock.sendall(b"x")
            while not select.select([sock], [], [], 0.001)[0]:
                sock.sendall(b"x")
            assert sock.recv(100) == b"* BYE\r\n"


def test_ceiling_copies_every_octet(tools, directory):
    ca = certs.CA(os.path.join(directory, "ca"))
    origin = dovecot.Dovecot({"u": "secret"}, ca=ca, name="origin", fsync="never")
    destination = dovecot.Dovecot({"d": "secret", "e": "secret"}, ca=ca, name="destination",
                                  fsync="never")
    try:
        corpus.bench_maildir(origin, "u", 300)
        origin.start()
        destination.start()
        line = contestants.Direct(origin, destination)
        ceiling = contestants.Ceiling(tools, line, line, "u", "d")
        try:
            assert ceiling.run()["seconds"] > 0
            assert set(ceiling.alone("e")) >= {"upload", "download"}
            assert ceiling.conversation()["seconds"] > 0
        finally:
            ceiling.close()
        for target in ("d", "e"):
            with Client(origin, "u") as ours, Client(destination, target) as theirs:
                assert compare(ours, theirs, subscribed=False) == []
    finally:
        origin.stop()
        destination.stop()


def test_measure_tells_the_cost_of_the_program_alone(tools, directory):
    ours = bytearray(os.urandom(1 << 20) * 200)  # our own memory must not show
    small, _ = contestants.measure(tools, directory, ["/bin/true"])
    large, out = contestants.measure(tools, directory, [
        "/usr/bin/python3", "-c", "b = b'x' * (100 << 20); print(sum(range(3000000)))"])
    assert len(ours) == 200 << 20
    assert small["rss_kib"] < 16 * 1024
    assert 100 * 1024 < large["rss_kib"] < 160 * 1024
    assert 0.02 < large["cpu_seconds"] <= large["seconds"] * 1.2
    assert out.strip() == str(sum(range(3000000)))


def test_measure_passes_on_signals_and_exit_codes(tools, directory):
    cost = os.path.join(directory, "cost")
    with subprocess.Popen([tools.path("measure"), cost, "/bin/sh", "-c",
                           "trap 'exit 7' TERM; echo ready; while :; do read -r x; done"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait(20) == 7
    with open(cost, encoding="ascii") as f:
        assert json.loads(f.read())["status"] == 7
