# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the worker at the n-th call of the C library by which it changes anything, hears of
it or waits for it, then one more run: every message is there once, with its flags and its date.
That is also in the middle of a commit and of a command, where test_stop.py has no point. A spread
of calls usually, all of them with MAILMIG_LONG=1."""

import pytest

from crash_rig import KINDS, LONG, killat, long_limit, rig_for, sweep_first_run, sweep_later_run

N_CALLS = 6  # of each kind of server, in a short run


@pytest.fixture(scope="module", name="calls")
def build_shim():
    with killat() as calls:
        yield calls


@long_limit
@pytest.mark.parametrize("kind", KINDS if LONG else ["all", "no-literal+"])
def test_first_run(calls, origin, destination, kind):
    with rig_for(calls, origin, destination, kind) as rig:
        sweep_first_run(rig, N_CALLS, kind)


@long_limit
@pytest.mark.parametrize("kind", KINDS if LONG else ["all", "poor"])
def test_later_run(calls, origin, destination, kind):
    with rig_for(calls, origin, destination, kind) as rig:
        sweep_later_run(rig, N_CALLS, kind)
