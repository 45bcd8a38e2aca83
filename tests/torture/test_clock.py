# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set while uploads are without an answer: no message is sent again before its
time for that, and none is waited for any longer. What time it is decides about nothing."""

import signal
import threading
import time

import pytest

from harness.quirky import Quirky, Script
from torture.rig import Rig

HOUR, DAY = 3600, 24 * 3600
JUMPS = {"an hour on": HOUR, "a day back": -DAY, "ten years on": 3652 * DAY,
         "1970": 100 - int(time.time())}
WAIT = 1.5
STORED_LATER = 0.8  # after the connection broke; well within WAIT


class Late(Quirky):
    """Knows when the first APPEND has come whole."""

    def __init__(self, server, *rules):
        self.append = threading.Event()
        super().__init__(server, Script(rules))

    def take_rule(self, text):
        rule = super().take_rule(text)
        if "APPEND " in text[:40]:
            self.append.set()
        return rule

    def settle(self):
        """Until all that came is done; the clients have ended."""
        for thread in self._threads[1:]:  # but that which listens
            thread.join(20)


@pytest.fixture(params=JUMPS)
def jump(request, shim):
    yield JUMPS[request.param]
    shim.set_clock()


def timed_run(rig, account, env):
    begin = time.monotonic()
    code, done = rig.run(account, env)
    return code, done, time.monotonic() - begin


def test_between_runs(shim, origin, destination, jump):
    """The server stores an upload after the connection broke, and the clock is set before the next
    run, which has to find it."""
    with Late(destination, "once APPEND", "hangup", "delay %s" % STORED_LATER, "do", "close") as server, \
            Rig(origin, destination, via=server, uncertain_wait="%dms" % (WAIT * 1000),
                retry={"attempts": 1, "max_delay": "1s"}) as rig:
        env = shim.environment("mailmig-worker", clock=True)
        account = rig.account()
        code, done = rig.run(account, env)
        assert code == 6, done
        shim.set_clock(wall=jump)
        code, done, took = timed_run(rig, account, env)
        assert code == 0, done
        assert took < WAIT + 2, took
        server.settle()
        assert done["copied"] + done["present"] == 10, done
        rig.assert_equal(account)


def test_killed_and_set(shim, origin, destination, jump):
    """kill -9 of the worker while its upload is under way; nobody saw when it ended."""
    with Late(destination, "once APPEND", "delay 0.5", "do", "close") as server, \
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
