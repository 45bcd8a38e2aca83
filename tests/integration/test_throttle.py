# SPDX-License-Identifier: Apache-2.0
"""Rates, daily budgets, and a daemon whose run waits because a provider wants it to."""

import contextlib
import datetime
import json
import os
import re
import sqlite3
import time

import pytest

from harness import corpus
from harness.proxy import Proxy
from harness.quirky import Quirky, Script

KB = 1000


def fill(pair, n=60, size=20 * KB):
    """Some mail in four folders; its octets, about."""
    with pair.at_origin() as client:
        for i, folder in enumerate(("INBOX", "A", "B", "C")):
            corpus.simple(client, folder, n // 4, first=100 * i, size=size)
    return n // 4 * 4 * size


def moved(pair):
    """(way, octets) of what the state remembers, newest slots and old ones together."""
    path = os.path.join(pair.mm.state, "accounts", pair.account + ".db")
    with contextlib.closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT way, sum(octets) FROM traffic GROUP BY way"))


# ---- rates ----

@pytest.mark.parametrize("side", ["origin", "destination"])
def test_rate(side, make_pair, origin, destination):
    """Of the whole run, over all its connections, within 15 %."""
    rate = 350 * KB
    with Proxy({"origin": origin, "destination": destination}[side]) as proxy:
        pair = make_pair(**{"via_" + side: proxy})
        fill(pair)
        pair.mm.servers[side == "destination"]["max_rate"] = "350kB/s"
        pair.mm.write_config()
        began = time.monotonic()
        pair.run("--local")
        took = time.monotonic() - began
        octets = proxy.octets["up"] + proxy.octets["down"]
    pair.assert_equal()
    assert octets > 3 * rate
    assert 0.85 * rate <= octets / took <= 1.15 * rate, (octets, took)


def test_rate_of_the_account(make_pair):
    """limits.max_rate holds for each side; the lower one counts."""
    pair = make_pair(limits={"max_rate": "300kB/s"}, server_keys={"max_rate": "1GB/s"})
    pair.mm.write_config()
    octets = fill(pair, n=20)
    began = time.monotonic()
    pair.run("--local")
    assert time.monotonic() - began >= octets / (300 * KB) * 0.85
    pair.assert_equal()


def test_rate_is_no_silence(make_pair):
    """Waits of the rate are longer than the time-out of the servers: nobody is blamed."""
    pair = make_pair(server_keys={"max_rate": "900/s", "timeout": "1s"},
                     limits={"connections": 1})
    pair.mm.write_config()
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 1, size=1500)
    done = pair.run("--local")
    assert done["errors"] == [] and done["copied"] == 1
    pair.assert_equal()


# ---- budgets ----

def ended(done, key):
    assert done["result"] == "throttled" and done["failed"] == 0, done
    error = done["errors"][-1]
    assert error["class"] == "throttled" and key in error["text"] and "goes on at" in error["text"]
    until = datetime.datetime.strptime(error["until"], "%Y-%m-%dT%H:%M:%SZ")
    ahead = until - datetime.datetime.utcnow()
    assert datetime.timedelta(hours=23) < ahead <= datetime.timedelta(hours=24, minutes=11)
    return error["until"]


@pytest.mark.parametrize("side, key, way", [("origin", "daily_download", 0),
                                            ("destination", "daily_upload", 3)])
def test_daily(side, key, way, make_pair, origin, destination):
    """It ends at a message border, is remembered, and goes on where it ended."""
    with Proxy(origin) as near, Proxy(destination) as far:
        pair = make_pair(via_origin=near, via_destination=far, limits={"connections": 1})
        total = fill(pair, n=80)
        server = pair.mm.servers[side == "destination"]
        server[key] = "400kB"
        pair.mm.start()
        done = pair.run(rc=1)
        ended(done, key)
        assert 0 < done["copied"] < 80
        # What was read at once, and what was on its way to the other side.
        assert 400 * KB <= moved(pair)[way] < total * 0.9
        first = done["copied"]

        # Nothing is asked of the servers before its time: not by the next run, not by a plan,
        # not by the next daemon.
        before = near.connections, far.connections
        until = ended(pair.run(rc=1), key)
        assert pair.run("--dry-run", rc=1)["result"] == "throttled"
        pair.mm.terminate()
        pair.mm.start()
        assert ended(pair.run(rc=1), key) == until
        assert (near.connections, far.connections) == before

        account = pair.mm.account_status(pair.account)
        assert account["state"] == "idle" and account["last_run"]["errors"][0]["until"] == until
        assert account["totals"]["messages"] == 80
        for args in ([], [pair.account]):
            shown = pair.mm.ctl("status", *args).out
            assert re.search(r"throttled until (\d{4}-\d\d-\d\d )?\d\d:\d\d", shown), shown
            assert "attention" not in shown and "Errors of the last run" not in shown
        assert key + " of 390.6 KiB" in pair.mm.ctl("status", pair.account).out

        server[key] = "1GB"
        pair.mm.write_config()
        assert pair.mm.ctl("reload").rc == 0
        done = pair.run()
        assert done["copied"] == 80 - first and done["present"] == first
        pair.assert_equal()


def test_daily_is_counted_over_runs(make_pair):
    """Many runs with little to do use it up as one does."""
    pair = make_pair(server_keys={"daily_download": "20kB"})
    pair.mm.write_config()
    for _ in range(50):
        code, _, done = pair.mm.run_json(pair.account, args=("--local",))
        if code:
            break
    ended(done, "daily_download")
    assert all(octets > 0 for octets in moved(pair).values())


# ---- a server that throttles, and the daemon ----

OVERQUOTA = "send $tag NO [OVERQUOTA] Account exceeded command or bandwidth limits. x1if123"


def throttled_run(pair):
    """A run that waits: its process, and the progress event that says so."""
    process = pair.mm.popen("--json", "run", pair.account)
    for line in process.stdout:
        event = json.loads(line)
        assert event.get("event") != "done", event
        if event.get("event") == "progress" and event["phase"] == "throttled":
            return process, event
    raise AssertionError("it ended: %s" % process.stderr.read())


@pytest.fixture
def gmail(make_pair, origin, mm):
    """A pair whose origin says that its bandwidth is used up, for as long as it has rules."""
    with Quirky(origin, Script(["on EXAMINE", OVERQUOTA])) as server:
        pair = make_pair(via_origin=server)
        fill(pair, n=8)
        pair.server = server
        mm.start()
        yield pair
        mm.terminate()


def test_wait_is_shown_and_cancelled(gmail):
    process, event = throttled_run(gmail)
    try:
        until = datetime.datetime.strptime(event["until"], "%Y-%m-%dT%H:%M:%SZ")
        ahead = (until - datetime.datetime.utcnow()).total_seconds()
        assert 280 < ahead < 301
        progress = gmail.mm.account_status(gmail.account)["progress"]
        assert progress["phase"] == "throttled" and progress["until"] == event["until"]
        for args in ([], [gmail.account]):
            assert re.search(r"throttled until .*\d\d:\d\d", gmail.mm.ctl("status", *args).out)
        began = time.monotonic()
        assert gmail.mm.ctl("cancel", gmail.account).rc == 0
        out, _ = process.communicate()
        assert time.monotonic() - began < 5
    finally:
        process.kill()
        process.communicate()
    done = json.loads(out.splitlines()[-1])
    assert (process.returncode, done["result"]) == (9, "cancelled")
    assert "throttled" not in gmail.mm.account_status(gmail.account)["state"]


def test_daemon_restarts_during_the_wait(gmail):
    process, _ = throttled_run(gmail)
    try:
        gmail.mm.terminate()
        gmail.server.script.rules.clear()
        gmail.mm.start()
        done = gmail.run()
    finally:
        process.kill()
        process.communicate()
    assert done["copied"] == 8 and done["errors"] == []
    gmail.assert_equal()


def test_check_warns(make_pair, origin):
    """A login that has to wait is no fault of the configuration."""
    refusal = "send $tag NO Request is throttled. Suggested Backoff Time: 90000 milliseconds"
    with Quirky(origin, Script(["on AUTHENTICATE|LOGIN", refusal])) as server:
        pair = make_pair(via_origin=server)
        pair.mm.start()
        got = pair.mm.ctl("--json", "check", pair.account)
        pair.mm.terminate()
    lines = [json.loads(line) for line in got.out.splitlines()]
    login = [e for e in lines if e.get("item") == "login" and e["side"] == "origin"]
    assert [e["result"] for e in login] == ["warn"] and "throttled" in login[0]["text"]
    assert got.rc == 0, got.out
