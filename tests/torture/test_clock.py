# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set while uploads are without an answer: no message is sent again before its
time for that, and none is waited for any longer. What time it is decides about nothing."""

import signal
import threading
import time

import pytest

from harness import corpus, worker
from harness.imapclient import Client
from harness.mailmig import Mailmig
from harness.quirky import Quirky, Script
from torture.rig import FOLDERS, LONG, Rig

HOUR, DAY = 3600, 24 * 3600
FEW = {"an hour on": HOUR, "a day back": -DAY}
ALL = {**FEW, "ten years on": 3652 * DAY, "1970": 100 - int(time.time())}
JUMPS = ALL if LONG else FEW
WAIT = 1.5
INBOX = 'once APPEND "INBOX"'
STORED_LATER = 0.8  # after the connection broke; well within WAIT


class Late(Quirky):
    """Knows when the first APPEND has come whole."""

    def __init__(self, server, *rules):
        self.append = threading.Event()
        super().__init__(server, Script(rules))

    def take_rule(self, text):
        rule = super().take_rule(text)
        if 'APPEND "INBOX"' in text[:40]:
            self.append.set()
        return rule

    def settle(self):
        """Until all that came is done; the clients have ended."""
        for thread in self._threads[1:]:  # but that which listens
            thread.join(20)


@pytest.fixture(params=JUMPS)
def jump(request, shim):
    yield ALL[request.param]
    shim.set_clock()


@pytest.fixture
def service(shim, origin, destination, user):
    """A daemon, and its workers, whose clock the shim tells; the origin's client."""
    for server in (origin, destination):
        server.add_user(user)
    mm = Mailmig()
    mm.add_server("origin", origin, "none")
    mm.add_server("destination", destination, "none")
    mm.add_account("one", mm.endpoint("origin", user), mm.endpoint("destination", user))
    mm.start(shim.environment(clock=True))
    with Client(origin, user) as client:
        yield mm, client
    mm.stop()


def timed_run(rig, account, env):
    begin = time.monotonic()
    code, done = rig.run(account, env)
    return code, done, time.monotonic() - begin


def test_between_runs(shim, origin, destination, jump):
    """The server stores an upload after the connection broke, and the clock is set before the next
    run, which has to find it."""
    with Late(destination, INBOX, "hangup", "delay %s" % STORED_LATER, "do", "close") as server, \
            Rig(origin, destination, via=server, uncertain_wait="%dms" % (WAIT * 1000),
                retry={"attempts": 1, "max_delay": "1s"}) as rig:
        env = shim.environment("mailmig-worker", clock=True)
        account = rig.account()
        code, done = rig.run(account, env)
        assert code in (1, 6), done  # 1: other folders had been done
        shim.set_clock(wall=jump)
        code, done, took = timed_run(rig, account, env)
        assert code == 0, done
        assert took < WAIT + 2, took
        server.settle()
        assert done["copied"] + done["present"] == 10, done
        rig.assert_equal(account)


def test_killed_and_set(shim, origin, destination, jump):
    """kill -9 of the worker while its upload is under way; nobody saw when it ended."""
    with Late(destination, INBOX, "delay 0.5", "do", "close") as server, \
            Rig(origin, destination, via=server, uncertain_wait="%dms" % (WAIT * 1000)) as rig:
        env = shim.environment("mailmig-worker", clock=True)
        account = rig.account()
        process, mine = rig.popen(account, env)
        with mine:
            assert server.append.wait(20)
            process.send_signal(signal.SIGKILL)
            process.wait()
        shim.set_clock(wall=jump)
        code, done, took = timed_run(rig, account, env)
        assert (code, done["failed"]) == (0, 0), done
        assert took < WAIT + 2, took
        server.settle()
        rig.assert_equal(account)


def test_killed_later(shim, origin, destination):
    """The same, an hour after another session broke in that folder: its end does not count."""
    with Late(destination, INBOX, "hangup", "do", "close", INBOX, "delay 0.5", "do",
              "close") as server, \
            Rig(origin, destination, via=server, uncertain_wait="%dms" % (WAIT * 1000),
                retry={"attempts": 1, "max_delay": "1s"}) as rig:
        env = shim.environment("mailmig-worker", clock=True)
        account = rig.account()
        assert rig.run(account, env)[0] in (1, 6)
        assert rig.run(account, env)[0] == 0
        with Client(origin, rig.user) as client:
            corpus.change(client, FOLDERS)
        shim.set_clock(boot=HOUR)
        server.append.clear()
        process, mine = rig.popen(account, env)
        with mine:
            assert server.append.wait(20)
            process.kill()
            process.wait()
        code, done = rig.run(account, env)
        shim.set_clock()
        assert (code, done["failed"]) == (0, 0), done
        server.settle()
        rig.assert_equal(account)


def test_in_mid_run(shim, origin, destination, jump):
    """While an upload is under way that then breaks: the same run waits, and not for long."""
    with Late(destination, INBOX, "delay 0.3", "hangup", "delay %s" % STORED_LATER, "do",
              "close") as server, \
            Rig(origin, destination, via=server, uncertain_wait="%dms" % (WAIT * 1000)) as rig:
        account = rig.account()
        begin = time.monotonic()
        process, mine = rig.popen(account, shim.environment("mailmig-worker", clock=True))
        assert server.append.wait(20)
        shim.set_clock(wall=jump)
        code, done = worker.wait(process, mine)
        assert (code, done["failed"]) == (0, 0), done
        assert done["started"] <= done["finished"], done
        assert time.monotonic() - begin < WAIT + 3
        server.settle()
        rig.assert_equal(account)


@pytest.mark.parametrize("jump", ALL, indirect=True)
def test_daemon(shim, service, jump):
    """The newest run is the newest, whatever its date; no span is negative."""
    mm, client = service

    def run(first):
        corpus.simple(client, "INBOX", 1, first=first)
        code, _, done = mm.run_json("one")
        assert (code, done["copied"]) == (0, 1), done
        return done["id"]

    def assert_newest(run_id):
        status = mm.account_status("one")
        last = status["last_run"]
        assert last["id"] == run_id, status
        assert last["started"] <= last["finished"] == status["last_success"], status
        assert mm.ctl("status").rc == mm.ctl("status", "one").rc == 0
        assert mm.ctl("check", "one").rc == 0

    run(1)
    shim.set_clock(wall=jump)
    newest = run(2)
    assert_newest(newest)
    mm.terminate()
    mm.start(shim.environment(clock=True))
    assert_newest(newest)
    for first in range(3, 5):
        newest = run(first)
        assert_newest(newest)
