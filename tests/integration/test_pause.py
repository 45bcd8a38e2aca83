# SPDX-License-Identifier: Apache-2.0
"""Paused accounts: mailmigctl pause, resume, and the methods below them."""

import os
import signal
import sqlite3
import subprocess

import pytest

from daemon_rig import (BUILD, CONTROL, daemon, make, run_once)  # pylint: disable=unused-import

# pylint: disable=redefined-outer-name


def ctl(daemon, *args):
    return subprocess.run([os.path.join(BUILD, "mailmigctl"), "--socket", daemon.socket, *args],
                          check=False, capture_output=True, text=True)


def test_verbs(make):
    daemon = make(["alice", "bob"]).start()
    paused = ctl(daemon, "pause", "alice")
    assert (paused.returncode, paused.stdout) == (0, "alice: paused\n")
    assert "paused" in ctl(daemon, "status").stdout
    assert "mailmigctl resume alice" in ctl(daemon, "status", "alice").stdout
    refused = ctl(daemon, "run", "alice")
    assert refused.returncode == 8
    assert "mailmigctl resume alice" in refused.stderr
    assert ctl(daemon, "pause", "alice").returncode == 0  # as it is already
    resumed = ctl(daemon, "resume", "alice", "bob")
    assert resumed.returncode == 0 and "alice: " in resumed.stdout
    assert daemon.account()["state"] == "never-run"
    unknown = ctl(daemon, "pause", "nobody", "bob")
    assert unknown.returncode == 3 and "nobody" in unknown.stderr
    assert daemon.account("bob")["state"] == "paused"  # the others all the same
    entries = daemon.log()
    assert entries.count("alice: paused") == 1 and entries.count("alice: resumed") == 1


def test_paused_does_not_run(make):
    daemon = make(["alice", "bob"]).start()
    assert daemon.call("Pause", account="alice")["parameters"] == {"ending": False}
    assert daemon.account()["state"] == "paused" and daemon.account()["paused"]
    assert daemon.call("Run", accounts=["bob", "alice"]) == {
        "error": CONTROL + "AccountPaused", "parameters": {"account": "alice"}}
    with daemon.client() as c:  # all but the paused one
        assert [r["account"] for r in c.follow(all=True)] == ["bob"]
        daemon.worker().done()
        c.until_done()
    daemon.call("Pause", account="bob")
    assert "not paused" in daemon.call("Run", all=True)["parameters"]["text"]
    daemon.call("Resume", account="alice")
    assert run_once(daemon)["exit_code"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_pause_outlives_the_daemon(daemon, number):
    run_once(daemon)
    daemon.call("Pause", account="alice")
    daemon.signal(number)
    daemon.process.wait(30)
    daemon.start()
    assert daemon.account()["state"] == "paused"
    daemon.notify.until("STATUS=0 running, 0 queued, 0 idle, 1 paused")
    daemon.write_config(["alice", "bob"])
    daemon.call("Reload")
    daemon.notify.until("RELOADING=1")
    daemon.notify.until("READY=1")
    assert daemon.account()["state"] == "paused"
    daemon.call("Resume", account="alice")
    daemon.stop()
    daemon.start()
    assert daemon.account()["state"] == "idle"


def test_running_one_ends_at_the_next_border(make):
    daemon = make(["a", "b"], max_jobs=1).start()
    with daemon.client() as c:
        c.follow(accounts=["a", "b"])
        worker = daemon.worker()
        assert daemon.call("Pause", account="b")["parameters"] == {"ending": False}  # queued
        assert daemon.account("b")["state"] == "paused"
        assert daemon.call("Pause", account="a")["parameters"] == {"ending": True}
        assert worker.take() == {"cancel": True}
        assert (daemon.account("a")["state"], daemon.account("a")["paused"]) == (
            "running", True)
        worker.done(result="cancelled", exit_code=9)
        assert {s["result"] for s in c.until_done()[1]["summaries"]} == {"cancelled"}
    assert daemon.account("a")["state"] == "paused"
    daemon.stop()
    daemon.start()  # and nothing of it comes back by itself
    assert daemon.account("a")["state"] == daemon.account("b")["state"] == "paused"
    daemon.call("Resume", account="a")
    assert run_once(daemon, "a")["exit_code"] == 0


def test_dry_runs_stay_allowed(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"], dry_run=True)
        worker = daemon.worker()
        assert daemon.call("Pause", account="alice")["parameters"] == {"ending": False}
        worker.order("exit", status=0)  # of a run that was asked to end it would be "cancelled"
        assert c.until_done()[1]["summaries"][0]["result"] == "interrupted"
        c.follow(accounts=["alice"], dry_run=True)
        daemon.worker().done()
        assert c.until_done()[1]["exit_code"] == 0


def test_pause_that_cannot_be_recorded(daemon):
    """In force, but said: nobody must rely on it after a restart."""
    run_once(daemon)
    subprocess.run(["prlimit", "--pid", str(daemon.process.pid), "--fsize=1:"], check=True)
    answer = daemon.call("Pause", account="alice")
    assert answer["error"] == CONTROL + "Failed" and answer["parameters"]["exit_code"] == 10
    assert daemon.account()["state"] == "paused"
    subprocess.run(["prlimit", "--pid", str(daemon.process.pid), "--fsize=unlimited:"],
                   check=True)
    assert "parameters" in daemon.call("Pause", account="alice")  # once more, for the disk
    daemon.signal(signal.SIGKILL)
    daemon.process.wait()
    daemon.start()
    assert daemon.account()["state"] == "paused"


def test_pause_outlives_trouble_with_the_disk(daemon):
    """What could not be read at the start is read when it can be, and not overwritten."""
    run_once(daemon)
    daemon.call("Pause", account="alice")
    daemon.stop()
    path = os.path.join(daemon.state, "mailmig.db")
    os.rename(path, path + ".away")
    os.mkdir(path)  # nothing that SQLite can open
    daemon.start()
    assert daemon.account()["state"] == "never-run"
    os.rmdir(path)
    os.rename(path + ".away", path)
    assert daemon.call("Run", accounts=["alice"])["error"] == CONTROL + "AccountPaused"
    assert daemon.account()["state"] == "paused"


def test_pause_outlives_a_corrupt_file(make):
    daemon = make(["alice", "bob"]).start()
    for _ in range(30):
        run_once(daemon, "bob")
    daemon.call("Pause", account="alice")
    path = os.path.join(daemon.state, "mailmig.db")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        pages = db.execute("PRAGMA page_count").fetchone()[0]
    with open(path, "r+b") as f:
        f.seek(4096)
        f.write(b"\xa5" * 4096 * (pages - 1))
    with sqlite3.connect(path) as db:  # the daemon's own cache would hide it
        db.execute("PRAGMA user_version = 3")
    run_once(daemon, "bob")
    assert "corrupt" in daemon.log()
    daemon.signal(signal.SIGKILL)
    daemon.process.wait()
    daemon.start()
    assert daemon.account("alice")["state"] == "paused"
