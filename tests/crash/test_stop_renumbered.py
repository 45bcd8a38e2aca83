# SPDX-License-Identifier: Apache-2.0
"""The worker ends (SIGKILL) while it finds out which message is which: UIDVALIDITY of one side or
of both has changed since the last run, or since a run that was killed too and left uploads in
doubt. The next run leaves every message there once."""

import contextlib

import pytest

from crash_rig import FOLDERS, KINDS, LONG, Rig, long_limit, points, sample

from harness import changes, corpus
from harness.imapclient import Client

SIDES = {"origin": ("origin",), "destination": ("destination",), "both": ("origin", "destination")}
WAYS = [(kind, sides) for kind in ("all", "poor") for sides in SIDES]
N_POINTS = 5  # in a short run


class Renumbered(Rig):
    """A Rig whose folders get new UIDs."""

    def renumber(self, sides, account):
        for side, server, user in (("origin", self.origin, self.user),
                                   ("destination", self.destination, account)):
            if side not in sides:
                continue
            with Client(server, user) as client:
                for folder in FOLDERS[1:]:
                    if folder in client.folders():
                        changes.renumber(client, folder)
                filled = client.count("INBOX") > 0
            if filled:
                changes.forget_uids(server, user, "INBOX")


@contextlib.contextmanager
def rig_for(origin, destination, kind):
    rig = Renumbered(points, origin, destination, KINDS[kind], connections=1)
    try:
        yield rig
    finally:
        rig.close()


@long_limit
@pytest.mark.parametrize("kind, sides", WAYS)
def test_while_matching(origin, destination, kind, sides):
    with rig_for(origin, destination, kind) as rig:
        accounts = [rig.account() for _ in range((400 if LONG else N_POINTS) + 1)]
        for account in accounts:
            code, done = rig.run(account)
            assert code == 0, done
        with Client(origin, rig.user) as client:
            corpus.change(client, FOLDERS)
        for account in accounts:
            rig.renumber(set(SIDES[sides]) - {"origin"}, account)
        rig.renumber(set(SIDES[sides]) - {"destination"}, accounts[0])
        taken = rig.trace(accounts.pop())
        for at, account in zip(sample(taken, N_POINTS, kind + sides), accounts):
            rig.stop_and_finish(account, at)


@long_limit
@pytest.mark.parametrize("later", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("kind, sides", WAYS)
def test_with_uploads_in_doubt(origin, destination, kind, sides, later):
    """Killed in an upload, renumbered, killed again while matching, renumbered once more."""
    if not LONG and later != (kind == "all"):
        pytest.skip("with MAILMIG_LONG=1")
    with rig_for(origin, destination, kind) as rig:
        accounts = [rig.account() for _ in range(60 if LONG else 4)]
        if later:
            for account in accounts:
                assert rig.run(account)[0] == 0
            with Client(origin, rig.user) as client:
                corpus.change(client, FOLDERS)
        taken = rig.trace(accounts.pop())
        sends = [i + 1 for i, step in enumerate(taken) if step.endswith(" APPEND")]
        if not LONG:
            sends = sends[1::max(2, len(sends) // 3)]
        for at, account in zip(sends, accounts):
            assert rig.stop(account, at)
            rig.renumber(SIDES[sides], account)
            rig.stop(account, max(1, at * 2 // 3))
            rig.renumber(SIDES["both"], account)
            rig.finish(account)
