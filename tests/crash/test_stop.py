# SPDX-License-Identifier: Apache-2.0
"""The worker ends by SIGKILL at its n-th commit, command or tagged reply; the next run completes
it, the one after has nothing to do, and both servers hold the same. A spread of points usually,
all of them with MAILMIG_LONG=1."""

import collections
import random

import pytest

from harness.imapclient import Client
from crash_rig import (FOLDERS, KINDS, LONG, long_limit, points, rig_for, sample,
                       sweep_first_run, sweep_later_run)

N_POINTS = {1: 50, 2: 10}  # in a short run, with so many connections


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_where_they_should_be(origin, destination, kind):
    """Each commit, command and reply has its points, and a batch follows the commit of its
    intents."""
    with rig_for(points, origin, destination, kind, connections=1) as rig:
        taken = rig.trace(rig.account())
    for what in ("schema", "commit", "end of writing"):
        assert taken.count("before " + what) == taken.count("after " + what) > 0
    sent = collections.Counter(s[5:] for s in taken if s.startswith("sent "))
    heard = collections.Counter(s[6:] for s in taken if s.startswith("reply "))
    assert set(sent) >= {"login", "LIST", "SELECT", "EXAMINE", "CREATE", "SUBSCRIBE", "FETCH",
                         "APPEND", "LOGOUT"}
    assert sent == heard + collections.Counter(LOGOUT=2), taken  # nobody waits for that answer
    for i, step in enumerate(taken):
        if step == "sent APPEND":
            while taken[i].endswith(" APPEND"):
                i -= 1
            assert taken[i] == "after commit", taken
    if kind == "all":
        assert sent["APPEND"] == 3, taken


# With one connection the steps are the same in each run, and each kind of place is stopped at.
WAYS = [("all", 1)] + [(kind, 2) for kind in KINDS]


@long_limit
@pytest.mark.parametrize("kind, connections", WAYS)
def test_first_run(origin, destination, kind, connections):
    with rig_for(points, origin, destination, kind, connections=connections) as rig:
        sweep_first_run(rig, N_POINTS[connections], kind)


@long_limit
@pytest.mark.parametrize("kind, connections", WAYS if LONG else [("all", 1), ("no-uidplus", 2)])
def test_later_run(origin, destination, kind, connections):
    with rig_for(points, origin, destination, kind, connections=connections) as rig:
        sweep_later_run(rig, N_POINTS[connections], kind)


def test_stop_after_each_message(origin, destination):
    """Some of a batch are there, and of two equal ones one."""
    with rig_for(points, origin, destination, "no-literal+", connections=1) as rig:
        taken = rig.trace(rig.account())
        stops = [i + 1 for i, step in enumerate(taken) if step == "reply APPEND"]
        assert len(stops) == 15
        for at in stops:
            assert rig.stop_and_finish(rig.account(), at)


@long_limit
@pytest.mark.parametrize("kind", ["all", "no-multiappend", "poor"] if LONG else ["all"])
@pytest.mark.parametrize("times", [2, 3])
def test_in_a_row(origin, destination, kind, times):
    """The run after is killed too, where the first one was or elsewhere."""
    rng = random.Random(kind)
    with rig_for(points, origin, destination, kind) as rig:
        taken = rig.trace(rig.account())
        for at in sample(taken, N_POINTS[2], kind):
            others = [rng.choice((at, rng.randrange(len(taken)) + 1)) for _ in range(times - 1)]
            rig.stop_and_finish(rig.account(), at, *others)


@pytest.mark.parametrize("step", ["sent APPEND", "reply APPEND"])
@pytest.mark.parametrize("folder", range(3))
def test_flags_change_before_the_next_run(origin, destination, folder, step):
    """What was sent and not recorded is found again as what it was then: a flag that the origin
    has taken away since goes at the destination too."""
    with rig_for(points, origin, destination, "all", connections=1) as rig:
        taken = rig.trace(rig.account())
        at = [i for i, s in enumerate(taken) if s == step][folder] + 1
        account = rig.account()
        assert rig.stop(account, at)
        with Client(origin, rig.user) as client:
            for name in FOLDERS:
                first, second = client.messages(name)[:2]
                client.store(name, first.uid, "-FLAGS", *first.flags)
                client.store(name, second.uid, "+FLAGS", "\\Answered", "later")
        rig.finish(account)
