# SPDX-License-Identifier: Apache-2.0
"""mailmigd: what its end leaves, and what the next one takes up."""

import fcntl
import json
import os
import signal
import socket
import sqlite3

import pytest

from daemon_rig import (DEADLINE, daemon, make, run_once)  # pylint: disable=unused-import

# pylint: disable=redefined-outer-name


def results(daemon, account="alice"):
    """Newest first."""
    runs = daemon.call("History", account=account)["parameters"]["runs"]
    return [(r["result"], r["exit_code"]) for r in runs]


def kill(daemon, *workers):
    daemon.signal(signal.SIGKILL)
    daemon.process.wait()
    for worker in workers:
        worker.wait_gone()


def finish(daemon, account="alice"):
    """Join the run that the daemon has, and let it end well."""
    with daemon.client() as c:
        runs = c.follow(accounts=[account])
        worker = daemon.worker()
        assert worker.job["account"] == account and worker.job["run_id"] == runs[0]["run"]
        worker.done()
        assert c.until_done()[1]["exit_code"] == 0


def idle_after_restart(daemon):
    daemon.stop()
    daemon.start()
    daemon.notify.until("STATUS=0 running, 0 queued")
    assert daemon.conductor.nobody_waits()


def test_stopped_runs_are_taken_up(make):
    daemon = make(["a", "b"], max_jobs=1).start()
    daemon.call("Run", accounts=["a", "b"])
    worker = daemon.worker()
    daemon.signal(signal.SIGTERM)
    assert worker.take() == {"cancel": True}
    worker.done(result="cancelled", exit_code=9, copied=7)
    assert daemon.process.wait(DEADLINE) == 0
    daemon.start()
    assert daemon.log().count("is taken up") == 2
    last = daemon.account("a")["last_run"]
    assert (last["result"], last["exit_code"], last["copied"]) == ("interrupted", 9, 7)
    assert "mailmigd was stopped" in last["errors"][0]["text"]
    assert [daemon.account(n)["state"] for n in "ab"] == ["running", "queued"]
    finish(daemon, "a")
    finish(daemon, "b")
    assert results(daemon, "a") == [("ok", 0), ("interrupted", 9)]
    assert results(daemon, "b") == [("ok", 0)]
    idle_after_restart(daemon)


def test_stop_is_no_failure(daemon):
    """Neither the state of the account nor the status text calls for anybody."""
    daemon.call("Run", accounts=["alice"])
    worker = daemon.worker()
    daemon.signal(signal.SIGTERM)
    assert worker.take() == {"cancel": True}
    worker.done(result="cancelled", exit_code=9)
    assert daemon.process.wait(DEADLINE) == 0
    daemon.write_config([("alice", "old", "new", "enabled = false;")])  # not taken up
    daemon.start()
    assert "failing" not in daemon.notify.until("STATUS=0 running, 0 queued, 1 idle")
    account = daemon.account()
    assert (account["state"], account["last_run"]["result"]) == ("idle", "interrupted")


def test_dry_and_cancelled_runs_are_not_taken_up(make):
    daemon = make(["a", "b"]).start()
    daemon.call("Run", accounts=["a"], dry_run=True)
    dry = daemon.worker()
    daemon.call("Run", accounts=["b"])
    cancelled = daemon.worker()
    daemon.call("Cancel", account="b")
    assert cancelled.take() == {"cancel": True}
    daemon.signal(signal.SIGTERM)
    assert dry.take() == {"cancel": True}
    dry.done(result="cancelled", exit_code=9)
    cancelled.done(result="cancelled", exit_code=9)
    assert daemon.process.wait(DEADLINE) == 0
    daemon.start()
    daemon.notify.until("STATUS=0 running, 0 queued, 2 idle")
    assert daemon.conductor.nobody_waits()
    assert results(daemon, "b") == [("cancelled", 9)]


def test_ended_runs_are_not_taken_up(daemon):
    run_once(daemon)
    idle_after_restart(daemon)
    run_once(daemon, result="failed", exit_code=6)
    kill(daemon)
    daemon.start()
    daemon.notify.until("STATUS=0 running, 0 queued, 1 idle; 1 failing")
    assert daemon.conductor.nobody_waits()


def test_killed_daemon_takes_up_three_times(daemon):
    """A run that kills its daemon must not do so for ever."""
    daemon.call("Run", accounts=["alice"])
    for _ in range(3):
        kill(daemon, daemon.worker())
        daemon.start()
    kill(daemon, daemon.worker())
    daemon.start()
    daemon.notify.until("STATUS=0 running, 0 queued, 1 idle; 1 failing")
    assert daemon.conductor.nobody_waits()
    assert "taken up 3 times" in daemon.log()
    assert results(daemon) == [("interrupted", 10)] * 4
    assert run_once(daemon)["exit_code"] == 0


@pytest.mark.parametrize("change", ["removed", "disabled"])
def test_what_is_not_to_run_is_not_taken_up(daemon, change):
    daemon.call("Run", accounts=["alice"])
    kill(daemon, daemon.worker())
    daemon.write_config([] if change == "removed" else [
        ("alice", "old", "new", "enabled = false;")])
    daemon.start()
    daemon.write_config(["alice"])  # back again: what was asked then is forgotten
    daemon.call("Reload")
    daemon.notify.until("READY=1")
    idle_after_restart(daemon)


def test_worker_that_hangs_is_killed(make):
    """Stopped by SIGSTOP it reads nothing and minds no SIGTERM."""
    daemon = make()
    daemon.env["MAILMIG_CANCEL_GRACE"] = "200ms"
    daemon.start()
    daemon.call("Run", accounts=["alice"])
    worker = daemon.worker()
    os.kill(worker.pid, signal.SIGSTOP)
    daemon.signal(signal.SIGTERM)
    assert "EXTEND_TIMEOUT_USEC=20000000" in daemon.notify.until("STOPPING=1")
    assert daemon.process.wait(20) == 0
    worker.wait_gone()
    with sqlite3.connect(os.path.join(daemon.state, "mailmig.db")) as db:
        assert db.execute("SELECT result FROM runs").fetchall() == [("interrupted",)]
    daemon.start()
    finish(daemon)


def test_a_worker_left_over_is_waited_for(daemon):
    """What has the account's lock is at work on it: nothing is started beside it."""
    daemon.call("Run", accounts=["alice"])
    kill(daemon, daemon.worker())
    accounts = os.path.join(daemon.state, "accounts")
    os.makedirs(accounts, exist_ok=True)
    with open(os.path.join(accounts, "alice.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        daemon.start()
        daemon.notify.until("STATUS=0 running, 1 queued")
        assert daemon.conductor.nobody_waits()
    finish(daemon)


def test_run_with_credentials_of_its_client(daemon):
    """They came with the request and went with the daemon: the client asks again, nobody else."""
    directory = os.open(daemon.dir, os.O_RDONLY)
    with daemon.client() as c:
        request = {"method": "io.mailmig.Control.Run", "parameters": {"accounts": ["alice"]}}
        socket.send_fds(c.sock, [json.dumps(request).encode() + b"\0"], [directory])
        assert "runs" in c.next()["parameters"]
    os.close(directory)
    worker = daemon.worker()
    assert "--credentials-fd" in worker.facts["argv"]
    daemon.signal(signal.SIGTERM)
    assert worker.take() == {"cancel": True}
    worker.done(result="cancelled", exit_code=9)
    assert daemon.process.wait(DEADLINE) == 0
    daemon.start()
    daemon.notify.until("STATUS=0 running, 0 queued, 1 idle")
    assert daemon.conductor.nobody_waits()
    assert results(daemon) == [("interrupted", 9)]
    assert run_once(daemon)["exit_code"] == 0
