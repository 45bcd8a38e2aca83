# SPDX-License-Identifier: Apache-2.0
"""kill -9 at the n-th call, as in test_kill.py, where rules choose the messages: in the end just
those are there, once each; also when the rules were others in the run before."""

import calendar

import pytest

from crash_rig import KINDS, LONG, Rig, killat, long_limit, sample
from harness.imapclient import Client, compare_folder

SINCE = calendar.timegm((2010, 1, 1, 0, 0, 0))
NARROW = {"since": "2010-01-01", "max_size": "5000", "search": "NOT KEYWORD kept"}
WIDE = {"since": "2010-01-01"}
N_CALLS = 5


class ChosenRig(Rig):
    """What its accounts copy is chosen by rules."""

    def choose(self, account, rules):
        entry = next(a for a in self.mm.accounts if a["name"] == account)
        entry["messages"] = rules
        self.mm.write_config()

    def account(self):
        name = super().account()
        self.choose(name, WIDE)
        return name

    def assert_equal(self, account):
        rules = next(a for a in self.mm.accounts if a["name"] == account)["messages"]
        found, left_out = [], 0
        with Client(self.origin, self.user) as ours, Client(self.destination, account) as theirs:
            there = theirs.everything()
            for folder, messages in ours.everything().items():
                chosen = [m for m in messages if m.date >= SINCE and
                          (rules == WIDE or m.size <= 5000 and "kept" not in m.flags)]
                left_out += len(messages) - len(chosen)
                found += compare_folder(folder, chosen, there.get(folder, ()), order=False)
        assert not found, "\n".join(found)
        assert left_out > 0


@pytest.fixture(scope="module", name="calls")
def build_shim():
    with killat() as calls:
        yield calls


@long_limit
@pytest.mark.parametrize("kind", KINDS if LONG else ["all"])
def test_chosen(calls, origin, destination, kind):
    rig = ChosenRig(calls, origin, destination, KINDS[kind])
    try:
        for at in sample(rig.trace(rig.account()), N_CALLS, kind):
            rig.stop_and_finish(rig.account(), at)

        def later():
            account = rig.account()
            rig.choose(account, NARROW)
            code, done = rig.run(account)
            assert code == 0, done
            rig.choose(account, WIDE)
            return account

        taken = rig.trace(later())
        for at in sample(taken, N_CALLS, kind):
            rig.stop_and_finish(later(), at)
    finally:
        rig.close()
