# SPDX-License-Identifier: Apache-2.0
"""flags.mode, flags.drop, flags.rename: every combination of changes at both sides, played by
real servers, with and without CONDSTORE at each; what a changed rule does to what was carried
over before; what the destination cannot keep."""

import itertools
import random
import re

import pytest

from harness import corpus
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
    updates = sum(changes(mode, *case(i)) for i in range(n))
    assert pair.run("--dry-run")["flags_updated"] == updates
    done = pair.run()
    assert (done["copied"], done["present"], done["flags_updated"]) == (0, n, updates)
    with pair.at_destination() as theirs:
        got = flags(theirs)
        before = theirs.everything()
    for i in range(n):
        want = {"\\Seen", FLAGS[i % len(FLAGS)]} if expected(mode, *case(i)) else {"\\Seen"}
        assert got[i] == want, (mode, case(i), FLAGS[i % len(FLAGS)])
    assert pair.run()["flags_updated"] == 0
    with pair.at_destination() as theirs:
        assert theirs.everything() == before


@pytest.mark.parametrize("far", [True, False])
def test_changed_at_the_destination_alone(far, make_pair, mm, proxied):
    """The origin's flags win though nothing has changed there; of a message that somebody else put
    there nobody takes any."""
    ends = proxied(True, far)
    pair = make_pair(via_origin=ends[0], via_destination=ends[1], flags={"mode": "origin"})
    with pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 4, flags=("\\Seen", "work"))
    mm.start()
    pair.run()
    pair.run()
    for i in range(3):
        with pair.at_destination() as theirs:
            uids = [m.uid for m in theirs.messages("INBOX")]
            theirs.store("INBOX", uids[i], "-FLAGS", "work")
            theirs.store("INBOX", uids[3], "+FLAGS", "\\Answered", "own%d" % i)
            corpus.simple(theirs, "INBOX", 1, first=50 + i, flags=("theirs",))
        done = pair.run()
        assert (done["copied"], done["flags_updated"]) == (0, 2)
        assert pair.run()["flags_updated"] == 0
        with pair.at_destination() as theirs:
            assert flags(theirs) == 4 * [{"\\Seen", "work"}] + (i + 1) * [{"theirs"}]


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


# ---- what the destination cannot keep ----

class Site:
    """An account whose destination does what a script says, another one in each run."""

    def __init__(self, make_pair, destination, **keys):
        self.far = Quirky(destination, Script([]))
        self.pair = make_pair(via_destination=self.far, limits={"connections": 1}, **keys)

    def run(self, lines, *args, rc=0):
        """One run: the `done` event, the notes about flags, the STOREs and APPENDs."""
        self.far.script = Script(lines)
        self.far.heard.clear()
        self.pair.mm.write_config()
        code, events, done = self.pair.mm.run_json(self.pair.account, args=("--local", *args))
        assert code == rc, done
        notes = [e["text"] for e in events
                 if e.get("event") == "log" and "cannot keep" in e["text"]]
        return done, notes, [h for h in self.far.heard if re.search("UID STORE", h)]


@pytest.fixture
def site(request, make_pair, destination):
    def make(**keys):
        made = Site(make_pair, destination, **keys)
        request.addfinalizer(made.far.stop)
        return made

    return make


LIMITED = [r"edit PERMANENTFLAGS \([^)]*\) => PERMANENTFLAGS (\\Seen \\Flagged Known)"]


@pytest.mark.parametrize("mode", ["merge", "origin", "first"])
def test_keywords_that_are_not_permitted(mode, site):
    """Left off, told once for each folder and keyword, and set in no run."""
    s = site(flags={"mode": mode})
    with s.pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 3, flags=("\\Seen", "odd", "Known"))
        corpus.simple(ours, "Other", 1, first=10, flags=("odd",))
    done, notes, _ = s.run(LIMITED)
    assert done["copied"] == 4 and len(notes) == 2 and all("odd" in n for n in notes)
    assert not any("Known" in n or "Seen" in n for n in notes)
    for _ in range(3):
        done, notes, stores = s.run(LIMITED)
        assert (done["flags_updated"], notes, stores) == (0, [], [])
    with s.pair.at_destination() as theirs:
        assert flags(theirs) == 3 * [{"\\Seen", "Known"}]
    # More of the same is nothing new; another keyword is.
    with s.pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 1, first=20, flags=("odd",))
        assert s.run(LIMITED)[1] == []
        corpus.simple(ours, "INBOX", 1, first=30, flags=("odd", "stranger"))
        ours.store("INBOX", ours.messages("INBOX")[0].uid, "+FLAGS", "later")
    done, notes, stores = s.run(LIMITED)
    assert len(notes) == 1 and "stranger" in notes[0] and "odd" not in notes[0]
    assert ("later" in notes[0]) == (mode != "first") and stores == []
    assert done["flags_updated"] == 0
    done, notes, stores = s.run(LIMITED)
    assert (done["flags_updated"], notes, stores) == (0, [], [])


def test_keywords_that_are_not_kept(site):
    """The destination says yes to a keyword and forgets it: where the origin's flags win it would
    be set again in each run, were it not found out."""
    s = site(flags={"mode": "origin"})
    forgets = ["without CONDSTORE QRESYNC", r"edit ( ?)\bghost\b => "]
    with s.pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 2, flags=("\\Seen", "ghost"))
    assert s.run(forgets)[0]["copied"] == 2
    done, notes, stores = s.run(forgets)
    assert len(stores) == 1 and len(notes) == 1 and "ghost" in notes[0]
    for _ in range(2):
        done, notes, stores = s.run(forgets)
        assert (done["flags_updated"], notes, stores) == (0, [], [])
    # Asked to, it tries again; the server has learned it.
    done, notes, stores = s.run([], "--retry-held")
    assert (done["flags_updated"], notes, stores) == (0, [], [])


def test_not_just_now(site):
    """What was to be made as at the origin and could not be is done by the next run, though
    nothing has changed since at either side."""
    s = site(flags={"mode": "origin"})
    with s.pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 2, flags=("\\Seen",))
    s.run([])
    s.run([])
    with s.pair.at_destination() as theirs:
        theirs.store("INBOX", theirs.messages("INBOX")[0].uid, "FLAGS", "own")
    done, _, stores = s.run(["on UID STORE", "send $tag NO [UNAVAILABLE] come back later"], rc=1)
    assert done["flags_updated"] == 0 and stores
    assert s.run([])[0]["flags_updated"] == 1
    s.pair.assert_equal()
    assert s.run([])[0]["flags_updated"] == 0


def test_a_limit_of_keywords(site):
    """A message that is refused for its keyword goes without it, and so do those after it."""
    s = site()
    limit = [r"on APPEND .*\([^)]*ghost", "send $tag NO [LIMIT] too many keywords"]
    with s.pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 30, flags=("\\Seen", "ghost"))
    done, notes, stores = s.run(limit)
    assert done["copied"] == 30 and len(notes) == 1 and "ghost" in notes[0] and stores == []
    tries = [re.search(r"\(([^)]*)\)", h).group(1) for h in s.far.heard if " APPEND " in h]
    assert tries.count("\\Seen ghost") == 2 and tries.count("\\Seen") == 30
    with s.pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 1, first=100, flags=("ghost",))
    done, notes, stores = s.run(limit)
    assert done["copied"] == 1 and (notes, stores) == ([], [])
    with s.pair.at_destination() as theirs:
        assert flags(theirs) == 30 * [{"\\Seen"}] + [set()]


@pytest.mark.parametrize("mode", ["merge", "origin", "first"])
def test_flagged_by_store_for_exchange(mode, site):
    """With APPEND it would show in IMAP alone. It is no update of flags, and is not repeated."""
    s = site(flags={"mode": mode})
    exchange = [r"edit \* OK [^\r\n]* ready => * OK The Microsoft Exchange IMAP4 service is ready."]
    with s.pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 2, flags=("\\Seen",))
        corpus.simple(ours, "INBOX", 3, first=10, flags=("\\Flagged", "\\Seen"))
    done, notes, stores = s.run(exchange)
    assert (done["copied"], done["flags_updated"], notes) == (5, 0, []) and len(stores) == 1
    assert not [h for h in s.far.heard if "APPEND" in h and "\\Flagged" in h]
    s.pair.assert_equal()
    for _ in range(2):
        done, notes, stores = s.run(exchange)
        assert (done["flags_updated"], stores) == (0, [])
    s.pair.assert_equal()


def mark(client, n, *add):
    """As Client.store(), without the CLOSE that would expunge."""
    client.select("INBOX")
    uid = client.messages("INBOX")[n].uid
    client.select("INBOX")
    client.command("UID", "STORE", str(uid), "+FLAGS.SILENT", "(%s)" % " ".join(add),
                   responses="FETCH")
    client.command("UNSELECT")
    client.imap.state = "AUTH"


@pytest.mark.parametrize("mode", ["merge", "origin"])
def test_deleted_never_travels(mode, make_pair, mm):
    """A message marked \\Deleted is copied without the mark, which nobody sets or removes later."""
    pair = make_pair(flags={"mode": mode})
    with pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 1, flags=("\\Deleted",))
        corpus.simple(ours, "INBOX", 1, first=10)
    mm.start()
    assert pair.run()["copied"] == 2
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        assert flags(theirs) == [set(), set()]
        mark(ours, 1, "\\Deleted", "\\Seen")
        mark(theirs, 0, "\\Deleted")
        assert pair.run()["flags_updated"] == 1
        assert flags(theirs) == [{"\\Deleted"}, {"\\Seen"}]
        assert pair.run()["flags_updated"] == 0
