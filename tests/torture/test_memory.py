# SPDX-License-Identifier: Apache-2.0
"""The n-th allocation fails, or all from the n-th on: the worker ends with an error that says so or
goes on, and the next run brings everything over once. A spread of points usually, all of them with
MAILMIG_LONG=1."""

import pytest

from harness import corpus
from harness.imapclient import Client
from torture.rig import FOLDERS, LONG, Rig, points, saying

POINTS = 21
OOM = ("memory", "Insufficient", "malloc", "not be told")
# 1: without memory for a command one folder failed; 6, 9: libcurl, OpenSSL or the resolver had none.
CODES = (0, 1, 6, 9, 10)


def try_once(rig, shim, account, n, on, tls):
    env = shim.environment("mailmig-worker", "alloc", n, on)
    code, done = rig.run(account, env)
    assert code in CODES, (code, done, rig.log())
    errors = [e["text"] for e in done.get("errors", [])]
    if code == 10 or (code and tls == "none" and not on):
        assert any(word in text for text in [*errors, rig.log()] for word in OOM) or \
            "resolve" in "".join(errors), (code, errors, rig.log())
    rig.finish(account)


def sweep(rig, shim, total, n_points, accounts, on, tls="none"):
    for n in points(total, n_points, tls + str(on)):
        with saying("allocation", n, "of", total, "on" if on else ""):
            try_once(rig, shim, next(accounts), n, on, tls)


def count(rig, shim, account):
    code, done = rig.run(account, shim.environment("mailmig-worker", "alloc"))
    assert code == 0, done
    rig.assert_equal(account)
    return shim.count()


@pytest.mark.limit(7200 if LONG else 60)
@pytest.mark.parametrize("tls", ["none", "implicit"])
def test_first_run(shim, origin, destination, tls):
    with Rig(origin, destination, tls=tls, retry={"attempts": 1, "max_delay": "1s"}) as rig:
        total = count(rig, shim, rig.account())
        assert total > 5000
        accounts = iter(rig.account, None)
        n_points = POINTS if tls == "none" else POINTS // 3
        sweep(rig, shim, total, n_points, accounts, False, tls)
        sweep(rig, shim, total, n_points // 3, accounts, True, tls)


@pytest.mark.limit(7200 if LONG else 60)
def test_later_run(shim, origin, destination):
    """The state knows most of it; new mail and other flags are on their way."""
    with Rig(origin, destination) as rig:
        n_points = 400 if LONG else POINTS // 2
        first, *others = [rig.account() for _ in range(n_points + 2)]
        for account in [first, *others]:
            assert rig.run(account)[0] == 0
        with Client(origin, rig.user) as client:
            corpus.change(client, FOLDERS)
        total = count(rig, shim, first)
        for n, account in zip(range(1, total + 1, total // n_points), others):
            with saying("allocation", n, "of", total):
                try_once(rig, shim, account, n, False, "none")


@pytest.mark.limit(7200 if LONG else 60)
def test_deleting(shim, origin, destination):
    """What is gone at the origin goes, and nothing else."""
    with Rig(origin, destination) as rig:
        rig.account_keys = {"propagate_deletes": True, "recopy_deleted": True,
                            "absence_max": "100%"}
        n_points = 400 if LONG else POINTS // 2
        first, *others = [rig.account() for _ in range(n_points + 2)]
        for account in [first, *others]:
            assert rig.run(account)[0] == 0
        with Client(origin, rig.user) as client:
            for folder in FOLDERS:
                client.expunge(folder, client.messages(folder)[0].uid)
        total = count(rig, shim, first)
        for n, account in zip(range(total, 0, -(total // n_points)), others):
            with saying("allocation", n, "of", total):
                try_once(rig, shim, account, n, False, "none")


def test_reconnects(shim, origin, destination):
    """A command that could not be put together ends the connection, not the run: half a command
    might be another one."""
    with Rig(origin, destination) as rig:
        total = count(rig, shim, rig.account())
        codes = set()
        for n in points(total, POINTS // 3, "reconnect"):
            account = rig.account()
            codes.add(rig.run(account, shim.environment("mailmig-worker", "alloc", n))[0])
            rig.finish(account)
        assert codes <= {0, 6, 10}, codes
