# SPDX-License-Identifier: Apache-2.0
"""The worker ends by SIGKILL at its n-th commit, command or tagged reply; the next run completes
it, the one after has nothing to do, and both servers hold the same. A spread of points usually,
all of them with MAILMIG_LONG=1."""

import random

import pytest

from crash_rig import (KINDS, LONG, long_limit, points, rig_for, sample, sweep_first_run,
                       sweep_later_run)

N_POINTS = 6  # of each kind of server, in a short run


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_where_they_should_be(origin, destination, kind):
    """Each commit, command and reply has its points, and a batch follows the commit of its
    intents."""
    with rig_for(points, origin, destination, kind, connections=1) as rig:
        rig.count(rig.account())
        taken = rig.steps_taken()
    assert {"before the schema", "after the schema", "before a folder's record",
            "after a folder's record", "before a commit", "after a commit", "reply", "login",
            "LIST", "SELECT", "EXAMINE", "CREATE", "SUBSCRIBE", "FETCH", "APPEND",
            "LOGOUT"} <= set(taken)
    assert taken.count("before a commit") == taken.count("after a commit")
    commands = [s for s in taken if s.isupper() or s == "login"]
    # Nobody waits for the answer to a LOGOUT.
    assert len(commands) - commands.count("LOGOUT") == taken.count("reply"), taken
    for i, step in enumerate(taken):
        if step != "APPEND":
            continue
        while taken[i] in ("APPEND", "consent", "reply"):
            i -= 1
        assert taken[i] == "after a commit" and taken[i + 1] != "reply", taken
    if kind == "all":
        assert taken.count("APPEND") == 3, taken


@long_limit
@pytest.mark.parametrize("kind", KINDS)
def test_first_run(origin, destination, kind):
    with rig_for(points, origin, destination, kind) as rig:
        sweep_first_run(rig, N_POINTS, "stop" + kind)


@long_limit
@pytest.mark.parametrize("kind", KINDS if LONG else ["all", "no-uidplus"])
def test_later_run(origin, destination, kind):
    with rig_for(points, origin, destination, kind) as rig:
        sweep_later_run(rig, N_POINTS, "stop" + kind, most=300)


@long_limit
@pytest.mark.parametrize("kind", KINDS if LONG else ["all"])
@pytest.mark.parametrize("times", [2, 3])
def test_in_a_row(origin, destination, kind, times):
    """The run after is killed too, where the first one was or elsewhere."""
    rng = random.Random(kind)
    with rig_for(points, origin, destination, kind) as rig:
        total = rig.count(rig.account())
        for at in sample(total, 3, "row" + kind):
            others = [rng.choice((at, rng.randrange(1, total + 1))) for _ in range(times - 1)]
            rig.stop_and_finish(rig.account(), at, *others)
