# SPDX-License-Identifier: Apache-2.0
"""mailmigd on a socket of systemd's: what it takes, and what it does not."""

import os
import socket

import pytest

from daemon_rig import DEADLINE, Varlink, make, run_once  # pylint: disable=unused-import

# pylint: disable=redefined-outer-name

# Puts descriptors in place as systemd does, and becomes mailmigd. argv: LISTEN_PID ("" is our
# own), the descriptors, "--", the command.
LAUNCHER = """
import fcntl, os, sys
end = sys.argv.index("--")
fds = [fcntl.fcntl(int(a), fcntl.F_DUPFD, 10) for a in sys.argv[2:end]]
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
os.environ.update(LISTEN_PID=sys.argv[1] or str(os.getpid()), LISTEN_FDS=str(len(fds)))
os.execv(sys.argv[end + 1], sys.argv[end + 1:])
"""


def spawn(daemon, sockets, pid=""):
    fds = [s.fileno() for s in sockets]
    return daemon.spawn(launcher=["/usr/bin/python3", "-c", LAUNCHER, pid,
                                  *map(str, fds), "--"], pass_fds=fds)


@pytest.fixture
def given(make):
    """A daemon and the path of a socket that systemd might give it."""
    daemon = make()
    return daemon, os.path.join(daemon.dir, "given")


def bound(path, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(path)
    return s


def test_client_that_came_before_the_daemon(given):
    """Socket activation: the request that wakes the daemon is answered; no configured account is
    no reason not to start."""
    daemon, path = given
    daemon.write_config([])
    with bound(path) as listener:
        listener.listen(8)
        with Varlink(path) as early:
            early.send("io.mailmig.Control.Version", {})
            daemon.process = spawn(daemon, [listener])
            assert early.next()["parameters"]["pid"] == daemon.process.pid
        daemon.notify.until("READY=1")
        status = daemon.notify.until("STATUS=")
        assert "no accounts configured; see mailmig.conf(5)" in status
        assert not os.path.exists(daemon.socket)
        assert daemon.stop() == 0
        # The socket is systemd's: it stays, and a client in between waits for the next daemon.
        with Varlink(path) as late:
            late.send("io.mailmig.Control.Version", {})
            daemon.process = spawn(daemon, [listener])
            assert late.next()["parameters"]["pid"] == daemon.process.pid


def test_worker_does_not_inherit_the_socket(given):
    daemon, path = given
    with bound(path) as listener:
        listener.listen(8)
        daemon.process = spawn(daemon, [listener])
        daemon.notify.until("READY=1")
        daemon.socket = path
        with daemon.client() as c:
            c.follow(accounts=["alice"])
            worker = daemon.worker()
            assert not [k for k in worker.facts["env"] if k.startswith("LISTEN_")]
            assert worker.facts["fds"][:4] == [0, 1, 2, 3]
            worker.done()
            c.until_done()


def unusable(kind, path):
    if kind == "not listening":
        return [bound(path)]
    if kind == "datagrams":
        return [bound(path, socket.SOCK_DGRAM)]
    s = socket.socket(socket.AF_INET if kind == "TCP" else socket.AF_UNIX)
    s.bind(("127.0.0.1", 0) if kind == "TCP" else path)
    s.listen(8)
    return [s, s] if kind == "two" else [s]


@pytest.mark.parametrize("kind", ["two", "not listening", "datagrams", "TCP"])
def test_unusable_sockets(given, kind):
    """Refused aloud: the daemon never opens another way in by itself then."""
    daemon, path = given
    sockets = unusable(kind, path)
    try:
        assert spawn(daemon, sockets).wait(DEADLINE) == 10
    finally:
        for s in sockets:
            s.close()
    assert "one listening Unix stream socket; see mailmigd.socket" in daemon.log()
    assert not os.path.exists(daemon.socket)


def test_sockets_for_somebody_else(given):
    """LISTEN_PID of another process: inherited by mistake, not ours."""
    daemon, path = given
    with bound(path) as listener:
        listener.listen(8)
        daemon.process = spawn(daemon, [listener], pid="1")
        daemon.notify.until("READY=1")
        assert os.path.exists(daemon.socket)
        assert run_once(daemon)["exit_code"] == 0
