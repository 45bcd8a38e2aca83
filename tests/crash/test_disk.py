# SPDX-License-Identifier: Apache-2.0
"""The n-th write, fsync, … of the state fails once: the run ends and says so, or the call did not
matter; the file is not taken for a damaged one (unless SQLite calls a read that failed so), and the
next run makes it right. A spread of n usually, all of them with MAILMIG_LONG=1."""

import errno
import glob
import os
import random

import pytest

from crash_rig import FOLDERS, LONG, Rig, long_limit
from harness import corpus
from harness.imapclient import Client
from harness.mailmig import program
from torture.failat import Shim

# What fails, and how.
KINDS = {
    "write": ("write,pwrite", errno.EIO),
    "full": ("write,pwrite", errno.ENOSPC),
    "short-write": ("write,pwrite", -1),
    "fsync": ("fsync,fdatasync", errno.EIO),
    "read": ("read,pread", errno.EIO),
    "open": ("open", errno.EMFILE),
    "rest": ("ftruncate,unlink,mkdir,rename", errno.EIO),
}


@pytest.fixture(name="shim", scope="module")
def _shim():
    shim = Shim()
    yield shim
    shim.close()


@pytest.fixture(name="rig")
def _rig(shim, origin, destination, request):
    calls, error = KINDS[request.param]

    def steps(at, _log):
        return program("mailmig-worker"), shim.environment(
            "mailmig-worker", calls, at, error=error, path=rig.mm.state)

    rig = Rig(steps, origin, destination, ())
    rig.kind = request.param
    yield rig
    rig.close()


def fail(rig, account, n):
    """True: the run had to end for it."""
    code, done = rig.run(account, n)
    shown = "call %d: %d %s" % (n, code, done)
    assert code in (0, 10), shown
    if code == 10:
        error = done["errors"][-1]
        assert error["class"] == "local" and error["text"] and error["advice"], shown
        assert rig.kind != "full" or "space" in error["advice"], shown
    else:
        rig.assert_equal(account)
        assert done["failed"] == 0, shown
    rig.finish(account)
    aside = glob.glob(os.path.join(glob.escape(rig.mm.state), "accounts/%s.*damaged*Z" % account))
    assert not aside or (rig.kind == "read" and aside[0] in done["errors"][-1]["text"]), shown
    return code == 10


def some(total, n, seed):
    """Of 1 … total: all, or n that lie about as far from each other."""
    rng = random.Random(seed)
    return range(1, total + 1) if LONG else [1 + int((i + rng.random()) * total / n)
                                             for i in range(n)]


def check(rig, ended):
    """Most of it matters; some comes after all is done, and the next run makes up for it."""
    assert any(ended) == (rig.kind != "short-write"), ended


@long_limit
@pytest.mark.parametrize("rig", KINDS, indirect=True)
def test_first_run(rig, shim):
    assert rig.run(rig.account(), 0)[0] == 0
    total = shim.count()
    check(rig, [fail(rig, rig.account(), n) for n in some(total, 5, rig.kind)])


@long_limit
@pytest.mark.parametrize("rig", KINDS, indirect=True)
def test_later_run(rig, shim):
    accounts = [rig.account() for _ in range(150 if LONG else 5)]
    for account in accounts:
        assert rig.run(account)[0] == 0
    with Client(rig.origin, rig.user) as client:
        corpus.change(client, FOLDERS)
    assert rig.run(accounts.pop(), 0)[0] == 0
    total = shim.count()
    assert total <= 150
    check(rig, [fail(rig, account, n) for account, n in zip(accounts, some(total, 4, rig.kind))])
