# SPDX-License-Identifier: Apache-2.0
"""mailmigctl run --local: a worker of its own, played by a script beside a copy of the program."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from harness import scratch
from harness.fakedaemon import summary
from harness.mailmig import program

TIMEOUT = 30

# What every played worker begins with: emit(), wait_cancel(), done().
PROLOGUE = """#!%s
import ctypes, json, os, signal, socket, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: nothing stays when a test fails
channel = socket.socket(fileno=3)
def emit(event, **values):
    channel.sendall(json.dumps(dict(values, event=event)).encode() + b"\\0")
def wait_cancel():
    data = b""
    while not data.endswith(b"\\0"):
        more = channel.recv(4096)
        if not more:
            os._exit(44)
        data += more
    return json.loads(data[:-1])
SUMMARY = json.loads(%r)
def done(code=0, **values):
    emit("done", **dict(SUMMARY, exit_code=code, **values))
    sys.exit(code)
""" % (sys.executable, json.dumps(summary("bob")))


class Local:
    def __init__(self):
        self.dir = scratch.directory()
        self.ctl = os.path.join(self.dir, "mailmigctl")
        self.processes = []
        shutil.copy(program("mailmigctl"), self.ctl)

    def worker(self, body):
        path = os.path.join(self.dir, "mailmig-worker")
        with open(path, "w", encoding="utf-8") as out:
            out.write(PROLOGUE + body)
        os.chmod(path, 0o755)

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, *args):
        env = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))}
        env.update(PATH=os.environ["PATH"], LC_ALL="C.UTF-8", TZ="UTC", HERE=self.dir)
        process = subprocess.Popen([self.ctl, *args], stdin=subprocess.DEVNULL, text=True,
                                   env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def run(self, *args):
        process = self.start(*args)
        out, err = process.communicate(timeout=TIMEOUT)
        return process.returncode, out, err

    def remove(self):
        for process in self.processes:
            process.kill()
            process.communicate()
        scratch.remove(self.dir)


@pytest.fixture
def local():
    made = Local()
    yield made
    made.remove()


def test_worker_is_given_what_it_needs_and_no_more(local):
    local.worker("""
fds = sorted(int(n) for n in os.listdir("/proc/self/fd") if int(n) > 3)
blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
out = {"argv": sys.argv[1:], "blocked": len(blocked), "group": os.getpgrp() == os.getpid(),
       "fds": [n for n in fds if os.path.exists("/proc/self/fd/%d" % n)],
       "stdin": os.readlink("/proc/self/fd/0")}
print("a line of a library")
with open(os.environ["HERE"] + "/seen", "w") as f:
    json.dump(out, f)
done()
""")
    rc, out, err = local.run("run", "--local", "bob", "--dry-run", "--config", "/some/file.conf")
    assert rc == 0
    with open(local.path("seen"), encoding="utf-8") as f:
        seen = json.load(f)
    assert seen == {"argv": ["--config", "/some/file.conf", "--account", "bob", "--event-fd", "3",
                             "--dry-run"], "blocked": 0, "group": True, "fds": [],
                    "stdin": "/dev/null"}
    assert out.startswith("bob: done in 10 s") and err == "a line of a library\n"


def test_same_json_as_from_the_daemon(local):
    local.worker("""
emit("progress", account="bob", done=1, total=2)
emit("log", level="info", text="hello")
done(1, result="partial", failed=1)
""")
    rc, out, err = local.run("run", "--local", "bob", "--json")
    assert (rc, err) == (1, "")
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["progress", "log", "done"]


def test_plan_local(local):
    local.worker("""
assert "--dry-run" in sys.argv
emit("folder", account="bob", folder="INBOX", destination="INBOX", messages=3, copied=2, bytes=10,
     flags_updated=0, created=True, result="ok")
done(dry_run=True, copied=2)
""")
    rc, out, _ = local.run("plan", "bob", "--local")
    assert rc == 0 and "will be created" in out and "would copy" in out
    assert local.run("run", "bob", "--local", "--dry-run")[:2] == (0, out)


def test_configuration_errors(local):
    local.worker("""
emit("config", errors=["/etc/mailmig.conf:3: no such key; did you mean host", "/x:9: y; z"])
sys.exit(3)
""")
    rc, out, err = local.run("run", "--local", "bob")
    assert (rc, out) == (3, "")
    assert err.splitlines()[:2] == ["/etc/mailmig.conf:3: no such key; did you mean host",
                                    "/x:9: y; z"]


@pytest.mark.parametrize("body, code, words", [
    ("sys.exit(0)", 10, "without a result, with code 0"),
    ("sys.exit(5)", 5, "without a result, with code 5"),
    ("sys.exit(99)", 10, "without a result, with code 99"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", 10, "signal 11"),
    ("channel.close(); sys.exit(2)", 2, "without a result"),
    ("channel.sendall(b'nonsense\\0'); wait_cancel()", 10, "not an event"),
])
def test_worker_that_fails(local, body, code, words):
    local.worker(body + "\n")
    rc, out, err = local.run("run", "--local", "bob")
    assert (rc, out) == (code, "")
    assert words in err and err.splitlines()[1].startswith("  ")


def test_child_of_the_worker_that_stays_is_not_waited_for(local):
    local.worker("""
if os.fork() == 0:
    os.close(1); os.close(2)
    with open(os.environ["HERE"] + "/wait") as f:   # a FIFO: until the test has seen enough
        f.read()
    os._exit(0)
done()
""")
    os.mkfifo(local.path("wait"))
    rc, out, _ = local.run("run", "--local", "bob")
    assert rc == 0 and out.startswith("bob: done")
    with open(local.path("wait"), "w", encoding="utf-8"):
        pass


WAITS = """
emit("progress", account="bob", done=1, total=2)
assert wait_cancel() == {"cancel": True}
emit("progress", account="bob", done=2, total=2)
done(9, result="cancelled")
"""


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_signal_cancels_and_waits(local, sig):
    local.worker(WAITS)
    process = local.start("run", "--local", "bob", "carol", "--json")
    process.stdout.readline()
    process.send_signal(sig)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 9
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["progress", "done"]
    assert ("Ctrl-C again kills it" in err) == (sig == signal.SIGINT)


def test_signal_before_the_first_event(local):
    local.worker("""
with open(os.environ["HERE"] + "/ready", "w") as f:
    f.write("x")
assert wait_cancel() == {"cancel": True}
done(9, result="cancelled")
""")
    os.mkfifo(local.path("ready"))
    process = local.start("run", "--local", "bob")
    with open(local.path("ready"), encoding="utf-8") as f:
        f.read()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 9 and "cancelled" in out


def test_second_ctrl_c_kills(local):
    local.worker("""
emit("progress", account="bob", done=1, total=2)
wait_cancel()
emit("progress", account="bob", done=1, total=2)
signal.pause()
""")
    process = local.start("run", "--local", "bob", "--json")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 9 and "killed" in err


def test_several_accounts_one_after_the_other(local):
    local.worker("""
name = sys.argv[sys.argv.index("--account") + 1]
code = {"a": 1, "b": 6, "c": 0}[name]
done(code, account=name, result="failed" if code > 1 else "ok")
""")
    rc, out, _ = local.run("run", "--local", "a", "b", "c")
    assert rc == 6
    assert [line.split(":")[0] for line in out.splitlines() if line[0] != " "] == ["a", "b", "c"]
    rc, out, _ = local.run("run", "--local", "a", "b", "c", "--fail-fast")
    assert rc == 1 and "b:" not in out


def test_missing_worker(local):
    rc, out, err = local.run("run", "--local", "bob")
    assert (rc, out) == (10, "") and "cannot find mailmig-worker" in err


def test_worker_that_cannot_be_started(local):
    with open(local.path("mailmig-worker"), "w", encoding="utf-8") as out:
        out.write("#!/nonexistent/interpreter\n")
    os.chmod(local.path("mailmig-worker"), 0o755)
    rc, _, err = local.run("run", "--local", "bob")
    assert rc == 10 and "cannot start" in err
