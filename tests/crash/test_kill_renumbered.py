# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the worker while it finds out which message is which: UIDVALIDITY of one side or of
both has changed since the last run, or since a run that was killed too and left uploads in doubt.
The next run leaves every message there once."""

import random
import signal

import pytest

from harness import changes
from harness.imapclient import Client

from test_kill import (  # noqa: F401  pylint: disable=unused-import
    KINDS, LONG, Rig, change, shim)

SIDES = {"origin": ("origin",), "destination": ("destination",), "both": ("origin", "destination")}
POINTS = 6


class Renumbered(Rig):
    """A Rig whose folders get new UIDs."""

    def renumber(self, sides, account):
        for side, server, user in (("origin", self.origin, self.user),
                                   ("destination", self.destination, account)):
            if side not in sides:
                continue
            with Client(server, user) as client:
                for folder in client.folders():
                    if folder != "INBOX":
                        changes.renumber(client, folder)
                filled = client.count("INBOX") > 0
            if filled:
                changes.forget_uids(server, user, "INBOX")


@pytest.fixture(params=["all", "poor"])
def rig(request, shim, origin, destination):  # noqa: F811  pylint: disable=redefined-outer-name
    made = Renumbered(shim, origin, destination, KINDS[request.param])
    yield made
    made.close()


def chosen(total, n, seed):
    return range(1, total + 1) if LONG else sorted(random.Random(seed).sample(range(1, total), n))


@pytest.mark.limit(3600 if LONG else 60)
@pytest.mark.parametrize("sides", SIDES)
def test_killed_while_matching(rig, sides):
    first = rig.account()
    accounts = [rig.account() for _ in range(400 if LONG else POINTS)]
    for account in [first] + accounts:
        assert rig.run(account)[0] == 0
    with Client(rig.origin, rig.user) as client:
        change(client)
    for account in [first] + accounts:
        rig.renumber(set(SIDES[sides]) - {"origin"}, account)
    rig.renumber(set(SIDES[sides]) - {"destination"}, first)
    total = rig.count(first)
    for n, account in zip(chosen(total, POINTS, sides), accounts):
        code, done = rig.run(account, kill_at=n)
        assert code in (0, -signal.SIGKILL), (n, code, done)
        try:
            rig.finish(account)
        except AssertionError as e:
            raise AssertionError("killed at call %d of %d: %s" % (n, total, e)) from e


@pytest.mark.limit(3600 if LONG else 60)
@pytest.mark.parametrize("sides", SIDES)
def test_renumbered_with_uploads_in_doubt(rig, sides):
    """Killed in the first run, renumbered, killed again while matching, renumbered once more."""
    total = rig.count(rig.account())
    for n in chosen(total, 3, sides) if not LONG else range(5, total, 7):
        account = rig.account()
        rig.run(account, kill_at=n)
        rig.renumber(SIDES[sides], account)
        rig.run(account, kill_at=max(1, n * 2 // 3))
        rig.renumber(SIDES["both"], account)
        try:
            rig.finish(account)
        except AssertionError as e:
            raise AssertionError("killed at call %d of %d: %s" % (n, total, e)) from e
