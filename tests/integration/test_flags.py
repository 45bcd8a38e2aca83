# SPDX-License-Identifier: Apache-2.0
"""flags.mode, flags.drop, flags.rename: every combination of changes at both sides, played by
real servers, with and without CONDSTORE at each; what a changed rule does to what was carried
over before; what the destination cannot keep."""

import itertools
import random

import pytest

from harness import corpus
from harness.pair import Pair
from harness.proxy import Proxy
from harness.quirky import Quirky, Script

LACKING = ["CONDSTORE", "QRESYNC"]
FLAGS = ("\\Flagged", "work")
# Of one flag: was it there at the first copy, does each side have it later?
CASES = list(itertools.product((0, 1), repeat=3))


def expected(mode, base, origin, there):
    """What the destination has after the second run."""
    if mode == "first" or (mode == "merge" and base == origin):
        return there
    return origin


def changes(mode, base, origin, there):
    """Is that an update? Merged, nobody looks whether the destination has it already."""
    if mode == "merge":
        return base != origin
    return mode == "origin" and origin != there


def put(client, n, has):
    """A message for each case and flag: message i has it where has(i)."""
    rng = random.Random(3)
    for i in range(n):
        flag = FLAGS[i % len(FLAGS)]
        client.append("INBOX", corpus.plain(i, rng), ("\\Seen", flag) if has(i) else ("\\Seen",),
                      "01-Jan-2018 10:00:00 +0000")


def flags(client, folder="INBOX"):
    return [set(m.flags) for m in client.messages(folder)]


def set_flags(client, wanted):
    """Make the flags of the messages those of `wanted` (true, false: the flag of each)."""
    for i, (message, want) in enumerate(zip(client.messages("INBOX"), wanted)):
        flag = FLAGS[i % len(FLAGS)]
        if (flag in message.flags) != bool(want):
            client.store("INBOX", message.uid, "+FLAGS" if want else "-FLAGS", flag)


def case(i):
    return CASES[i // len(FLAGS)]


@pytest.fixture
def proxied(request, origin, destination):
    """Servers on whose ways nothing happens but what is counted: make(near, far) of CONDSTORE."""
    def make(near, far):
        ends = []
        for server, marks in ((origin, near), (destination, far)):
            ends.append(Proxy(server, without=() if marks else LACKING))
            request.addfinalizer(ends[-1].stop)
        return ends

    return make


@pytest.mark.parametrize("near,far", [(True, True), (False, True), (True, False), (False, False)])
@pytest.mark.parametrize("mode", ["merge", "origin", "first"])
def test_table(mode, near, far, make_pair, mm, proxied):
    """One flag in all states there are; a run after that has nothing to do."""
    ends = proxied(near, far)
    pair = make_pair(via_origin=ends[0], via_destination=ends[1], flags={"mode": mode})
    n = len(CASES) * len(FLAGS)
    with pair.at_origin() as ours:
        put(ours, n, lambda i: case(i)[0])
    mm.start()
    assert pair.run()["copied"] == n
    pair.assert_equal()
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        set_flags(ours, [case(i)[1] for i in range(n)])
        set_flags(theirs, [case(i)[2] for i in range(n)])
    done = pair.run()
    assert (done["copied"], done["present"]) == (0, n)
    assert done["flags_updated"] == sum(changes(mode, *case(i)) for i in range(n))
    with pair.at_destination() as theirs:
        got = flags(theirs)
        before = theirs.everything()
    for i in range(n):
        want = {"\\Seen", FLAGS[i % len(FLAGS)]} if expected(mode, *case(i)) else {"\\Seen"}
        assert got[i] == want, (mode, case(i), FLAGS[i % len(FLAGS)])
    assert pair.run()["flags_updated"] == 0
    with pair.at_destination() as theirs:
        assert theirs.everything() == before


@pytest.mark.parametrize("mode", ["merge", "origin", "first"])
def test_there_before(mode, make_pair, mm):
    """Messages that were there before mailmig: united, made equal, left alone."""
    pair = make_pair(flags={"mode": mode})
    both = list(itertools.product((0, 1), repeat=2))
    n = len(both) * len(FLAGS)
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        put(ours, n, lambda i: both[i // 2][0])
        put(theirs, n, lambda i: both[i // 2][1])
    mm.start()
    done = pair.run()
    assert (done["copied"], done["present"]) == (0, n)
    for _ in range(2):
        with pair.at_destination() as theirs:
            for i, got in enumerate(flags(theirs)):
                o, d = both[i // 2]
                want = {"merge": o or d, "origin": o, "first": d}[mode]
                assert (FLAGS[i % 2] in got) == bool(want), (o, d)
        assert done["flags_updated"] == {"merge": 2, "origin": 4, "first": 0}[mode]
        done = pair.run()
        assert done["flags_updated"] == 0
        done["flags_updated"] = {"merge": 2, "origin": 4, "first": 0}[mode]


def reconfigure(mm, pair, **rules):
    """Other rules for the account, from the next run on."""
    for account in mm.accounts:
        if account["name"] == pair.account:
            account["flags"] = rules
    mm.write_config()
    assert mm.ctl("reload").rc == 0


def test_first_and_later_another_mode(make_pair, mm):
    """What changed at the origin while flags did not travel is carried over when they do again;
    what the destination did for itself in that time is its own."""
    pair = make_pair(flags={"mode": "first"})
    with pair.at_origin() as ours:
        put(ours, 4, lambda i: i % 2)
    mm.start()
    pair.run()
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        o = [m.uid for m in ours.messages("INBOX")]
        d = [m.uid for m in theirs.messages("INBOX")]
        ours.store("INBOX", o[0], "+FLAGS", "\\Answered")
        ours.store("INBOX", o[1], "-FLAGS", "\\Seen")
        theirs.store("INBOX", d[2], "+FLAGS", "own")
        before = flags(theirs)
        done = pair.run()
        assert done["flags_updated"] == 0 and flags(theirs) == before
        reconfigure(mm, pair, mode="merge")
        assert pair.run()["flags_updated"] == 2
        assert flags(theirs) == [{"\\Seen", "\\Answered"}, {"work"}, {"\\Seen", "own"},
                                 {"\\Seen", "work"}]
        reconfigure(mm, pair, mode="origin")
        assert pair.run()["flags_updated"] == 1
        assert pair.run()["flags_updated"] == 0
    pair.assert_equal()


def test_rules_changed_between_runs(make_pair, mm):
    """drop and rename, and what becomes of flags carried over under other rules, in folders in
    which nothing else has changed."""
    pair = make_pair()
    rng = random.Random(4)
    with pair.at_origin() as ours:
        for i, has in enumerate((("\\Seen", "Work"), ("\\Flagged", "noise"), ("a", "b"), ("own",))):
            ours.append("INBOX", corpus.plain(i, rng), has, "01-Jan-2018 10:00:00 +0000")
    mm.start()
    pair.run()
    pair.assert_equal()
    with pair.at_destination() as theirs:
        theirs.store("INBOX", theirs.messages("INBOX")[3].uid, "+FLAGS", "NOISE", "\\Seen")
        reconfigure(mm, pair, drop=["noise", "\\Seen"], rename=[["work", "Job"], ["A", "B"],
                                                                ["\\Flagged", "star"]])
        assert pair.run("--dry-run")["flags_updated"] == 3
        assert pair.run()["flags_updated"] == 3
        assert [{f.lower() for f in m} for m in flags(theirs)] == [
            {"job"}, {"star"}, {"b"}, {"own", "noise", "\\seen"}]
        assert pair.run()["flags_updated"] == 0
        with pair.at_origin() as ours:
            ours.append("INBOX", corpus.plain(9, rng), ("\\Flagged", "\\Seen", "WORK", "x"))
        assert pair.run()["copied"] == 1
        assert {f.lower() for f in flags(theirs)[4]} == {"star", "job", "x"}
        reconfigure(mm, pair)
        assert pair.run()["flags_updated"] == 4
        assert [{f.lower() for f in m} for m in flags(theirs)] == [
            {"\\seen", "work"}, {"\\flagged", "noise"}, {"a", "b"}, {"own", "noise", "\\seen"},
            {"\\flagged", "\\seen", "work", "x"}]
        assert pair.run()["flags_updated"] == 0


def test_idle_runs_cost_the_same(make_pair, mm, proxied):
    """In mode "origin", too, whatever the number of messages."""
    ends = proxied(True, True)
    pair = make_pair(via_origin=ends[0], via_destination=ends[1], flags={"mode": "origin"},
                     limits={"connections": 1})
    with pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 5)
    mm.start()
    pair.run()
    pair.run() # its own copies are looked at once
    trips = []
    for number in (None, 60):
        if number:
            with pair.at_origin() as ours:
                corpus.simple(ours, "INBOX", number, first=100)
            pair.run()
            pair.run()
        before = sum(e.octets["down"] for e in ends)
        done = pair.run()
        trips.append((done["round_trips"] if "round_trips" in done else 0,
                      sum(e.octets["down"] for e in ends) - before))
    assert trips[0][0] == trips[1][0]
    assert abs(trips[1][1] - trips[0][1]) < 50 # numbers have more digits


@pytest.fixture
def quirky(request, make_pair, mm, destination, ca):
    """A pair whose destination does what a script says: make(lines, **account keys)."""
    made = {}

    def make(lines, **keys):
        server = Quirky(destination, Script(lines))
        request.addfinalizer(server.stop)
        made["pair"] = make_pair(via_destination=server, **keys)
        return made["pair"], server

    return make
