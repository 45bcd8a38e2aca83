# SPDX-License-Identifier: Apache-2.0
"""Killed, cut off, cancelled: the next run leaves every message once."""

import os
import random
import select
import signal
import sqlite3
import threading

import pytest

from harness import corpus
from harness.mailmig import processes
from harness.proxy import Proxy

N_MESSAGES = 60
TOTAL = N_MESSAGES * 4300  # octets to the destination, about


@pytest.fixture
def wires(origin, destination):
    """A proxy before each server."""
    with Proxy(origin) as near, Proxy(destination) as far:
        yield near, far


@pytest.fixture
def busy(make_pair, mm, wires):
    """An account with something to do, seen through the proxies."""
    near, far = wires
    pair = make_pair(via_origin=near, via_destination=far)
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", N_MESSAGES // 2, size=4000)
        corpus.simple(client, "Archive/2020", N_MESSAGES // 4, first=100, size=4000,
                      flags=("\\Seen",))
        corpus.simple(client, "Работа", N_MESSAGES // 4, first=200, size=4000)
        twin = corpus.plain(999, random.Random(1))
        for _ in range(3):
            client.append("Работа", twin, date="01-Jan-2018 10:00:00 +0000")
    pair.n_messages = N_MESSAGES // 2 + N_MESSAGES // 4 * 2 + 3
    pair.wires = wires
    yield pair
    mm.terminate()


def wait_gone(session, seconds=20):
    """Until nothing of a daemon's session lives any more."""
    for pid in processes(session):
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ready, _, _ = select.select([fd], [], [], seconds)
            assert ready, "process %d is still there: %s" % (pid, processes(session))
        finally:
            os.close(fd)


def kill_workers(mm):
    for pid in mm.workers():
        os.kill(pid, signal.SIGKILL)


def finish(pair):
    """One more run, undisturbed, makes it complete; the one after has nothing to do."""
    for proxy in pair.wires:
        proxy.heal()
    done = pair.run()
    assert done["copied"] + done["present"] == pair.n_messages
    pair.assert_equal(order=False)
    assert pair.run()["copied"] == 0
    pair.assert_equal(order=False)


def assert_counts(pair, done):
    """A run that ended early claims nothing that the destination does not have."""
    with pair.at_destination() as client:
        there = sum(client.counts().values())
    claimed = done["copied"] + done["present"]
    assert claimed <= there, "%d there: %r" % (there, done)
    assert claimed + done["skipped"] + done["failed"] <= pair.n_messages, repr(done)


RANDOM = random.Random(4711)
# from the login over the first message to the last one
MOMENTS = [1, 150, 400, 700, 1200, 3000] + sorted(RANDOM.randrange(TOTAL) for _ in range(6))


@pytest.mark.parametrize("octets", MOMENTS)
def test_worker_killed_while_sending(busy, wires, mm, octets):
    _, far = wires
    far.triggers["up"] = (octets, lambda: kill_workers(mm))
    mm.start()
    rc, _, done = mm.run_json(busy.account)
    assert rc != 0
    assert done["result"] in ("failed", "interrupted")
    finish(busy)


@pytest.mark.parametrize("octets", [300, 900, 2000] + [RANDOM.randrange(6000) for _ in range(3)])
def test_worker_killed_while_the_destination_answers(busy, wires, mm, octets):
    _, far = wires
    far.triggers["down"] = (octets, lambda: kill_workers(mm))
    mm.start()
    rc, _, _ = mm.run_json(busy.account)
    if far.triggers["down"] is None:  # so much was said
        assert rc != 0
    finish(busy)


@pytest.mark.parametrize("octets", [500, 20000, 150000])
def test_worker_killed_while_reading(busy, wires, mm, octets):
    near, _ = wires
    near.triggers["down"] = (octets, lambda: kill_workers(mm))
    mm.start()
    rc, _, _ = mm.run_json(busy.account)
    assert rc != 0
    finish(busy)


@pytest.mark.parametrize("octets", [200, 5000, 100000])
def test_daemon_killed(busy, wires, mm, octets):
    """kill -9 of mailmigd: its worker ends by itself, a new daemon goes on."""
    _, far = wires
    mm.start()
    session = mm.daemon.pid
    far.triggers["up"] = (octets, lambda: mm.daemon.kill())
    got = mm.ctl("run", busy.account)
    assert got.rc == 4, got
    mm.kill()
    wait_gone(session)
    mm.start()
    finish(busy)


@pytest.mark.parametrize("octets", [5000, 100000])
def test_daemon_killed_and_back_at_once(busy, wires, mm, octets):
    """The run is taken up without being asked for, and no worker of the old daemon beside it."""
    _, far = wires
    mm.start()
    session = mm.daemon.pid
    far.triggers["up"] = (octets, lambda: mm.daemon.kill())
    mm.ctl("run", "--no-wait", busy.account)
    mm.daemon.wait(20)
    mm.kill()
    mm.start()
    finish(busy)  # joins it
    wait_gone(session)
    with sqlite3.connect(os.path.join(mm.state, "mailmig.db")) as db:
        runs = [r for r, in db.execute("SELECT result FROM runs ORDER BY started")]
    assert runs[0] == "interrupted" and set(runs[1:]) == {"ok"}


class Held:
    """The destination's answer to an APPEND, kept back until release()."""

    def __init__(self, proxy):
        self.reached, self.released = threading.Event(), threading.Event()
        proxy.at_answer = ("OK .*Append completed", self.hold)

    def hold(self):
        self.reached.set()
        self.released.wait(40)

    def release(self):
        self.released.set()


@pytest.fixture
def held(wires):
    answer = Held(wires[1])
    yield answer
    answer.release()


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["late", "never"])
def test_daemon_killed_while_an_append_has_no_answer(busy, held, mm, answer):
    """The new daemon starts nothing while the old one's worker is at work. That ends with its
    answer, or breaks off; nobody is told of a failure, and the run goes on."""
    mm.start()
    session = mm.daemon.pid
    assert mm.ctl("run", "--no-wait", busy.account).rc == 0
    assert held.reached.wait(20)
    mm.kill()
    mm.start()
    status = mm.account_status(busy.account)
    assert (status["state"], status["last_run"]["result"]) == ("queued", "interrupted")
    assert list(processes(session).values()) == ["mailmig-worker"] and not mm.workers()
    if answer == "late":
        held.release()
    finish(busy)  # joins it
    assert not processes(session)
    with sqlite3.connect(os.path.join(mm.state, "mailmig.db")) as db:
        runs = [r for r, in db.execute("SELECT result FROM runs ORDER BY started")]
    assert runs == ["interrupted", "ok", "ok"]


def refused(mm, account, *args):
    """There is a run of this account: another one says so."""
    rc, _, done = mm.run_json(account, args=args)
    assert rc == done["exit_code"] == 10 and done["result"] == "failed"
    error, = done["errors"]
    assert 'another run of "%s" is going on' % account in error["text"]
    assert "mailmigctl cancel %s" % account in error["advice"]


def test_two_local_runs(busy, held, mm):
    mm.write_config()
    with mm.popen("run", "--local", busy.account) as first:
        assert held.reached.wait(20)
        refused(mm, busy.account, "--local")
        held.release()
        first.communicate()
    assert first.returncode == 0
    finish_local(busy, mm)


def finish_local(busy, mm):
    _, _, done = mm.run_json(busy.account, args=("--local",))
    assert done["copied"] == 0 and done["present"] == busy.n_messages
    busy.assert_equal(order=False)


def test_local_run_beside_that_of_the_daemon(busy, held, mm):
    mm.start()
    assert mm.ctl("run", "--no-wait", busy.account).rc == 0
    assert held.reached.wait(20)
    refused(mm, busy.account, "--local")
    held.release()
    finish(busy)  # joins it


def test_run_of_the_daemon_beside_a_local_one(busy, held, mm):
    """A daemon that has just started takes the other one for a worker left over, and waits."""
    mm.start()
    with mm.popen("run", "--local", busy.account) as first:
        assert held.reached.wait(20)
        assert mm.ctl("run", "--no-wait", busy.account).rc == 0
        assert mm.account_status(busy.account)["state"] == "queued"
        held.release()
        first.communicate()
    assert first.returncode == 0
    finish(busy)  # joins it


@pytest.mark.parametrize("octets", [1, 100, 2500, 60000])
@pytest.mark.parametrize("side, way", [("near", "down"), ("far", "up"), ("far", "down")])
def test_connections_cut(busy, wires, mm, side, way, octets):
    """The network goes away in the middle, and comes back for the next run."""
    proxy = wires[0] if side == "near" else wires[1]
    if (side, way) == ("far", "down"):
        octets = octets % 7000
    proxy.limits[way] = octets
    mm.start()
    _, _, done = mm.run_json(busy.account)
    if proxy.dead:
        assert done["exit_code"] == 6
        assert done["errors"]
        assert_counts(busy, done)
    finish(busy)


@pytest.mark.parametrize("answer", [
    r"OK (\[APPENDUID.*)?Append completed", r"OK .*Create completed", r"OK .*(Fetch|Store) completed",
])
def test_done_but_nobody_heard_it(busy, wires, mm, answer):
    """The server did it, the answer is lost: looked for before it is done again."""
    proxy = wires[1]
    proxy.hold_ok = answer
    mm.start()
    mm.run_json(busy.account)
    finish(busy)


def test_cancel(busy, wires, mm):
    _, far = wires
    answers = []
    far.triggers["up"] = (100000, lambda: answers.append(mm.ctl("cancel", busy.account)))
    mm.start()
    rc, _, done = mm.run_json(busy.account)
    assert [a.rc for a in answers] == [0], answers
    assert rc == 9
    assert done["result"] == "cancelled"
    assert_counts(busy, done)
    finish(busy)


def test_daemon_told_to_stop(busy, wires, mm):
    """SIGTERM in the middle: ends well within its time, nothing half-done."""
    _, far = wires
    mm.start()
    far.triggers["up"] = (100000, lambda: mm.daemon.send_signal(signal.SIGTERM))
    got = mm.ctl("run", busy.account)
    assert got.rc != 0
    mm.terminate()
    mm.start()
    finish(busy)


def test_flags_survive_a_kill(busy, wires, mm):
    """Flags changed on both sides, the worker killed while it carries them over."""
    _, far = wires
    mm.start()
    busy.run()
    with busy.at_origin() as ours:
        for message in ours.messages("INBOX"):
            ours.store("INBOX", message.uid, "+FLAGS", "\\Flagged", "late")
    far.at_line = ("UID STORE", lambda: kill_workers(mm))
    rc, _, _ = mm.run_json(busy.account)
    assert rc == 10
    finish(busy)
