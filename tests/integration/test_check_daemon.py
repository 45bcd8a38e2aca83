# SPDX-License-Identifier: Apache-2.0
"""The daemon's side of mailmigctl check: its workers are played by the test."""

import signal

from daemon_rig import (daemon, eventually, make,  # noqa: F401  pylint: disable=unused-import
                        run_once)
from test_timers import machine  # noqa: F401  pylint: disable=unused-import


# ---- with systemd ----

def test_timers(machine):
    def line(account):
        with machine.daemon.client() as client:
            client.send("io.mailmig.Control.Check", {"accounts": [account]}, more=True)
            client.next()
            machine.daemon.worker().done()
            events, _ = client.until_done()
        lines = [e for e in events if e.get("item") == "timer"]
        return lines[0] if lines else None

    assert line("dave@old.example") is None  # without a schedule nobody waits for a timer
    before = line("bob")
    assert before["result"] == "warn" and before["advice"] == "mailmigctl enable bob"
    machine.ctl("enable", "bob")
    eventually(lambda: line("bob")["result"] == "ok", "the daemon does not see the timer")
    assert "next run 20" in line("bob")["text"]


# ---- the daemon's side, with workers played by the test ----

def children(daemon):
    pid = daemon.process.pid
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
        return [int(n) for n in f.read().split()]


def test_some_at_a_time_and_none_for_nobody(make):
    daemon = make(accounts=["a%d" % n for n in range(6)]).start()
    client = daemon.client()
    client.send("io.mailmig.Control.Check", {}, more=True)
    runs = client.next()["parameters"]["runs"]
    assert [r["account"] for r in runs] == [""] + ["a%d" % n for n in range(6)]
    workers = [daemon.worker() for _ in range(4)]
    assert sorted(w.job["account"] for w in workers) == ["", "a0", "a1", "a2"]
    assert all(w.job["kind"] == "check" and w.job["run_id"] for w in workers)
    daemon.call("Version")
    assert daemon.conductor.nobody_waits()

    # They are no runs: not in the status, not in the way of one.
    assert daemon.status()["daemon"]["jobs_running"] == 0
    assert daemon.account("a0")["state"] == "never-run"
    run_once(daemon, "a0")

    workers[0].done()
    workers.append(daemon.worker())
    client.close()
    daemon.call("Version")
    for worker in workers[1:]:
        worker.done()
    # Whoever reaps a worker starts the next one in the same breath.
    eventually(lambda: not {w.pid for w in workers} & set(children(daemon)), "workers stay")
    assert not children(daemon)
    assert daemon.account("a1")["last_run"] is None


def test_worker_that_dies(daemon):
    client = daemon.client()
    client.send("io.mailmig.Control.Check", {"accounts": ["alice"]}, more=True)
    client.next()
    daemon.worker().order("die", signal=signal.SIGKILL)
    events, last = client.until_done()
    lines = [e for e in events if e["event"] == "check"]
    assert [(e["item"], e["result"], e["exit_code"]) for e in lines][0] == ("worker", "fail", 10)
    assert "SIGKILL" in lines[0]["text"] and "journalctl" in lines[0]["advice"]
    assert last["exit_code"] == 10
    client.close()


def test_daemon_that_stops_waits_for_no_check(make):
    daemon = make().start()
    client = daemon.client()
    client.send("io.mailmig.Control.Check", {"accounts": ["alice"]}, more=True)
    client.next()
    worker = daemon.worker()
    assert daemon.stop() == 0
    assert "leaving although" not in daemon.log()  # what it says when its patience ends
    worker.wait_gone()
    client.close()


def test_check_without_more_is_refused(daemon):
    assert daemon.call("Check")["error"] == "org.varlink.service.ExpectedMore"
    with daemon.client() as client:
        client.send("io.mailmig.Control.Check", {"accounts": ["nobody"]}, more=True)
        assert client.next()["error"] == "io.mailmig.Control.NoSuchAccount"
