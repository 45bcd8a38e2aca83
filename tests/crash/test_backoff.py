# SPDX-License-Identifier: Apache-2.0
"""The pauses between attempts: they grow, have an upper end and come to an end; progress makes them
short again; a cancel does not wait for them."""

import signal
import time

import pytest

from crash.world import World, side_by_side
from harness import corpus
from harness.line import Fault, Line

SLACK = 2.5  # seconds that connecting and its failure may take
CANCEL = 2   # seconds; the pause that is cut short is 4


def pauses(line):
    return [b - a for a, b in zip(line.times, line.times[1:])]


def assert_pauses(line, expected):
    got = pauses(line)
    assert len(got) == len(expected), got
    for pause, least in zip(got, expected):
        assert least <= pause < least + SLACK, "%s, not %s" % (got, expected)


@pytest.fixture
def world(origin, destination, user):
    return World(origin, destination, user)


ONE = {"limits": {"connections": 1}}


def test_pauses_grow_and_end(world):
    def one(case):
        side, max_delay, expected = case
        with world.account(retry={"attempts": 4, "max_delay": max_delay}) as account, \
                Line(world.servers[side], Fault("cut", "down", 0, each=True)) as line:
            code, done = account.run({side: line}, **ONE)
            assert code == 6 and done["result"] == "failed"
            assert_pauses(line, expected)
            text = done["errors"][0]["text"]
            assert text.startswith(side) and "closed the connection" in text, text
            line.heal()
            assert account.run({side: line}, **ONE)[0] == 0
            account.assert_done()

    side_by_side(one, [(side, max_delay, expected) for side in world.servers for max_delay, expected
                       in (("5min", [0.5, 1, 2]), ("700ms", [0.5, 0.7, 0.7]))])


def test_server_gone_in_mid_run(world):
    """Cut in a folder, and from then on at each attempt: in a row they are as many as allowed."""
    def one(case):
        side, way, after = case
        with world.account(retry={"attempts": 4, "max_delay": "1s"}) as account, \
                Line(world.servers[side], Fault("cut", way, after, once=False)) as line:
            code, done = account.run({side: line}, **ONE)
            assert code == 6, done
            # Another folder is begun at once: perhaps it was only this one.
            assert_pauses(line, [0, 1, 1])
            account.run()
            account.assert_done()

    side_by_side(one, [("origin", "down", 3000), ("destination", "up", 2000)])


def test_progress_counts_from_new(origin, destination, user):
    """No connection lives longer than for two messages or three."""
    world = World(origin, destination, user, lambda c: corpus.simple(c, "INBOX", 7, size=3000))

    def one(case):
        side, way, after, attempts = case
        with world.account(retry={"attempts": attempts, "max_delay": "5min"}) as account, \
                Line(world.servers[side], Fault("cut", way, after, each=True)) as line:
            code, done = account.run({side: line}, **ONE)
            assert code == 0, done
            assert len(line.times) > attempts
            assert max(pauses(line)) < 0.5 * 2 ** (attempts - 2) + SLACK
            account.assert_equal()
            account.assert_done()

    side_by_side(one, [("origin", "down", 7000, 2), ("destination", "up", 12000, 4)])


def by_daemon(account, await_pause):
    mm = account.mm
    mm.start()
    assert mm.ctl("run", "--no-wait", account.name).rc == 0
    begin = await_pause()
    with mm.popen("--json", "run", account.name) as follower:
        assert mm.ctl("cancel", account.name).rc == 0
        assert follower.wait(20) == 9
    took = time.monotonic() - begin
    assert mm.account_status(account.name)["last_run"]["result"] == "cancelled"
    return took


def by_signal(account, await_pause):
    with account.mm.popen("run", "--local", account.name) as tool:
        begin = await_pause()
        tool.send_signal(signal.SIGINT)
        assert tool.wait(20) == 9
        return time.monotonic() - begin


def test_cancel_ends_a_pause(world):
    def one(cancel):
        with world.account(retry={"attempts": 100, "max_delay": "1h"}) as account, \
                Line(world.servers["origin"], Fault("cut", "down", 0, each=True)) as line:
            def await_pause():
                for _ in range(4):
                    assert line.arrived.acquire(timeout=20)
                return time.monotonic()

            account.configure({"origin": line})
            assert cancel(account, await_pause) < CANCEL
            assert len(line.times) == 4

    side_by_side(one, [by_daemon, by_signal])


def test_wrong_password_is_tried_once(world):
    """Whatever another attempt might mend on the other side."""
    with world.account() as account, \
            Line(world.servers["origin"], Fault("cut", "down", 0, each=True)) as gone, \
            Line(world.servers["destination"]) as sound:
        account.configure({"origin": gone, "destination": sound})
        with open(account.mm.accounts[0]["destination"]["password_file"], "wb") as out:
            out.write(b"wrong")
        code, _, done = account.mm.run_json(account.name, args=("--local",))
        assert code == 5, done
        assert (len(gone.times), len(sound.times)) == (1, 1)
