# SPDX-License-Identifier: Apache-2.0
"""The control socket: Varlink as others speak it, and what nobody should send."""

import json
import os
import random
import re
import select
import socket
import struct
import threading
import time

import pytest

from daemon_rig import CONTROL, ROOT, SERVICE, Daemon, Gone, eventually

INTERFACE_FILE = os.path.join(ROOT, "src", "varlink", "io.mailmig.Control.varlink")
REQUEST_MAX = 64 * 1024
OUTPUT_MAX = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def module_daemon():
    d = Daemon(["alice", "bob"])
    d.start()
    yield d
    d.close()


@pytest.fixture
def daemon(module_daemon):  # pylint: disable=redefined-outer-name
    """One daemon for all of this file: whatever a test does to it, the next must not notice."""
    before = open_descriptors(module_daemon)
    yield module_daemon
    assert module_daemon.call("Version")["parameters"]["pid"] == module_daemon.process.pid
    eventually(lambda: open_descriptors(module_daemon) <= before, "descriptors leak")


def open_descriptors(daemon):  # pylint: disable=redefined-outer-name
    return len(os.listdir("/proc/%d/fd" % daemon.process.pid))


def assert_closed(client):
    with pytest.raises((Gone, BrokenPipeError, ConnectionResetError)):
        client.next()


# ---- as the specification wants it ----

def test_get_info(daemon):
    with daemon.client() as c:
        c.send(SERVICE + "GetInfo")
        info = c.next()["parameters"]
    assert set(info) == {"vendor", "product", "version", "url", "interfaces"}
    assert info["interfaces"] == [SERVICE[:-1], CONTROL[:-1]]


def test_descriptions(daemon):
    with daemon.client() as c:
        c.send(SERVICE + "GetInterfaceDescription", {"interface": CONTROL[:-1]})
        with open(INTERFACE_FILE, encoding="utf-8") as f:
            assert c.next()["parameters"]["description"] == f.read()
        c.send(SERVICE + "GetInterfaceDescription", {"interface": SERVICE[:-1]})
        assert "method GetInfo()" in c.next()["parameters"]["description"]
        c.send(SERVICE + "GetInterfaceDescription", {"interface": "org.example"})
        assert c.next() == {"error": SERVICE + "InterfaceNotFound",
                            "parameters": {"interface": "org.example"}}


@pytest.mark.parametrize("method, error, parameters", [
    ("org.example.Foo", "InterfaceNotFound", {"interface": "org.example"}),
    ("Version", "InterfaceNotFound", {"interface": ""}),
    ("", "InterfaceNotFound", {"interface": ""}),
    (CONTROL + "Explode", "MethodNotFound", {"method": CONTROL + "Explode"}),
    (CONTROL, "MethodNotFound", {"method": CONTROL}),
    (SERVICE + "Explode", "MethodNotFound", {"method": SERVICE + "Explode"}),
    (SERVICE + "GetInterfaceDescription", "InvalidParameter", {"parameter": "interface"}),
])
def test_errors(daemon, method, error, parameters):
    with daemon.client() as c:
        c.send(method)
        assert c.next() == {"error": SERVICE + error, "parameters": parameters}
        c.send(CONTROL + "Version")  # the connection is as good as before
        assert "error" not in c.next()


def interface():
    """(method, parameter, its type) of every parameter in the interface's text."""
    with open(INTERFACE_FILE, encoding="utf-8") as f:
        text = re.sub(r"#.*", "", f.read())
    for method, parameters in re.findall(r"^method (\w+)\(([^)]*)\)", text, re.M):
        yield method, None, None
        for parameter in filter(None, (x.strip() for x in parameters.split(","))):
            yield (method, *(x.strip() for x in parameter.split(":")))


@pytest.mark.parametrize("method, name, kind", interface())
def test_interface_is_what_is_served(daemon, method, name, kind):
    """Each parameter is known, of the type that is written down, and no other is."""
    wrong = "surplus" if name is None else name
    answer = daemon.call(method, **{wrong: {"neither": "string, number, bool nor list"}})
    assert answer == {"error": SERVICE + "InvalidParameter", "parameters": {"parameter": wrong}}
    if kind and not kind.startswith("?"):
        others = {n: "x" for m, n, k in interface()
                  if m == method and k and not k.startswith("?") and n != name}
        assert daemon.call(method, **others)["parameters"] == {"parameter": name}


@pytest.mark.parametrize("parameters, bad", [
    ({"account": 1}, "account"),
    ({}, "account"),
    ({"account": None}, "account"),
    ({"account": "alice", "limit": "many"}, "limit"),
    ({"account": "alice", "limit": 1.5}, "limit"),
    ({"account": "alice", "extra": None}, "extra"),
])
def test_parameters(daemon, parameters, bad):
    answer = daemon.call("History", **parameters)
    assert answer == {"error": SERVICE + "InvalidParameter", "parameters": {"parameter": bad}}


def test_null_is_missing(daemon):
    with daemon.client() as c:
        c.raw(json.dumps({"method": CONTROL + "History", "more": None,
                          "parameters": {"account": "alice", "limit": None}}).encode() + b"\0")
        assert c.next()["parameters"] == {"runs": []}
        c.raw(b'{"method":"io.mailmig.Control.Version","parameters":null}\0')
        assert c.next()["parameters"]["pid"] == daemon.process.pid


def test_pipelined_in_order(daemon):
    names = ["n%d" % i for i in range(500)]
    with daemon.client() as c:
        c.raw(b"".join(json.dumps({"method": SERVICE + "GetInterfaceDescription",
                                   "parameters": {"interface": n}}).encode() + b"\0"
                       for n in names))
        assert [c.next()["parameters"]["interface"] for _ in names] == names


def test_pipelined_behind_a_stream(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        c.send(CONTROL + "Version")
        worker = daemon.worker()
        worker.event("folder", folder="F")
        assert c.next()["parameters"]["event"]["event"] == "folder"
        worker.done()
        assert c.next()["parameters"]["event"]["event"] == "done"
        assert "exit_code" in c.next()["parameters"]
        assert "version" in c.next()["parameters"]


def test_oneway(daemon):
    with daemon.client() as c:
        c.send(CONTROL + "Explode", oneway=True)
        c.send(CONTROL + "Version", oneway=True)
        c.send(SERVICE + "GetInfo")
        assert "interfaces" in c.next()["parameters"]


def test_oneway_and_gone(daemon):
    """The request counts although nobody waits for anything."""
    c = daemon.client()
    c.send(CONTROL + "Run", {"accounts": ["alice"]}, oneway=True)
    c.close()
    worker = daemon.worker()
    with daemon.client() as other:
        other.follow(accounts=["alice"])
        worker.done()
        other.until_done()


def test_upgrade_is_refused(daemon):
    with daemon.client() as c:
        c.send(CONTROL + "Version", upgrade=True)
        assert c.next()["parameters"] == {"parameter": "upgrade"}


def test_octet_by_octet(daemon):
    with daemon.client() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for octet in b'{"method":"io.mailmig.Control.Version"}\0':
            c.raw(bytes([octet]))
        assert c.next()["parameters"]["pid"] == daemon.process.pid


def test_half_closed(daemon):
    """What `nc -N` does: ask, shut down the own direction, read."""
    with daemon.client() as c:
        c.send(CONTROL + "Version")
        c.send(SERVICE + "GetInfo")
        c.sock.shutdown(socket.SHUT_WR)
        assert "version" in c.next()["parameters"]
        assert "interfaces" in c.next()["parameters"]
        assert_closed(c)


def test_half_closed_follower(daemon):
    with daemon.client() as c:
        c.send(CONTROL + "Run", {"accounts": ["alice"]}, more=True)
        c.sock.shutdown(socket.SHUT_WR)
        worker = daemon.worker()
        worker.done(copied=1)
        assert "runs" in c.next()["parameters"]
        assert c.until_done()[1]["exit_code"] == 0
        assert_closed(c)


# ---- as nobody should ----

@pytest.mark.parametrize("octets", [
    b"\0",
    b"hello\0",
    b"[]\0",
    b"7\0",
    b"{\0",
    b"\xff\xfe{}\0",
    b"{}\0",
    b'{"method":7}\0',
    b'{"method":"a.b","method":"c.d"}\0',
    b'{"method":"a.b","parameters":[]}\0',
    b'{"method":"a.b","parameters":"x"}\0',
    b'{"method":"a.b","more":1}\0',
    b'{"method":"a.b","oneway":"x"}\0',
    b'{"method":"a.b\\u0000c"}\0',
    b'{"a":' * 10000 + b"\0",
    b"x" * REQUEST_MAX,
    b'{"method":"io.mailmig.Control.Version","x":"' + b"y" * REQUEST_MAX + b'"}\0',
], ids=lambda o: "%s-%d" % (o[:24].hex(), len(o)))
def test_malformed(daemon, octets):
    with daemon.client() as c:
        try:
            c.raw(octets)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = c.next()
        assert answer["error"] == SERVICE + "InvalidParameter"
        assert_closed(c)


def test_largest_request(daemon):
    """The limit is where it is said to be."""
    head, tail = b'{"method":"io.mailmig.Control.Version","x":"', b'"}\0'
    fits = head + b"y" * (REQUEST_MAX - len(head) - len(tail)) + tail
    assert len(fits) == REQUEST_MAX
    with daemon.client() as c:
        c.raw(fits)
        assert c.next()["parameters"]["pid"] == daemon.process.pid


def test_slow_and_dripping(daemon):
    """Five seconds for a request, however its octets are spread."""
    begun = time.monotonic()
    with daemon.client() as silent, daemon.client() as dripping, daemon.client() as idle:
        silent.raw(b"{")
        gone = False
        while not gone:
            assert time.monotonic() < begun + 20
            dripping.sock.settimeout(0.2)
            try:
                dripping.raw(b"{")
                gone = dripping.sock.recv(1) == b""
            except socket.timeout:
                pass
            except (BrokenPipeError, ConnectionResetError):
                gone = True
        assert time.monotonic() - begun > 4
        assert_closed(silent)
        # Who has begun nothing may stay.
        idle.send(CONTROL + "Version")
        assert "parameters" in idle.next()


def test_deaf_follower_is_dropped(daemon):
    with daemon.client() as deaf, daemon.client() as good:
        runs = deaf.follow(accounts=["alice"])
        assert good.follow(accounts=["alice"]) == runs
        worker = daemon.worker()
        # Events that may not be left out, more than are kept for anybody.
        for i in range(120):
            worker.event("folder", folder="F%d" % i, text="x" * 50000)
            assert good.next()["parameters"]["event"]["folder"] == "F%d" % i
        worker.done()
        assert good.until_done()[1]["exit_code"] == 0
        with pytest.raises(Gone):
            deaf.until_done()


def test_progress_waits_for_the_slow(daemon):
    """A terminal that was stopped for a while misses progress, not the result."""
    with daemon.client() as slow, daemon.client() as good:
        slow.follow(accounts=["alice"])
        good.follow(accounts=["alice"])
        worker = daemon.worker()
        for i in range(300):
            worker.event("progress", phase="copy", folder="F", done=i, total=300, bytes_done=0,
                         bytes_total=0, rate=0, eta_seconds=0, text="x" * 50000)
            assert good.next()["parameters"]["event"]["done"] == i
        worker.done(copied=300)
        events, last = slow.until_done()
        good.until_done()
    assert last["summaries"][0]["copied"] == 300
    assert [e["event"] for e in events][-1] == "done"
    assert len(events) < 300


def test_deaf_asker_is_held(daemon):
    """Answers nobody reads are not piled up: the next request waits, and none is lost."""
    request = json.dumps({"method": CONTROL + "Status"}).encode() + b"\0"
    answer = len(json.dumps(daemon.call("Status")))
    n = 3 * OUTPUT_MAX // answer  # more than is kept for anybody
    with daemon.client() as deaf:
        rest = request * n
        while select.select([], [deaf.sock], [], 0.5)[1]:
            assert rest, "the daemon has read it all"
            rest = rest[deaf.sock.send(rest[:65536]):]
        assert daemon.call("Version")["parameters"]["pid"] == daemon.process.pid
        sender = threading.Thread(target=deaf.raw, args=(rest,))
        sender.start()
        for _ in range(n):
            assert "status" in deaf.next()["parameters"]
        sender.join()


def test_idle_connections_make_room(daemon):
    clients = [daemon.client() for _ in range(200)]
    try:
        # Whoever comes is served, however many sit there.
        assert daemon.call("Version")["parameters"]["pid"] == daemon.process.pid
        clients[-1].send(CONTROL + "Version")
        assert "parameters" in clients[-1].next()
        assert_closed(clients[0])
    finally:
        for c in clients:
            c.close()


def test_busy_connections_do_not_make_room(daemon):
    first = daemon.client()
    clients = [first]
    try:
        first.follow(accounts=["alice"])
        limit = 64 + 2  # one more for each account
        for _ in range(limit - 1):
            clients.append(daemon.client())
            clients[-1].follow(accounts=["alice"])
        with daemon.client() as refused:
            assert_closed(refused)
        worker = daemon.worker()
        worker.done()
        for c in clients:
            assert c.until_done()[1]["exit_code"] == 0
        assert daemon.call("Version")["parameters"]["pid"] == daemon.process.pid
    finally:
        for c in clients:
            c.close()


def test_aborted_connections(daemon):
    linger = struct.pack("ii", 1, 0)
    for length in range(0, 60):
        c = daemon.client()
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        c.raw((b'{"method":"io.mailmig.Control.Status","more":true}\0' * 2)[:length])
        c.close()


def mutate(rng, octets):
    octets = bytearray(octets)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(octets))
        kind = rng.randrange(4)
        if kind == 0:
            octets[at] = rng.randrange(256)
        elif kind == 1:
            octets[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del octets[at]
        else:
            octets[at:at] = octets[at // 2:at]
        if not octets:
            return b"\0"
    return bytes(octets)


def test_mutated_requests(daemon):
    seeds = [json.dumps(r).encode() + b"\0" for r in (
        {"method": CONTROL + "Status", "parameters": {"accounts": ["alice", "bob"]}},
        {"method": CONTROL + "History", "parameters": {"account": "alice", "limit": 3}},
        {"method": CONTROL + "Cancel", "parameters": {"account": "alice"}, "more": True},
        {"method": SERVICE + "GetInterfaceDescription", "parameters": {"interface": CONTROL[:-1]}},
    )]
    rng = random.Random(20261120)
    for _ in range(400):
        with daemon.client() as c:
            try:
                c.raw(mutate(rng, rng.choice(seeds) * rng.randrange(1, 3)))
                c.sock.shutdown(socket.SHUT_WR)
                while True:
                    answer = c.next()
                    assert ("error" in answer) or ("parameters" in answer)
            except (Gone, BrokenPipeError, ConnectionResetError):
                pass
