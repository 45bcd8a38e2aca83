# SPDX-License-Identifier: Apache-2.0
"""The connection ends at the n-th command, before or after the server has done it: the same run
connects again and brings every message over once. A spread of commands usually, all of them with
MAILMIG_LONG=1."""

import os
import random

import pytest

from crash.world import World
from harness.quirky import Quirky, Script

LONG = bool(os.environ.get("MAILMIG_LONG"))
POINTS = 6  # of each kind, in a short run

KINDS = {
    "all": [],
    "poor": ["without LITERAL+ MULTIAPPEND UIDPLUS CONDSTORE QRESYNC LIST-STATUS",
             r"edit \[APPENDUID [^\]]*\]  =>"],
}


class Cutting(Quirky):
    """Ends the connection in which the n-th command (of all connections) comes."""

    def __init__(self, server, script, at, after):
        self.at = at
        self.after = after
        self.n = 0
        super().__init__(server, script)

    def take_rule(self, text):
        if text.startswith("LITERAL "):
            return super().take_rule(text)
        with self.lock:
            self.n += 1
            if self.n == self.at:
                return None, [("do", ""), ("drop", "")] if self.after else [("drop", "")]
        return super().take_rule(text)


def run(account, side, kind, at, after):
    """One run through a server that cuts; (commands it heard, exit code, last event)."""
    with Cutting(account.world.servers[side], Script(KINDS[kind]), at, after) as bad:
        code, done = account.run({side: bad})
        return bad.n, code, done


@pytest.mark.limit(3600 if LONG else 60)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["origin", "destination"])
def test_cut_at_each_command(origin, destination, user, side, kind, after):
    world = World(origin, destination, user)
    with world.account() as account:
        total, code, done = run(account, side, kind, 0, after)
        assert code == 0, done
        account.assert_equal()
    points = range(1, total + 1)
    if not LONG:
        points = sorted(random.Random(side + kind).sample(points, min(POINTS, total)))
    for n in points:
        with world.account() as account:
            _, code, done = run(account, side, kind, n, after)
            shown = "cut at command %d of %d: %d %s" % (n, total, code, done["errors"])
            assert code == 0, shown
            try:
                account.assert_equal(subscribed=False)
                account.assert_done()
            except AssertionError as e:
                raise AssertionError("%s\n%s" % (shown, e)) from e
