# SPDX-License-Identifier: Apache-2.0
"""The connection ends at the n-th command, before or after the server has done it: the same run
connects again and brings every message over once. A spread of commands usually, all of them with
MAILMIG_LONG=1."""

import os
import random

import pytest

from harness import corpus
from harness.imapclient import Client, compare
from harness.quirky import Quirky, Script

LONG = bool(os.environ.get("MAILMIG_LONG"))
POINTS = 6  # of each kind, in a short run
DATE = "01-Jan-2018 10:00:00 +0000"

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


class World:
    def __init__(self, mm, origin, destination, user):
        self.mm, self.user = mm, user
        self.servers = {"origin": origin, "destination": destination}
        mm.globals.update(uncertain_wait="300ms", retry={"attempts": 3, "max_delay": "1s"})
        origin.add_user(user)
        with Client(origin, user) as client:
            rng = random.Random(3)
            corpus.simple(client, "INBOX", 4, flags=("\\Seen",))
            client.create("Twins")
            twin, nameless = corpus.plain(20, rng), corpus.plain(21, rng, message_id=False)
            for octets in (twin, twin, nameless, nameless):
                client.append("Twins", octets, ("\\Flagged", "kept"), DATE)

    def run(self, name, side, kind, at, after):
        """One run through a server that cuts; (commands it heard, exit code, last event)."""
        script = Script(KINDS[kind])
        with Cutting(self.servers[side], script, at, after) as bad:
            self.mm.servers, self.mm.accounts = [], []
            ends = []
            for role, user in (("origin", self.user), ("destination", name)):
                server = bad if role == side else self.servers[role]
                self.mm.add_server(role, server, "none", timeout="10s")
                ends.append(self.mm.endpoint(role, user))
            self.mm.add_account(name, *ends, limits={"connections": 2})
            self.mm.write_config()
            code, _, done = self.mm.run_json(name, args=("--local",))
            return bad.n, code, done

    def new_name(self):
        name = "%s-%d" % (self.user, len(self.servers["destination"].users))
        self.servers["destination"].add_user(name)
        return name

    def assert_equal(self, name):
        with Client(self.servers["origin"], self.user) as ours, \
                Client(self.servers["destination"], name) as theirs:
            found = compare(ours, theirs, order=False, subscribed=False)
        assert not found, "\n".join(found)


@pytest.mark.limit(3600 if LONG else 60)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["origin", "destination"])
def test_cut_at_each_command(mm, origin, destination, user, side, kind, after):
    world = World(mm, origin, destination, user)
    name = world.new_name()
    total, code, done = world.run(name, side, kind, 0, after)
    assert code == 0, done
    world.assert_equal(name)
    points = range(1, total + 1)
    if not LONG:
        points = sorted(random.Random(side + kind).sample(points, min(POINTS, total)))
    recovered = 0
    for n in points:
        name = world.new_name()
        _, code, done = world.run(name, side, kind, n, after)
        shown = "cut at command %d of %d: %d %s" % (n, total, code, done["errors"])
        # The first listing is not repeated: the next run does that.
        assert code in (0, 6), shown
        recovered += code == 0
        try:
            if code == 0:
                world.assert_equal(name)
            _, code, done = world.run(name, side, kind, 0, after)
            assert code == 0, done["errors"]
            world.assert_equal(name)
        except AssertionError as e:
            raise AssertionError("%s\n%s" % (shown, e)) from e
    assert recovered > len(points) / 4, "%d of %d runs recovered" % (recovered, len(points))
