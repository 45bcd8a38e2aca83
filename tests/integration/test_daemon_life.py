# SPDX-License-Identifier: Apache-2.0
"""mailmigd: history, configuration, access, journal, start and end."""

import fcntl
import glob
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import time

import pytest

from daemon_rig import (BUILD, CONTROL, ROOT, SERVICE, Gone, daemon,  # pylint: disable=unused-import
                        eventually, make, run_once)

# pylint: disable=redefined-outer-name

# ---- history ----

def test_history_survives_a_restart(make):
    daemon = make().start()
    run_once(daemon, copied=1, total_messages=10, total_bytes=1000)
    run_once(daemon, result="failed", exit_code=6, total_messages=10, total_bytes=1000,
             errors=[{"folder": None, "uid": None, "class": "connect", "text": "no route",
                      "advice": "look"}])
    before = daemon.account()
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.account() == before
    runs = daemon.call("History", account="alice")["parameters"]["runs"]
    assert [r["result"] for r in runs] == ["failed", "ok"]
    assert {**runs[0], "folders": [], "folders_left_out": 0} == before["last_run"]
    assert len(daemon.call("History", account="alice", limit=1)["parameters"]["runs"]) == 1
    assert daemon.call("History", account="alice", limit=0)["parameters"] == {
        "parameter": "limit"}


def test_folders_survive_a_restart(make):
    daemon = make().start()
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.event("folder", folder="Entwürfe", messages=3, result="ok")
        worker.done()
        c.until_done()
    before = daemon.account()
    assert before["last_run"]["folders"][0]["folder"] == "Entwürfe"
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.account() == before


def test_killed_daemon_leaves_an_interrupted_run(make):
    daemon = make().start()
    daemon.call("Run", accounts=["alice"])
    worker = daemon.worker()
    daemon.signal(signal.SIGKILL)
    daemon.process.wait()
    worker.wait_gone()
    daemon.start()
    account = daemon.account()
    assert account["state"] == "running"  # taken up again
    assert (account["last_run"]["result"], account["last_run"]["exit_code"]) == (
        "interrupted", 10)
    assert account["last_run"]["id"] == worker.job["run_id"]


def test_corrupt_history_is_set_aside(make):
    daemon = make()
    os.mkdir(daemon.state)
    with open(os.path.join(daemon.state, "mailmig.db"), "wb") as f:
        f.write(b"this is no database" * 1000)
    daemon.start()
    assert run_once(daemon)["exit_code"] == 0
    names = os.listdir(daemon.state)
    assert [n for n in names if n.startswith("mailmig.db.damaged-")]
    assert "corrupt" in daemon.log()
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.account()["last_run"]["result"] == "ok"


def test_full_disk_for_the_history(make):
    """RLIMIT_FSIZE stands in for a full disk: SQLite's writes fail alike."""
    daemon = make()
    daemon.start()
    run_once(daemon)
    errors = [{"folder": "F", "uid": 1, "class": "other", "text": "x" * 900, "advice": "y" * 900}]
    subprocess.run(["prlimit", "--pid", str(daemon.process.pid), "--fsize=32768:"], check=True)
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.event("folder", folder="F", messages=90, failed=90)
        worker.done(result="partial", exit_code=1, errors=errors * 90)
        assert c.until_done()[1]["exit_code"] == 1
    assert daemon.account()["last_run"]["result"] == "partial"
    assert daemon.account()["last_run"]["folders"][0]["failed"] == 90
    assert "going on without" in daemon.log()
    subprocess.run(["prlimit", "--pid", str(daemon.process.pid), "--fsize=unlimited:"],
                   check=True)
    run_once(daemon, copied=4)
    runs = daemon.call("History", account="alice")["parameters"]["runs"]
    assert [r["result"] for r in runs] == ["ok", "partial", "ok"]
    assert daemon.account()["last_run"]["copied"] == 4
    assert daemon.account()["last_run"]["folders"] == []


# ---- configuration ----

def test_check(make):
    daemon = make(["a", "b"])
    program = os.path.join(daemon.bin, "mailmigd")
    good = subprocess.run([program, "--config", daemon.config, "--check"], check=False,
                          capture_output=True, text=True)
    assert (good.returncode, good.stdout, good.stderr) == (0, "ok: 2 accounts\n", "")
    daemon.write_raw_config('max_jobs = "many";\nnonsense = 1;\n')
    bad = subprocess.run([program, "--config", daemon.config, "--check"], check=False,
                         capture_output=True, text=True)
    assert bad.returncode == 3 and bad.stdout == ""
    assert "%s:1:" % daemon.config in bad.stderr and "%s:2:" % daemon.config in bad.stderr
    started = daemon.spawn()
    assert started.wait(30) == 3
    assert "%s:2:" % daemon.config in daemon.log()


@pytest.mark.parametrize("how", ["method", "SIGHUP"])
def test_reload(make, how):
    daemon = make(["a", "b"], max_jobs=1).start()
    with daemon.client() as running, daemon.client() as waiting:
        running.follow(accounts=["a"])
        worker = daemon.worker()
        waiting.follow(accounts=["b"])
        daemon.write_config(["a", "c"], max_jobs=2)
        if how == "method":
            assert daemon.call("Reload")["parameters"] == {"accounts": 2}
        else:
            daemon.signal(signal.SIGHUP)
        # b is gone before it started; a runs on with what it was given.
        assert waiting.until_done()[1]["summaries"][0]["result"] == "cancelled"
        assert [x["name"] for x in daemon.status()["accounts"]] == ["a", "c"]
        worker.done()
        assert running.until_done()[1]["exit_code"] == 0
    assert daemon.account("a")["last_run"]["result"] == "ok"
    daemon.notify.until("RELOADING=1")
    daemon.notify.until("READY=1")


def test_reload_keeps_what_is_known(make):
    daemon = make(["a"]).start()
    run_once(daemon, "a", copied=3)
    before = daemon.account("a")
    daemon.write_config(["z", "a"])
    daemon.call("Reload")
    assert daemon.account("a") == before


def test_bad_reload_changes_nothing(daemon):
    daemon.write_raw_config("nonsense = 1;\nworse = 2;\n")
    answer = daemon.call("Reload")
    assert answer["error"] == CONTROL + "ConfigInvalid"
    lines = answer["parameters"]["errors"]
    assert any(l.startswith("%s:1: " % daemon.config) for l in lines)
    assert any(l.startswith("%s:2: " % daemon.config) for l in lines)
    assert "rejected" in daemon.log()
    assert run_once(daemon)["exit_code"] == 0


def test_no_accounts(make):
    daemon = make([])
    daemon.start()
    assert "no accounts configured" in daemon.notify.until("STATUS=")
    assert daemon.call("Run", accounts=[], all=True)["error"] == CONTROL + "Failed"


# ---- access ----

def as_nobody(daemon, method="Version"):
    """One call as another user."""
    script = ("import socket,sys\n"
              "s=socket.socket(socket.AF_UNIX)\n"
              "s.connect(sys.argv[1])\n"
              "s.sendall(sys.argv[2].encode()+b'\\0')\n"
              "d=b''\n"
              "while not d.endswith(b'\\0'):\n"
              "    d+=s.recv(65536)\n"
              "print(d[:-1].decode())\n")
    return subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c",
         script, daemon.socket, json.dumps({"method": method})],
        check=False, capture_output=True, text=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_strangers(daemon):
    os.chmod(daemon.dir, 0o755)
    assert "PermissionError" in as_nobody(daemon).stderr  # the socket's mode
    os.chmod(daemon.socket, 0o666)
    answer = json.loads(as_nobody(daemon, CONTROL + "Version").stdout)
    assert answer == {"error": CONTROL + "PermissionDenied", "parameters": {"uid": 65534}}
    answer = json.loads(as_nobody(daemon, CONTROL + "Reload").stdout)
    assert answer["error"] == CONTROL + "PermissionDenied"
    assert "error" not in json.loads(as_nobody(daemon, SERVICE + "GetInfo").stdout)


def test_socket_mode(daemon):
    st = os.stat(daemon.socket)
    assert stat.S_ISSOCK(st.st_mode)
    assert stat.S_IMODE(st.st_mode) == 0o660


# ---- journal ----

def test_every_entry_is_in_the_catalog():
    ids = []
    for path in glob.glob(os.path.join(ROOT, "src", "*", "*.h")):
        with open(path, encoding="utf-8") as f:
            ids += re.findall(r'#define MESSAGE_\w+\s+"([0-9a-f]{32})"', f.read())
    with open(os.path.join(ROOT, "systemd", "mailmig.catalog"), encoding="utf-8") as f:
        entries = re.split(r"^-- ([0-9a-f]{32})$", f.read(), flags=re.M)[1:]
    texts = dict(zip(entries[::2], entries[1::2]))
    assert sorted(ids) == sorted(texts) and len(ids) == len(set(ids))
    for text in texts.values():
        head, *paragraphs = text.strip().split("\n\n")
        assert head.startswith("Subject: ") and "Defined-By: mailmig" in head
        assert len(paragraphs) == 3  # what happened, what mailmig did, what you can do


# ---- start and end ----

def test_second_daemon_on_the_same_state(daemon):
    second = daemon.spawn(env={"MAILMIG_SOCKET": daemon.socket + "2"})
    assert second.wait(30) == 10
    assert "another mailmigd uses state directory" in daemon.log()
    assert daemon.call("Version")["parameters"]["pid"] == daemon.process.pid


def test_second_daemon_on_the_same_socket(daemon, make):
    other = make()
    second = other.spawn(env={"MAILMIG_SOCKET": daemon.socket})
    assert second.wait(30) == 10
    assert "another daemon answers" in other.log()
    assert daemon.call("Version")["parameters"]["pid"] == daemon.process.pid


def test_daemons_that_start_at_once_on_one_socket(daemon, make):
    """Between the look and the bind of one there is no place for another."""
    others = [make() for _ in range(3)]
    daemon.stop()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(daemon.socket)  # stale
    with open(daemon.socket + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as if one had just looked
        assert daemon.spawn().wait(30) == 10
        assert "another daemon answers at %s" % daemon.socket in daemon.log()
        assert os.path.exists(daemon.socket)
    started = [d.spawn(env={"MAILMIG_SOCKET": daemon.socket}) for d in others]
    eventually(lambda: sum(p.poll() is None for p in started) == 1, "not one is left")
    left = next(i for i, p in enumerate(started) if p.returncode is None)
    others[left].notify.until("READY=1")
    assert [p.wait(30) for i, p in enumerate(started) if i != left] == [10, 10]
    assert daemon.call("Version")["parameters"]["pid"] == started[left].pid


def test_stale_socket_and_foreign_file(make):
    daemon = make()
    os.mkdir(os.path.dirname(daemon.socket))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(daemon.socket)
    daemon.start()
    assert daemon.stop() == 0
    assert not os.path.exists(daemon.socket)
    with open(daemon.socket, "w", encoding="utf-8") as f:
        f.write("precious")
    assert daemon.spawn().wait(30) == 10
    assert open(daemon.socket, encoding="utf-8").read() == "precious"


def test_socket_of_systemd(make):
    """A listening socket at descriptor 3, as systemd passes it."""
    daemon = make()
    path = os.path.join(daemon.dir, "given")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)

    launcher = ("import os,sys\n"
                "os.dup2(int(sys.argv[1]),3)\n"
                "os.environ.update(LISTEN_PID=str(os.getpid()),LISTEN_FDS='1')\n"
                "os.execv(sys.argv[2],sys.argv[2:])\n")
    daemon.process = daemon.spawn(
        launcher=["/usr/bin/python3", "-c", launcher, str(listener.fileno())],
        pass_fds=[listener.fileno()])
    listener.close()
    daemon.notify.until("READY=1")
    assert not os.path.exists(daemon.socket)
    daemon.socket = path
    assert run_once(daemon)["exit_code"] == 0
    assert daemon.stop() == 0
    assert os.path.exists(path)  # not ours to remove


def test_notify(make):
    daemon = make(["a", "b", "c"], max_jobs=1)
    daemon.env["WATCHDOG_USEC"] = "200000"
    daemon.start()
    daemon.notify.until("STATUS=0 running, 0 queued, 3 idle")
    with daemon.client() as c:
        c.follow(accounts=["a", "b"])
        daemon.notify.until("STATUS=1 running, 1 queued, 1 idle")
        daemon.worker().done(result="failed", exit_code=6)
        daemon.notify.until("STATUS=1 running, 0 queued, 2 idle; 1 failing")
        daemon.worker().done()
        c.until_done()
    daemon.notify.until("STATUS=0 running, 0 queued, 3 idle; 1 failing")
    daemon.notify.until("WATCHDOG=1")
    daemon.signal(signal.SIGTERM)
    stopping = daemon.notify.until("STOPPING=1")
    assert "EXTEND_TIMEOUT_USEC=20000000" in stopping


def test_without_systemd_all_is_quiet(make):
    daemon = make()
    daemon.env.pop("NOTIFY_SOCKET")
    daemon.process = daemon.spawn()
    eventually(lambda: os.path.exists(daemon.socket), "no socket")

    def answers():
        try:
            return "parameters" in daemon.call("Version")
        except ConnectionRefusedError:
            return False

    eventually(answers, "no answer")
    assert run_once(daemon)["exit_code"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_drains(make, number):
    daemon = make(["a", "b"], max_jobs=1).start()
    c = daemon.client()
    c.follow(accounts=["a", "b"])
    worker = daemon.worker()
    daemon.signal(number)
    assert worker.take() == {"cancel": True}
    daemon.notify.until("STOPPING=1")
    with pytest.raises((ConnectionRefusedError, Gone)):
        # Not accepted any more: systemd's socket keeps it for the next daemon.
        late = daemon.client()
        late.sock.settimeout(0.2)
        try:
            late.call("Version")
        except socket.timeout:
            raise Gone from None
        finally:
            late.close()
    worker.done(result="cancelled", exit_code=9)
    events, last = c.until_done()
    assert {(e["account"], e["result"]) for e in events if e["event"] == "done"} == {
        ("a", "interrupted"), ("b", "interrupted")}
    assert last["exit_code"] == 9 and last["stopping"]
    assert daemon.process.wait(30) == 0
    assert not os.path.exists(daemon.socket)
    with sqlite3.connect(os.path.join(daemon.state, "mailmig.db")) as db:
        assert db.execute("SELECT account, result FROM runs").fetchall() == [("a", "interrupted")]


def test_stop_with_a_stubborn_worker(make):
    daemon = make()
    daemon.env["MAILMIG_CANCEL_GRACE"] = "200ms"
    daemon.start()
    daemon.call("Run", accounts=["alice"])
    worker = daemon.worker()
    worker.order("stubborn")
    assert worker.hear()
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(30) == 0
    worker.wait_gone()


def test_second_signal_does_not_wait(daemon):
    daemon.call("Run", accounts=["alice"])
    worker = daemon.worker()
    worker.order("stubborn")
    assert worker.hear()
    daemon.signal(signal.SIGTERM)
    assert worker.take() == {"cancel": True}
    begun = time.monotonic()
    daemon.signal(signal.SIGTERM)
    assert daemon.process.wait(30) == 0
    assert time.monotonic() < begun + 10  # and not the 15 s of a patient end
    worker.wait_gone()


def test_options():
    program = os.path.join(BUILD, "mailmigd")

    def run(*args):
        return subprocess.run([program, *args], check=False, capture_output=True, text=True)

    assert run("--version").stdout.startswith("mailmigd ")
    assert "--config" in run("--help").stdout
    assert run("--nonsense").returncode == 2
    assert run("surplus").returncode == 2
