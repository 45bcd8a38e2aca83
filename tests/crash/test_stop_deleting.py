# SPDX-License-Identifier: Apache-2.0
"""The worker ends (SIGKILL), or its connection does, while it deletes what is gone at the origin:
nothing is ever gone that is not due, and the next run leaves just what the origin has, and what
others put there. Points of the deletions usually, of all of the run with MAILMIG_LONG=1."""

import collections
import contextlib

import pytest

from crash.world import World
from crash_rig import FOLDERS, KINDS, LONG, Rig, long_limit, points
from test_cut import Cutting

from harness import corpus
from harness.imapclient import Client, quoted
from harness.quirky import Script

FOREIGN = b"Subject: foreign %d\r\n\r\nof somebody else\r\n"
N_POINTS = 7  # in a short run
ACCOUNT = {"propagate_deletes": True, "absence_max": "100%"}


def mark(client, folder, uid):
    """Without the CLOSE that would expunge."""
    client.select(folder)
    client.command("UID", "STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)", responses="FETCH")
    client.command("UNSELECT")
    client.imap.state = "AUTH"


def put_foreign(client):
    """In each folder a message of somebody else's, and one that is marked as deleted."""
    for folder in FOLDERS:
        for n in range(2):
            client.append(folder, FOREIGN % n)
        mark(client, folder, client.messages(folder)[-1].uid)


def change(client):
    """Each folder loses messages; two are in another one now, and one is new."""
    uids = {f: [m.uid for m in client.messages(f)] for f in FOLDERS}
    client.expunge("INBOX", uids["INBOX"][0])
    client.expunge("Archive", uids["Archive"][1])
    client.expunge("Entwürfe", uids["Entwürfe"][0])  # one of two equal ones
    for uid in uids["INBOX"][1:3]:
        client.select("INBOX")
        client.command("UID", "MOVE", str(uid), quoted(client.raw_name("Archive")),
                       responses="EXPUNGE")
    corpus.simple(client, "Archive", 1, first=500)


def digests(client, marked=True):
    """Folder → how often each message is there; or those alone that nobody marked as deleted."""
    return {f: collections.Counter(m.sha256 for m in client.messages(f)
                                   if marked or "\\Deleted" not in m.flags)
            for f in FOLDERS}


class Deleting(Rig):
    """A Rig with accounts that have copied all, before messages went away at the origin."""

    def account(self):
        name = super().account()
        self.mm.accounts[-1].update(ACCOUNT)
        self.mm.write_config()
        return name

    def prepare(self, n):
        accounts = [self.account() for _ in range(n)]
        for account in accounts:
            code, done = self.run(account)
            assert code == 0, done
            with Client(self.destination, account) as client:
                put_foreign(client)
        with Client(self.origin, self.user) as client:
            before = digests(client)
            change(client)
            after = digests(client)
        # Whatever happens, this stays: what the origin has kept where it was.
        self.kept = {f: before[f] & after[f] for f in FOLDERS}
        self.wanted = after
        return accounts

    def foreign(self, client):
        return {f: [client.body(f, m.uid) for m in client.messages(f)].count(FOREIGN % 0) +
                [client.body(f, m.uid) for m in client.messages(f)].count(FOREIGN % 1)
                for f in FOLDERS}

    def assert_nothing_undue_is_gone(self, account):
        with Client(self.destination, account) as client:
            there = digests(client)
            assert not any(self.kept[f] - there[f] for f in FOLDERS)
            assert self.foreign(client) == dict.fromkeys(FOLDERS, 2)

    def assert_equal(self, account):
        """What the origin has, and of others one that is marked and one that is not. Where single
        messages cannot be removed they are marked."""
        self.assert_nothing_undue_is_gone(account)
        with Client(self.destination, account) as client:
            there = digests(client, marked="UIDPLUS" not in self.proxy.without)
        for folder in FOLDERS:
            extra = there[folder] - self.wanted[folder]
            assert not self.wanted[folder] - there[folder], folder
            assert sum(extra.values()) == (1 if "UIDPLUS" in self.proxy.without else 2), folder


    def finish(self, account):
        code, done = self.run(account)
        assert code == 0, done
        self.assert_equal(account)
        code, done = self.run(account)
        assert (code, done["copied"], done["deleted"]) == (0, 0, 0), done
        self.assert_equal(account)
        assert not self.proxy.violations


@contextlib.contextmanager
def rig_for(origin, destination, kind):
    rig = Deleting(points, origin, destination, KINDS[kind], connections=1)
    try:
        yield rig
    finally:
        rig.close()


def deleting_points(taken):
    """Where a run begins to delete, to its end; all of it in a long run."""
    first = next(i for i, step in enumerate(taken) if step.endswith("sent STORE"))
    every = range(1 if LONG else first - 8, len(taken) + 1)
    return every if LONG else list(every)[::max(1, len(every) // N_POINTS)]


@long_limit
@pytest.mark.parametrize("kind", KINDS if LONG else ["all", "no-condstore", "no-uidplus"])
def test_stop(origin, destination, kind):
    with rig_for(origin, destination, kind) as rig:
        accounts = rig.prepare(400 if LONG else 2 * N_POINTS)
        first = accounts.pop()
        taken = rig.trace(first)
        assert "sent STORE" in taken
        assert ("sent EXPUNGE" in taken) == (kind not in ("no-uidplus", "poor"))
        for at in deleting_points(taken):
            account = accounts.pop()
            try:
                rig.stop(account, at)
                rig.assert_nothing_undue_is_gone(account)
                rig.finish(account)
            except AssertionError as e:
                raise AssertionError("stopped at %d (%s): %s" % (at, taken[at - 1], e)) from e


@long_limit
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("side", ["origin", "destination"])
def test_cut(origin, destination, user, side, after):
    """The same run connects again, and deletes the rest."""
    def fill(client):
        for i, folder in enumerate(FOLDERS):
            corpus.simple(client, folder, 8, first=100 * i)

    def run(account, at):
        with Cutting(account.world.servers[side], Script([]), at, after) as bad:
            code, done = account.run({side: bad}, limits={"connections": 1}, **ACCOUNT)
            return bad.n, code, done

    world = World(origin, destination, user, fill)
    accounts = [world.account() for _ in range(60 if LONG else 6)]
    try:
        for account in accounts:
            assert account.run(**ACCOUNT)[0] == 0
        with Client(origin, user) as client:
            for folder in FOLDERS:
                client.expunge(folder, client.messages(folder)[2].uid)
        total, code, done = run(accounts[0], 0)
        assert (code, done["deleted"]) == (0, 3), done
        each = 1 if LONG else max(1, total // (len(accounts) - 1))
        for n, account in zip(range(total, 0, -each), accounts[1:]):
            _, code, done = run(account, n)
            assert (code, done["deleted"]) == (0, 3), (n, total, done)
            account.assert_equal(subscribed=False)
    finally:
        for account in accounts:
            account.mm.stop()
