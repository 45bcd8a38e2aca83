# SPDX-License-Identifier: Apache-2.0
"""The worker ends by SIGKILL between the commands and commits that are about flags: \\Flagged after
the copy, where a server wants it so, and changes at both sides, where the origin's flags win. The
next run completes it, the one after has nothing to do. All points with MAILMIG_LONG=1."""

import random
import time

import pytest

from crash_rig import LONG, Rig, long_limit, points
from harness import corpus
from harness.imapclient import Client
from harness.quirky import Quirky, Script

EXCHANGE = [r"edit \* OK [^\r\n]* ready => * OK The Microsoft Exchange IMAP4 service is ready."]
N_POINTS = 6


class FlagsRig(Rig):
    """With a script for the destination, rules for flags, and one connection: the steps are the
    same in each run."""

    def __init__(self, origin, destination, lines, mode):
        super().__init__(points, origin, destination, (), connections=1)
        self.proxy.stop()
        self.proxy = Quirky(destination, Script(lines))
        self.proxy.violations = ()
        self.mm.servers = []
        self.mm.add_server("origin", origin, "none")
        self.mm.add_server("destination", self.proxy, "none")
        self.mode = mode

    def account(self):
        name = super().account()
        self.mm.accounts[-1]["flags"] = {"mode": self.mode}
        self.mm.write_config()
        return name


def about_flags(taken, seed):
    """The steps from the last ones before the first STORE to the end: all, or some of them."""
    first = taken.index("sent STORE")
    found = range(max(1, first - 3), len(taken) + 1)
    if LONG:
        return found
    return sorted({first, first + 1, first + 2, first + 3} |
                  set(random.Random(seed).sample(found, min(len(found), N_POINTS - 4))))


@long_limit
@pytest.mark.parametrize("mode", ["merge", "first"])
def test_flagged_after_the_copy(mode, origin, destination):
    rig = FlagsRig(origin, destination, EXCHANGE, mode)
    try:
        taken = rig.trace(rig.account())
        # Killed between the APPEND and the STORE too: what is on its way is looked for first.
        appended = [i + 1 for i, step in enumerate(taken) if step.endswith("APPEND")]
        for at in sorted(set(appended[:2] + appended[-1:]) | set(about_flags(taken, mode))):
            rig.stop_and_finish(rig.account(), at)
        assert not [h for h in rig.proxy.heard if "APPEND" in h and "\\Flagged" in h]
    finally:
        rig.close()


@long_limit
@pytest.mark.parametrize("mode", ["merge", "origin"] if LONG else ["merge"])
def test_there_before(mode, origin, destination):
    """What was there before mailmig gets the origin's flags, though the row is written first."""
    rig = FlagsRig(origin, destination, [], mode)

    def account():
        name = rig.account()
        with Client(rig.origin, rig.user) as ours, Client(destination, name) as theirs:
            theirs.create("Entwürfe")
            theirs.create("Archive")
            for folder in ("INBOX", "Archive", "Entwürfe"):
                for message in ours.messages(folder):
                    date = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(message.date))
                    theirs.append(folder, ours.body(folder, message.uid), (), date)
        return name

    try:
        for at in about_flags(rig.trace(account()), mode):
            rig.stop_and_finish(account(), at)
    finally:
        rig.close()


@long_limit
def test_made_as_at_the_origin(origin, destination):
    rig = FlagsRig(origin, destination, [], "origin")
    n = 60 if LONG else N_POINTS
    try:
        accounts = [rig.account() for _ in range(n + 1)]
        for account in accounts:
            assert rig.run(account)[0] == 0
            with Client(destination, account) as theirs:
                for i, message in enumerate(theirs.messages("INBOX")):
                    theirs.store("INBOX", message.uid, "FLAGS", "own", "k%d" % i)
        with Client(rig.origin, rig.user) as ours:
            uids = [m.uid for m in ours.messages("INBOX")]
            ours.store("INBOX", uids[0], "+FLAGS", "\\Answered", "new")
            ours.store("INBOX", uids[1], "-FLAGS", "\\Seen")
            corpus.simple(ours, "INBOX", 2, first=300, flags=("\\Flagged",))
        taken = rig.trace(accounts.pop())
        for at, account in zip(about_flags(taken, 1), accounts):
            rig.stop_and_finish(account, at)
    finally:
        rig.close()
