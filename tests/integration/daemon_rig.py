# SPDX-License-Identifier: Apache-2.0
"""mailmigd with workers that do what the test says.

The daemon looks for its worker in its own directory: a copy of the built mailmigd lies beside a
small script of the worker's name. Each such worker connects to the test (class Conductor) and is
a puppet from then on: nothing here waits for time to pass.
"""

import json
import os
import queue
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("MAILMIG_BUILD", "build"))
DEADLINE = float(os.environ.get("MAILMIG_TEST_DEADLINE", "30"))  # of any one wait

CONTROL = "io.mailmig.Control."
SERVICE = "org.varlink.service."

PUPPET = r'''#!/usr/bin/python3
import json, os, signal, socket, sys
strings = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
strings.connect(os.environ["PUPPET_SOCKET"])
lines = strings.makefile("rb")
channel = socket.socket(fileno=int(sys.argv[sys.argv.index("--job-fd") + 1]))
seen = b""

def take():
    global seen
    while b"\0" not in seen:
        more = channel.recv(65536)
        if not more:
            return None
        seen += more
    message, seen = seen.split(b"\0", 1)
    return json.loads(message)

def tell(what):
    strings.sendall(json.dumps(what).encode() + b"\n")

def facts():
    return {"argv": sys.argv[1:], "pid": os.getpid(), "pgid": os.getpgid(0),
            "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
            "stdin": os.readlink("/proc/self/fd/0"), "env": dict(os.environ),
            "blocked": [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])]}

tell(facts())
for line in lines:
    order = json.loads(line)
    verb = order["do"]
    if verb == "take":
        tell(take())
    elif verb == "send":
        channel.sendall(json.dumps(order["event"]).encode() + b"\0")
    elif verb == "raw":
        try:
            channel.sendall(bytes.fromhex(order["hex"]))
        except OSError:
            pass
    elif verb == "close":
        channel.shutdown(socket.SHUT_RDWR)
        channel.close()
    elif verb == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        tell(True)
    elif verb == "exit":
        os._exit(order["status"])
    elif verb == "die":
        os.kill(os.getpid(), order["signal"])
os._exit(99)  # the test is over
'''


class Gone(Exception):
    """The other side closed the connection."""


class Varlink:
    """A client with no mercy built in: whatever octets the test wants go out."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(path)
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def raw(self, octets):
        self.sock.sendall(octets)

    def send(self, method, parameters=None, **members):
        request = {"method": method, **members}
        if parameters is not None:
            request["parameters"] = parameters
        self.raw(json.dumps(request).encode() + b"\0")

    def next(self):
        """The next answer; Gone at the end of the connection."""
        while b"\0" not in self.seen:
            try:
                more = self.sock.recv(1 << 20)
            except ConnectionResetError:
                more = b""
            if not more:
                raise Gone
            self.seen += more
        message, self.seen = self.seen.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        """One answer to one call of io.mailmig.Control."""
        self.send("io.mailmig.Control." + method, parameters)
        return self.next()

    def follow(self, **parameters):
        """Run with "more": the runs that were queued."""
        self.send("io.mailmig.Control.Run", parameters, more=True)
        answer = self.next()
        assert answer["continues"], answer
        return answer["parameters"]["runs"]

    def until_done(self):
        """All events of a followed run and the last answer's parameters."""
        events = []
        while True:
            answer = self.next()
            assert "error" not in answer, answer
            if not answer.get("continues"):
                return events, answer["parameters"]
            events.append(answer["parameters"]["event"])


class Puppet:
    """One worker process, on strings."""

    def __init__(self, connection):
        connection.settimeout(DEADLINE)
        self.lines = connection.makefile("rb")
        self.connection = connection
        self.facts = self.hear()
        self.pid = self.facts["pid"]
        self.job = self.take()

    def hear(self):
        line = self.lines.readline()
        if not line:
            raise Gone
        return json.loads(line)

    def order(self, verb, **what):
        self.connection.sendall(json.dumps({"do": verb, **what}).encode() + b"\n")

    def take(self):
        """What the daemon sends next; None when it hung up."""
        self.order("take")
        return self.hear()

    def event(self, kind, **members):
        self.order("send", event={"event": kind, **members})

    def raw(self, octets):
        self.order("raw", hex=octets.hex())

    def done(self, result="ok", exit_code=0, errors=(), leave=True, **members):
        counts = dict.fromkeys(("copied", "present", "skipped", "failed", "flags_updated",
                                "deleted", "bytes"), 0)
        self.event("done", id=self.job["run_id"], account=self.job["account"], job="sync",
                   started="2026-01-01T00:00:00Z", finished="2026-01-01T00:00:01Z",
                   result=result, exit_code=exit_code, errors=list(errors),
                   **{**counts, **members})
        if leave:
            self.order("exit", status=exit_code)

    def wait_gone(self):
        """The process has ended: its end of the string is loose."""
        try:
            while self.lines.read(65536):
                pass
        except ConnectionResetError:
            pass


class Conductor:
    """Where the workers of a daemon report."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "puppets")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(self.path)
        self.sock.listen(64)
        self.sock.settimeout(DEADLINE)
        self.connections = []

    def next(self):
        connection, _ = self.sock.accept()
        self.connections.append(connection)
        return Puppet(connection)

    def nobody_waits(self):
        return not select.select([self.sock], [], [], 0)[0]

    def close(self):
        for connection in self.connections:
            connection.close()
        self.sock.close()


class Notify:
    """What the daemon tells systemd. Read all the time: it waits for its reader."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.heard = queue.Queue()
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        message = self.sock.recv(65536)
        while message:
            self.heard.put(message.decode())
            message = self.sock.recv(65536)

    def until(self, words):
        """Read on to the first message that has these words, and return it."""
        while True:
            message = self.heard.get(timeout=DEADLINE)
            if words in message:
                return message

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"", self.path)
        self.thread.join()
        self.sock.close()


class Daemon:
    """A mailmigd of the test's own: directory, socket, notification socket, puppets."""

    def __init__(self, accounts=("alice",), **keys):
        self.dir = tempfile.mkdtemp(prefix="mailmig-daemon-")
        self.bin = os.path.join(self.dir, "bin")
        self.state = os.path.join(self.dir, "state")
        self.socket = os.path.join(self.dir, "run", "control")
        self.config = os.path.join(self.dir, "mailmig.conf")
        self.log_path = os.path.join(self.dir, "log")
        self.conductor = Conductor(self.dir)
        self.notify = Notify(self.dir)
        self.process = None
        self.spawned = []
        self.env = {"PUPPET_SOCKET": self.conductor.path, "NOTIFY_SOCKET": self.notify.path,
                    "PATH": "/usr/bin:/bin", "MAILMIG_CANCEL_GRACE": "%ds" % (DEADLINE * 2)}
        self.env.update((k, v) for k, v in os.environ.items() if k.endswith("SAN_OPTIONS"))
        os.mkdir(self.bin)
        shutil.copy(os.path.join(BUILD, "mailmigd"), self.bin)
        self.install_worker(PUPPET)
        self.write_config(accounts, **keys)

    def install_worker(self, text):
        path = os.path.join(self.bin, "mailmig-worker")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o755)

    def write_config(self, accounts, servers=None, extra="", **keys):
        """accounts: names, or (name, origin's server, destination's server, more keys)."""
        servers = servers or {"old": 0, "new": 0}
        lines = ['state_dir = "%s";' % self.state, 'socket = "%s";' % self.socket]
        lines += ["%s = %s;" % item for item in keys.items()]
        lines.append("servers = (%s);" % ", ".join(
            '{ name = "%s"; host = "127.0.0.1"; %s}' %
            (name, "max_connections = %d; " % limit if limit else "")
            for name, limit in servers.items()))
        entries = []
        for account in accounts:
            name, origin, destination, more = (
                (account, "old", "new", "") if isinstance(account, str) else account)
            entries.append(
                '{ name = "%s"; %s '
                'origin = { server = "%s"; user = "u"; password_command = "echo x"; }; '
                'destination = { server = "%s"; user = "v"; password_command = "echo x"; }; }'
                % (name, more, origin, destination))
        lines.append("accounts = (\n%s\n);" % ",\n".join(entries))
        self.write_raw_config("\n".join(lines) + "\n" + extra)

    def write_raw_config(self, text):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)

    def spawn(self, *args, env=None, launcher=(), **keys):
        """A mailmigd, or a program that becomes one; stopped at the end of the test."""
        with open(self.log_path, "ab") as log:
            # pylint: disable=consider-using-with
            self.spawned.append(subprocess.Popen(
                [*launcher, os.path.join(self.bin, "mailmigd"), "--config", self.config, *args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**self.env, **(env or {})}, **keys))
        return self.spawned[-1]

    def start(self, **keys):
        self.process = self.spawn(**keys)
        self.notify.until("READY=1")
        return self

    def client(self):
        return Varlink(self.socket)

    def call(self, method, **parameters):
        with self.client() as c:
            return c.call(method, **parameters)

    def status(self, *accounts):
        answer = self.call("Status", accounts=list(accounts))
        return answer["parameters"]["status"]

    def account(self, name="alice"):
        return self.status(name)["accounts"][0]

    def worker(self):
        return self.conductor.next()

    def log(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def signal(self, number):
        os.kill(self.process.pid, number)

    def stop(self):
        """SIGTERM, and the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process = None
        return status

    def close(self):
        """Leave nothing: workers without a string end by themselves."""
        self.conductor.close()
        try:
            status = self.stop()
        finally:
            for process in self.spawned:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            self.notify.close()
            shutil.rmtree(self.dir)
        assert status in (None, 0), "mailmigd ended with status %s" % status


def eventually(condition, what):
    """Wait for something that nobody announces; for facts of the kernel only."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        select.select([], [], [], 0.01)


def run_once(daemon, account="alice", **result):  # pylint: disable=redefined-outer-name
    """A whole run; its last answer."""
    with daemon.client() as c:
        c.follow(accounts=[account])
        daemon.worker().done(**result)
        return c.until_done()[1]


@pytest.fixture
def make():
    """Daemons for a test, not started; all end well."""
    made = []

    def build(*args, **keys):
        made.append(Daemon(*args, **keys))
        return made[-1]

    yield build
    for d in made:
        d.close()


@pytest.fixture
def daemon(make):  # pylint: disable=redefined-outer-name
    """One with an account "alice", running."""
    return make().start()
