# SPDX-License-Identifier: Apache-2.0
"""Somebody else changes a folder in mid-run, at an exact moment, on either side, in a first run and
in a later one; or the server goes away and comes back. Whatever this run makes of it, the next one
settles it: what is at the origin is at the destination, nothing is there twice, and what was not
ours is still there. A sample of moments and changes usually, all of them with MAILMIG_LONG=1."""

import collections
import concurrent.futures
import os
import random

import pytest

from harness import changes, corpus
from harness.dovecot import Dovecot
from harness.imapclient import fingerprint
from harness.proxy import Proxy

LONG = bool(os.environ.get("MAILMIG_LONG"))
DATE = "01-Jan-2018 10:00:00 +0000"
FOLDER, ELSEWHERE = "Work", "Moved away"
N = 40
SIZE = 3000
FOREIGN = [b"Subject: somebody else's\r\nMessage-ID: <foreign%d@example.net>\r\n\r\n%d\r\n" % (n, n)
           for n in (1, 2)]
FOREIGN_DIGESTS = {fingerprint(octets) for octets in FOREIGN}
SIDES = ("origin", "destination")
N_EXPUNGED = 4


def mailbox():
    """What the folder holds: twins and messages without Message-ID among others."""
    rng = random.Random(8)
    out = [corpus.plain(n, rng, SIZE) for n in range(N - 4)]
    twin, nameless = corpus.plain(900, rng, SIZE), corpus.plain(901, rng, message_id=False)
    return out[:10] + [twin, nameless] + out[10:] + [twin, nameless]


def later():
    """What comes to it before a later run."""
    rng = random.Random(9)
    return [corpus.plain(2000 + n, rng, SIZE) for n in range(N)]


# ---- moments ----

# Whose connection; the n-th line of the client that matches, or so many octets one way.
MOMENTS = {
    "before-LIST": ("origin", r" LIST ", 1),
    "before-LIST-there": ("destination", r" LIST ", 1),
    "before-EXAMINE": ("origin", r' EXAMINE "?Work', 1),
    "before-SELECT": ("destination", r' SELECT "?Work', 1),
    "before-FETCH": ("origin", r" UID FETCH 1:", 1),
    "before-the-texts": ("origin", r" UID FETCH .*BODY\.PEEK\[\]", 1),
    "in-mid-FETCH": ("origin", "down", N * SIZE // 2),
    "before-APPEND": ("destination", r' APPEND "?Work', 1),
    "between-batches": ("destination", r' APPEND "?Work', 21),
    "in-mid-APPEND": ("destination", "up", N * SIZE // 2),
    "before-the-look": ("destination", r" UID FETCH .*\(UID RFC822.SIZE\)", 1),
}


class Trigger:
    """Calls a function once, at that moment."""

    def __init__(self, wires, moment, function):
        side, self.what, self.left = MOMENTS[moment]
        self.proxy = wires[side]
        self.function = function
        self.fired = False
        self.error = None
        if self.what in ("up", "down"):
            self.proxy.triggers[self.what] = (self.proxy.octets[self.what] + self.left, self)
        else:
            self.proxy.at_line = (self.what, self)

    def __call__(self):
        if self.what not in ("up", "down"):
            self.left -= 1
            if self.left > 0:
                self.proxy.at_line = (self.what, self)
                return
        self.fired = True
        try:
            self.function()
        except Exception as e:  # pylint: disable=broad-except
            self.error = e  # in the proxy's thread nobody would see it

    def check(self):
        if self.error:
            raise self.error
        assert self.fired


# ---- changes ----

def append_others(client):
    for octets in FOREIGN:
        client.append(FOLDER, octets, (), DATE)


def expunge_some(client):
    uids = [m.uid for m in client.messages(FOLDER)]
    for uid in uids[3:5] + uids[-3:-1]:
        client.expunge(FOLDER, uid)


def expunge_new(client):
    for m in client.messages(FOLDER)[-5:]:
        client.expunge(FOLDER, m.uid)


def change_flags(client):
    if client.select(FOLDER) > 0:
        client.command("STORE", "1:*", "+FLAGS.SILENT", "(\\Flagged changed)", responses="FETCH")


def rename(client):
    changes.rename(client, FOLDER, ELSEWHERE)


def delete(client):
    changes.delete(client, FOLDER)


def replace_empty(client):
    delete(client)
    client.create(FOLDER)


def replace_other(client):
    replace_empty(client)
    append_others(client)


def renumber(client):
    changes.renumber(client, FOLDER)


CHANGES = (append_others, expunge_some, change_flags, rename, delete, replace_empty, replace_other,
           renumber)


# ---- the account ----

class World:
    """One account through two proxies. `most`: how often a message was at the origin at a time;
    `named`: which of our messages a folder of the destination got by another client's rename."""

    def __init__(self, make_pair, mm, near, far, **keys):
        mm.globals.update(uncertain_wait="500ms", retry={"attempts": 5, "max_delay": "1s"})
        self.wires = {"origin": near, "destination": far}
        self.pair = make_pair(via_origin=near, via_destination=far, limits={"connections": 1},
                              **keys)
        mm.write_config()
        self.most = collections.defaultdict(collections.Counter)
        self.expunged = collections.Counter()
        self.foreign = False
        with self.pair.at_origin() as client:
            client.append("INBOX", corpus.plain(1, random.Random(1)), (), DATE)
            client.create(FOLDER)
            for octets in mailbox():
                client.append(FOLDER, octets, ("\\Seen",), DATE)
        self.look()

    def client(self, side):
        return self.pair.at_origin() if side == "origin" else self.pair.at_destination()

    def look(self):
        """The messages of both sides, by folder."""
        out = []
        for side in SIDES:
            with self.client(side) as client:
                out.append({f: collections.Counter(m.sha256 for m in messages)
                            for f, messages in client.everything().items()})
        for folder, messages in out[0].items():
            self.most[folder] |= messages
        return out

    def run(self):
        code, _, done = self.pair.mm.run_json(self.pair.account, args=("--local",))
        for error in done["errors"]:
            assert error["text"] and error["advice"], error
        assert code in (0, 1), done
        assert bool(code) == bool(done["errors"])
        return code, done

    def a_past(self):
        """A run, and then more mail."""
        assert self.run()[0] == 0
        with self.pair.at_origin() as client:
            for octets in later():
                client.append(FOLDER, octets, (), DATE)
        self.look()

    def act(self, side, change):
        """The change, if there is the folder yet."""
        before = self.look()[SIDES.index(side)]
        if FOLDER in before:
            with self.client(side) as client:
                change(client)
            self.foreign = self.foreign or (
                side == "destination" and change in (append_others, replace_other))
        after = self.look()[SIDES.index(side)]
        if side == "destination" and change is expunge_some:
            self.expunged = before.get(FOLDER, self.expunged) - after.get(FOLDER, self.expunged)

    def assert_settled(self):
        """Nothing is missing, nothing is there more often than it ever was at the origin."""
        ours, theirs = self.look()
        for folder, messages in ours.items():
            missing = messages - theirs.get(folder, collections.Counter())
            # What was deleted there stays deleted.
            assert not missing - self.expunged, "%s: missing %s" % (folder, missing)
        for folder, messages in theirs.items():
            allowed = self.most[folder].copy()
            if folder == ELSEWHERE and folder not in ours:
                allowed = self.most[FOLDER].copy()
            if self.foreign:
                allowed.update(FOREIGN_DIGESTS)
            assert not messages - allowed, "%s: too many %s" % (folder, messages - allowed)
        if self.foreign:
            assert FOREIGN_DIGESTS <= set(theirs[FOLDER])

    def finish(self):
        """The next run settles all, and then there is nothing to do."""
        code, done = self.run()
        assert code == 0, done["errors"]
        self.assert_settled()
        code, done = self.run()
        assert (code, done["copied"], done["flags_updated"]) == (0, 0, 0), done
        self.assert_settled()


@pytest.fixture
def make_world(make_pair, mm, origin, destination):
    proxies = []

    def make(without=()):
        proxies.extend((Proxy(origin), Proxy(destination, without=without)))
        return World(make_pair, mm, *proxies[-2:])

    yield make
    for proxy in proxies:
        proxy.stop()


KINDS = {"batches": (), "singles": ("MULTIAPPEND",)}


def cases():
    everything = [(m, side, c, again, kind) for m in MOMENTS for side in SIDES for c in CHANGES
                  for again in (False, True) for kind in KINDS]
    if LONG:
        return everything
    out = []
    for i, moment in enumerate(MOMENTS):
        for j, side in enumerate(SIDES):
            change = CHANGES[(i + 3 * j) % len(CHANGES)]
            out.append((moment, side, change, (i + i // 8 + j) % 2 == 1, "singles"))
    return out


def name(value):
    return value.__name__ if callable(value) else {False: "first", True: "later"}.get(value, value)


@pytest.mark.parametrize("moment,side,change,again,kind", cases(), ids=name)
def test_changed_in_mid_run(make_world, moment, side, change, again, kind):
    if kind == "batches" and moment == "between-batches":
        pytest.skip("one batch for all")
    world = make_world(KINDS[kind])
    if again:
        world.a_past()
    trigger = Trigger(world.wires, moment, lambda: world.act(side, change))
    code, done = world.run()
    trigger.check()
    # A copy that is taken away before it was looked at is another matter.
    looked_at = list(MOMENTS).index(moment) <= list(MOMENTS).index("before-APPEND")
    if change in (append_others, change_flags) or (
            change is expunge_some and (side == "origin" or looked_at)):
        assert code == 0, done["errors"]
        assert done["failed"] == 0
    world.finish()


def test_deleted_before_they_are_read(make_world):
    """Listed, and gone when their text is asked for: skipped, not failed."""
    world = make_world()
    world.a_past()
    trigger = Trigger(world.wires, "before-the-texts",
                      lambda: world.act("origin", expunge_new))
    code, done = world.run()
    trigger.check()
    assert (code, done["failed"], done["skipped"]) == (0, 0, 5), done
    assert (done["copied"], done["present"]) == (N - 5, N + 1)
    world.finish()


# What must not even end the run: it connects again and goes on.
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("moment,again", [
    (m, again) for m in MOMENTS if not m.startswith("before-LIST") for again in (False, True)]
    if LONG else [("in-mid-FETCH", False), ("in-mid-APPEND", True), ("before-the-look", True)])
def test_renumbered_and_cut_off_in_mid_run(make_world, moment, again, side):
    world = make_world(("MULTIAPPEND",))
    if again:
        world.a_past()

    def act():
        world.act(side, renumber)
        world.wires[side].end_connections()

    trigger = Trigger(world.wires, moment, act)
    code, done = world.run()
    trigger.check()
    assert code == 0, done["errors"]
    assert done["failed"] == 0
    world.assert_settled()
    world.finish()


# ---- a server that goes away ----

class Down:
    """Stands for a server in a Proxy. When it is down it comes back at the n-th connection that
    is tried. `thread` starts it: a server ends with the thread that started it."""

    host = "localhost"

    def __init__(self, server, thread):
        self.server = server
        self.thread = thread
        self.back_after = None

    @property
    def port(self):
        if self.back_after is not None:
            self.back_after -= 1
            if self.back_after <= 0:
                self.be_back()
        return self.server.port

    def be_back(self):
        if self.back_after is not None:
            self.back_after = None
            self.thread.submit(self.server.start).result()

    def halt(self, back_after):
        self.server.halt()
        self.back_after = back_after


@pytest.mark.parametrize("side", SIDES)
def test_restarted_in_mid_run(make_pair, mm, ca, origin, destination, user, side):
    """At once, or after some attempts to connect, later than the first delays of `retry`."""
    moments = [("before-EXAMINE", 1), ("before-SELECT", 3), ("in-mid-FETCH", 1), ("in-mid-FETCH", 4),
               ("in-mid-APPEND", 3), ("between-batches", 4), ("before-the-look", 2)]
    with concurrent.futures.ThreadPoolExecutor(1) as thread, \
            Dovecot(fsync="never", name="restarted", ca=ca) as server:
        down = Down(server, thread)
        ends = {"origin": origin, "destination": destination, side: server}
        for i, (moment, back_after) in enumerate(moments if LONG else [moments[2], moments[4]]):
            with Proxy(down if side == "origin" else origin) as near, \
                    Proxy(down if side == "destination" else destination,
                          without=["MULTIAPPEND"]) as far:
                mm.servers, mm.accounts = [], []
                world = World(make_pair, mm, near, far, **ends, user="%s-%d" % (user, i))
                if i % 2:
                    world.a_past()
                trigger = Trigger(world.wires, moment,
                                  lambda n=back_after: down.halt(n))
                code, done = world.run()
                trigger.check()
                assert code == 0, (moment, done["errors"])
                down.be_back()  # if the run had all that it needed from it
                world.assert_settled()
                world.finish()
