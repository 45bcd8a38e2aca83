# SPDX-License-Identifier: Apache-2.0
"""mailmigd: runs, queue, results, bad workers, cancelling; its workers are puppets."""

import json
import os
import signal

import pytest

from daemon_rig import (CONTROL, SERVICE, daemon, make,  # pylint: disable=unused-import
                        run_once)

# pylint: disable=redefined-outer-name

RESULT_KEYS = {"id", "job", "started", "finished", "result", "exit_code", "copied", "present",
               "skipped", "failed", "flags_updated", "deleted", "bytes", "errors"}


# ---- one run ----

def test_run_followed(daemon):
    with daemon.client() as c:
        runs = c.follow(accounts=["alice"])
        assert [r["account"] for r in runs] == ["alice"]
        worker = daemon.worker()
        assert worker.job["account"] == "alice"
        assert worker.job["run_id"] == runs[0]["run"]
        assert worker.job["dry_run"] is False
        worker.event("progress", phase="copy", folder="INBOX", done=1, total=2, bytes_done=10,
                     bytes_total=20, rate=5, eta_seconds=2)
        worker.event("folder", folder="INBOX", destination="INBOX", messages=2, copied=2)
        worker.done(copied=2, bytes=20, total_messages=2, total_bytes=20)
        events, last = c.until_done()

    assert [e["event"] for e in events] == ["progress", "folder", "done"]
    assert all(e["account"] == "alice" and e["run"] == runs[0]["run"] for e in events)
    assert last["exit_code"] == 0
    assert len(last["summaries"]) == 1
    assert last["summaries"][0]["copied"] == 2

    account = daemon.account()
    assert account["state"] == "idle"
    assert RESULT_KEYS <= set(account["last_run"])
    assert account["last_run"]["id"] == runs[0]["run"]
    assert account["last_run"]["result"] == "ok"
    assert account["last_success"] == account["last_run"]["finished"]
    assert account["totals"] == {"messages": 2, "bytes": 20}
    # Time is the daemon's, whatever the worker says.
    assert account["last_run"]["started"] > "2026-01-01T01:00:00Z"


def test_status_is_the_contract(daemon):
    status = daemon.status()
    assert set(status) == {"version", "daemon", "accounts"}
    assert set(status["daemon"]) == {"pid", "since", "jobs_running", "jobs_queued"}
    assert status["daemon"]["pid"] == daemon.process.pid
    account = status["accounts"][0]
    assert {"name", "group", "mode", "enabled", "state", "timer", "last_run", "last_success",
            "totals", "progress"} <= set(account)
    assert (account["group"], account["mode"], account["enabled"]) == (None, "sync", True)
    assert account["state"] == "never-run"
    assert account["timer"].items() >= {"enabled": False, "next": None}.items()
    assert account["last_run"] is None and account["last_success"] is None
    assert account["progress"] is None


def test_status_while_running(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.event("progress", phase="copy", folder="A\x1b[2J", done=7, total=9, bytes_done=1,
                     bytes_total=2, rate=3.5, eta_seconds=4, surplus="x")
        c.next()
        account = daemon.account()
        assert account["state"] == "running"
        assert account["progress"] == {"phase": "copy", "folder": "A?[2J", "done": 7, "total": 9,
                                       "bytes_done": 1, "bytes_total": 2, "rate": 3,
                                       "eta_seconds": 4, "until": None}
        assert daemon.status()["daemon"]["jobs_running"] == 1
        worker.done()
        c.until_done()
    assert daemon.account()["progress"] is None


def test_without_more_answers_at_once(daemon):
    answer = daemon.call("Run", accounts=["alice"])
    assert answer["parameters"]["runs"][0]["account"] == "alice"
    assert "continues" not in answer
    again = daemon.call("Run", accounts=["alice"])
    assert again["error"] == CONTROL + "AlreadyRunning"
    assert again["parameters"] == {"account": "alice",
                                   "run": answer["parameters"]["runs"][0]["run"]}
    daemon.worker().done()


def test_second_follower_joins(daemon):
    with daemon.client() as first, daemon.client() as second:
        runs = first.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.event("progress", phase="copy", folder="F", done=3, total=4, bytes_done=0,
                     bytes_total=0, rate=0, eta_seconds=0)
        first.next()
        assert second.follow(accounts=["alice"]) == runs
        standing = second.next()["parameters"]["event"]
        assert (standing["event"], standing["done"], standing["run"]) == (
            "progress", 3, runs[0]["run"])
        worker.done(copied=5)
        assert first.until_done()[1] == second.until_done()[1]
    assert daemon.conductor.nobody_waits()


def test_dry_run_does_not_join_a_real_one(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        c2 = daemon.client()
        c2.send(CONTROL + "Run", {"accounts": ["alice"], "dry_run": True}, more=True)
        assert c2.next()["error"] == CONTROL + "AlreadyRunning"
        c2.close()
        worker.done()
        c.until_done()


def test_dry_run_is_not_history(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"], dry_run=True)
        worker = daemon.worker()
        assert worker.job["dry_run"] is True
        worker.done(copied=12)
        assert c.until_done()[1]["summaries"][0]["dry_run"] is True
    assert daemon.account()["state"] == "never-run"
    assert daemon.call("History", account="alice")["parameters"]["runs"] == []


FOLDER = {"folder": "INBOX", "destination": "Eingang", "messages": 9, "copied": 4, "present": 2,
          "skipped": 1, "failed": 2, "flags_updated": 3, "bytes": 40, "bytes_total": 90,
          "created": True, "unchanged": False, "result": "failed", "text": "no room"}


def test_folders_are_told_of_an_account_asked_by_name(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.event("folder", **FOLDER)
        worker.event("folder", folder="A\x1b[2J", messages=-1, surplus="x" * 100)
        worker.done(result="partial", exit_code=1)
        events, last = c.until_done()
    assert FOLDER.items() <= events[0].items()
    assert "folders" not in last["summaries"][0]

    run = daemon.account()["last_run"]
    assert run["folders"][0] == FOLDER
    assert run["folders"][1]["folder"] == "A?[2J"
    assert run["folders"][1]["messages"] == 0 and "surplus" not in run["folders"][1]
    assert len(run["folders"]) == 2 and run["folders_left_out"] == 0
    assert "folders" not in daemon.status()["accounts"][0]["last_run"]
    assert "folders" not in daemon.call("History", account="alice")["parameters"]["runs"][0]

    # While another runs it is still the last one; then that has none.
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.event("folder", folder="B")
        c.next()
        assert daemon.account()["last_run"] == run
        worker.order("die", signal=int(signal.SIGKILL))
        c.until_done()
    assert [f["folder"] for f in daemon.account()["last_run"]["folders"]] == ["B"]
    run_once(daemon)
    assert daemon.account()["last_run"]["folders"] == []


def test_folders_of_a_dry_run_are_not_kept(daemon):
    run_once(daemon)
    with daemon.client() as c:
        c.follow(accounts=["alice"], dry_run=True)
        worker = daemon.worker()
        worker.event("folder", **FOLDER)
        worker.done()
        assert c.until_done()[0][0]["event"] == "folder"
    assert daemon.account()["last_run"]["folders"] == []


def test_folders_are_bounded(make):
    """A worker that tells of more folders than anybody has: the answer still fits a message."""
    daemon = make(["a", "b"]).start()
    name = "x" * 200
    for account in ("a", "b"):
        with daemon.client() as c:
            c.follow(accounts=[account])
            worker = daemon.worker()
            one = json.dumps({"event": "folder", "folder": name}).encode() + b"\0"
            worker.raw(one * 6000)
            worker.done()
            c.until_done()
    alone = daemon.account("a")["last_run"]
    assert 2000 < len(alone["folders"]) <= 5000
    assert len(alone["folders"]) + alone["folders_left_out"] == 6000
    assert len(json.dumps(alone["folders"], separators=(",", ":"))) < 1 << 20

    with daemon.client() as c:
        c.send(CONTROL + "Status", {"accounts": ["a", "b"]})
        both = c.next()["parameters"]["status"]
    assert len(json.dumps(both, separators=(",", ":"))) < 1 << 20
    first, second = (x["last_run"] for x in both["accounts"])
    assert len(first["folders"]) > 2000 and "folders" not in second or not second["folders"]


def test_a_client_that_leaves_ends_no_run(daemon):
    c = daemon.client()
    c.follow(accounts=["alice"])
    worker = daemon.worker()
    c.close()
    worker.event("progress", phase="copy", folder="F", done=1, total=1, bytes_done=0,
                 bytes_total=0, rate=0, eta_seconds=0)
    with daemon.client() as other:
        other.follow(accounts=["alice"])
        worker.done(copied=1)
        assert other.until_done()[1]["exit_code"] == 0


def test_partial_and_failed(daemon):
    error = {"folder": "INBOX", "uid": 7, "class": "too-large", "text": "too large",
             "advice": "raise the limit"}
    last = run_once(daemon, result="partial", exit_code=1, failed=1, errors=[error])
    assert last["exit_code"] == 1
    account = daemon.account()
    assert (account["state"], account["last_run"]["result"]) == ("idle", "partial")
    assert account["last_run"]["errors"][0]["uid"] == 7
    assert account["last_success"] is None

    last = run_once(daemon, result="failed", exit_code=5)
    assert last["exit_code"] == 5
    assert daemon.account()["state"] == "failed"


def test_worker_is_started_clean(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        facts = worker.facts
        assert facts["argv"] == ["--job-fd", "3"]
        assert facts["stdin"] == "/dev/null"
        assert facts["pgid"] == facts["pid"]
        assert facts["blocked"] == []
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS"} & set(facts["env"])
        # 0-3, and what the puppet opened itself: its string and the listing.
        assert facts["fds"] == [0, 1, 2, 3, 4, 5]
        worker.done()
        c.until_done()


def test_worker_inherits_nothing(make):
    """Not even what the daemon itself was started with."""
    daemon = make()
    with open("/dev/null", "rb") as surplus:
        daemon.start(pass_fds=[surplus.fileno()])
        assert str(surplus.fileno()) in os.listdir("/proc/%d/fd" % daemon.process.pid)
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        assert worker.facts["fds"] == [0, 1, 2, 3, 4, 5]
        worker.done()
        c.until_done()


def test_worker_dies_with_the_daemon(make):
    d = make()
    d.start()
    d.call("Run", accounts=["alice"])
    worker = d.worker()
    d.signal(signal.SIGKILL)
    d.process.wait()
    d.process = None
    worker.wait_gone()


# ---- bad workers ----

def last_error(daemon):
    return daemon.account()["last_run"]["errors"][0]["text"]


def test_worker_crashes(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        daemon.worker().order("die", signal=int(signal.SIGSEGV))
        _, last = c.until_done()
    assert last["exit_code"] == 10
    assert last["summaries"][0]["result"] == "interrupted"
    assert daemon.account()["state"] == "failed"
    assert "signal 11 (SIGSEGV)" in last_error(daemon)
    assert run_once(daemon)["exit_code"] == 0


def test_worker_leaves_without_a_word(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        daemon.worker().order("exit", status=3)
        assert c.until_done()[1]["summaries"][0]["result"] == "interrupted"
    assert "status 3" in last_error(daemon)


@pytest.mark.parametrize("octets", [
    b"\xff\xfe\0",
    b"{\0",
    b"[]\0",
    b"{}\0",
    b'{"event":"nonsense"}\0',
    b'{"event":7}\0',
    b'{"event":"log"}\0',
    b'{"event":"done"}\0',
    b'{"event":"done","id":"x","job":"sync","result":"well"}\0',
    b'{"event":"message","text":"' + b"x" * 70000 + b'"}\0',
    b"x" * (1024 * 1024 + 70000),
    b'{"a":' * 100000 + b"\0",
], ids=lambda o: "%s-%d" % (o[:20].hex(), len(o)))
def test_worker_sends_nonsense(daemon, octets):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.raw(octets)
        _, last = c.until_done()
        worker.wait_gone()
    assert last["exit_code"] == 10
    assert last["summaries"][0]["result"] == "interrupted"
    assert "not an event" in last_error(daemon)
    assert run_once(daemon)["exit_code"] == 0


def test_worker_cannot_speak_for_another(make):
    daemon = make(["alice", "bob"]).start()
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.event("folder", folder="F", account="bob", run="forged")
        event = c.next()["parameters"]["event"]
        assert event["account"] == "alice" and event["run"] == worker.job["run_id"]
        worker.job["account"], worker.job["run_id"] = "bob", "forged"
        worker.done()
        _, last = c.until_done()
    assert last["summaries"][0]["account"] == "alice"
    assert daemon.account("bob")["last_run"] is None


def test_worker_that_does_not_end_is_killed(make):
    daemon = make()
    daemon.env["MAILMIG_CANCEL_GRACE"] = "100ms"
    daemon.start()
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.order("stubborn")
        assert worker.hear()
        assert daemon.call("Cancel", account="alice")["parameters"] == {"cancelled": True}
        _, last = c.until_done()
    assert last["exit_code"] == 9
    assert last["summaries"][0]["result"] == "cancelled"
    assert "killed" in last_error(daemon)


def test_worker_that_talks_endlessly_blocks_nobody(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        line = b'{"event":"log","level":6,"text":"flood"}\0'
        for _ in range(20):
            worker.raw(line * 1000)
        assert daemon.call("Version")["parameters"]["pid"] == daemon.process.pid
        worker.done()
        events, _ = c.until_done()
    assert len(events) == 20001
    # The journal gets a bounded part.
    assert 1000 <= daemon.log().count("flood") <= 1001


def test_no_worker_program(make):
    daemon = make()
    daemon.install_worker("#!/nonexistent/interpreter\n")
    daemon.start()
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        _, last = c.until_done()
    assert last["exit_code"] == 10
    assert "could not be started" in last_error(daemon)


def test_failed_messages_are_in_the_journal(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        worker.event("message", folder="INBOX", uid=7, result="failed",
                     text="too large\nfor it\x1b[1m", advice="raise it", **{"class": "too-large"})
        worker.event("message", folder="Junk", uid=0, result="failed", text="no such folder")
        worker.event("message", uid=-1, folder=3, text=None)
        worker.done(result="partial", exit_code=1)
        events, _ = c.until_done()
    assert [e["event"] for e in events] == ["message"] * 3 + ["done"]
    log = daemon.log()
    assert "alice: INBOX uid 7: too large?for it?[1m; raise it\n" in log
    assert "alice: Junk: no such folder\n" in log


def test_totals_outlive_a_run_that_listed_nothing(make):
    daemon = make().start()
    run_once(daemon, total_messages=50, total_bytes=500)
    run_once(daemon, result="failed", exit_code=5)
    assert daemon.account()["totals"] == {"messages": 50, "bytes": 500}
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.account()["totals"] == {"messages": 50, "bytes": 500}
    run_once(daemon, result="partial", exit_code=1)  # the mailbox is empty
    assert daemon.account()["totals"] == {"messages": 0, "bytes": 0}


# ---- queue ----

def test_max_jobs(make):
    daemon = make(["a", "b", "c"], max_jobs=2).start()
    with daemon.client() as c:
        runs = c.follow(accounts=[], all=True)
        assert [r["account"] for r in runs] == ["a", "b", "c"]
        assert [r["run"] for r in runs] == sorted(r["run"] for r in runs)
        workers = {w.job["account"]: w for w in (daemon.worker(), daemon.worker())}
        assert set(workers) == {"a", "b"}
        status = daemon.status()
        assert (status["daemon"]["jobs_running"], status["daemon"]["jobs_queued"]) == (2, 1)
        assert [x["state"] for x in status["accounts"]] == ["running", "running", "queued"]
        assert daemon.conductor.nobody_waits()
        workers["b"].done(result="partial", exit_code=1)
        third = daemon.worker()
        assert third.job["account"] == "c"
        third.done()
        workers["a"].done()
        _, last = c.until_done()
    assert last["exit_code"] == 1
    assert sorted(s["account"] for s in last["summaries"]) == ["a", "b", "c"]


def test_server_limit(make):
    accounts = [("a", "isp", "x", "limits = { connections = 3; };"),
                ("b", "isp", "y", "limits = { connections = 3; };"),
                ("c", "other", "x", ""),
                ("d", "isp", "z", "limits = { connections = 1; };")]
    daemon = make(accounts, servers={"isp": 5, "other": 0, "x": 0, "y": 0, "z": 0}).start()
    with daemon.client() as c:
        c.follow(accounts=["a", "b", "c", "d"])
        workers = {w.job["account"]: w for w in (daemon.worker(), daemon.worker())}
        # a takes 3 of 5; b wants 3 and waits; c is elsewhere; d does not overtake b.
        assert set(workers) == {"a", "c"}
        assert workers["a"].job["connections"] == 3
        assert [x["state"] for x in daemon.status()["accounts"]] == [
            "running", "queued", "running", "queued"]
        workers["a"].done()
        more = {w.job["account"]: w for w in (daemon.worker(), daemon.worker())}
        assert set(more) == {"b", "d"}
        for w in (*more.values(), workers["c"]):
            w.done()
        assert c.until_done()[1]["exit_code"] == 0


def test_lanes_are_cut_to_the_server(make):
    daemon = make([("a", "isp", "isp", "limits = { connections = 8; };")],
                  servers={"isp": 5}).start()
    with daemon.client() as c:
        c.follow(accounts=["a"])
        worker = daemon.worker()
        assert worker.job["connections"] == 2
        worker.done()
        c.until_done()


def test_fail_fast(make):
    daemon = make(["a", "b", "c"], max_jobs=1).start()
    with daemon.client() as c:
        c.follow(accounts=["a", "b", "c"], fail_fast=True)
        daemon.worker().done()
        daemon.worker().done(result="failed", exit_code=6)
        _, last = c.until_done()
    results = {s["account"]: s["result"] for s in last["summaries"]}
    assert results == {"a": "ok", "b": "failed", "c": "cancelled"}
    assert last["exit_code"] == 9
    assert daemon.account("c")["state"] == "never-run"


def test_fail_fast_spares_other_requests(make):
    daemon = make(["a", "b", "c"], max_jobs=1).start()
    with daemon.client() as c, daemon.client() as other:
        c.follow(accounts=["a", "b"], fail_fast=True)
        other.follow(accounts=["c"])
        daemon.worker().done(result="failed", exit_code=6)
        assert c.until_done()[1]["exit_code"] == 9
        daemon.worker().done()
        assert other.until_done()[1]["exit_code"] == 0


def test_on_error_stop_is_the_default_of_the_request(make):
    daemon = make(["a", "b"], max_jobs=1, on_error='"stop"').start()
    with daemon.client() as c:
        c.follow(accounts=["a", "b"])
        daemon.worker().done(result="failed", exit_code=6)
        assert {s["result"] for s in c.until_done()[1]["summaries"]} == {"failed", "cancelled"}


# ---- cancel ----

def test_cancel_running(daemon):
    with daemon.client() as c:
        c.follow(accounts=["alice"])
        worker = daemon.worker()
        assert daemon.call("Cancel", account="alice")["parameters"] == {"cancelled": True}
        assert worker.take() == {"cancel": True}
        worker.done(result="cancelled", exit_code=9, copied=3)
        _, last = c.until_done()
    assert last["exit_code"] == 9
    assert last["summaries"][0]["copied"] == 3
    assert daemon.account()["state"] == "idle"
    assert daemon.call("Cancel", account="alice")["error"] == CONTROL + "NotRunning"


def test_cancel_queued(make):
    daemon = make(["a", "b"], max_jobs=1).start()
    with daemon.client() as c:
        c.follow(accounts=["b"])
        worker = daemon.worker()
        with daemon.client() as waiting:
            waiting.follow(accounts=["a"])
            assert daemon.call("Cancel", account="a")["parameters"] == {"cancelled": True}
            events, last = waiting.until_done()
        assert [e["event"] for e in events] == ["done"]
        assert last["exit_code"] == 9
        worker.done()
        c.until_done()
    assert daemon.account("a")["state"] == "never-run"


# ---- names ----

def test_unknown_and_disabled(make):
    daemon = make(["alice", ("off", "old", "new", "enabled = false;")]).start()
    for method in ("Cancel", "History"):
        answer = daemon.call(method, account="nobody")
        assert answer["error"] == CONTROL + "NoSuchAccount"
        assert answer["parameters"] == {"account": "nobody", "have": ["alice", "off"]}
    for method in ("Run", "Status"):
        answer = daemon.call(method, accounts=["alice", "nobody"])
        assert answer["error"] == CONTROL + "NoSuchAccount"
    assert daemon.account("alice")["state"] == "never-run"  # all or none
    answer = daemon.call("Run", accounts=["off"])
    assert answer["error"] == CONTROL + "AccountDisabled"
    with daemon.client() as c:
        assert [r["account"] for r in c.follow(accounts=[], all=True)] == ["alice"]
        daemon.worker().done()
        c.until_done()


@pytest.mark.parametrize("parameters, bad", [
    ({}, "accounts"),
    ({"accounts": []}, "accounts"),
    ({"accounts": ["alice"], "all": True}, "all"),
    ({"accounts": "alice"}, "accounts"),
    ({"accounts": ["alice", 1]}, "accounts"),
    ({"accounts": ["alice"], "dry_run": 1}, "dry_run"),
    ({"accounts": ["alice"], "surplus": True}, "surplus"),
])
def test_run_parameters(daemon, parameters, bad):
    answer = daemon.call("Run", **parameters)
    assert answer["error"] == SERVICE + "InvalidParameter"
    assert answer["parameters"] == {"parameter": bad}


def test_each_account_once(daemon):
    with daemon.client() as c:
        assert len(c.follow(accounts=["alice", "alice"])) == 1
        daemon.worker().done()
        assert len(c.until_done()[1]["summaries"]) == 1
