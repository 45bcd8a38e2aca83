# SPDX-License-Identifier: Apache-2.0
"""Large messages pass through a file: there is no room for it, or its disk fails. The run ends with
what is needed and where; nothing is lost, nothing doubled, and the next run brings the rest."""

import errno
import os

import pytest

from torture.rig import LONG, Rig, points, saying

LARGE = 3 * 1024 * 1024  # above a quarter of the memory for spools
LARGE_TEXT = "3.0 MiB"
POINTS = 3


@pytest.fixture
def rig(origin, destination):
    with Rig(origin, destination, large=LARGE, min_free="1MiB") as made:
        yield made


def small_file_system(rig, size):
    """A command in front of the worker: its spool directory is on a small file system."""
    spool = os.path.join(rig.mm.state, "spool")
    os.makedirs(spool, exist_ok=True)
    script = 'mount -t tmpfs -o size=%s,mode=700 tmpfs "$0" && exec "$@"' % size
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, spool]


def error(done):
    assert len(done["errors"]) == 1, done
    return done["errors"][0]


def test_no_room(rig):
    """What needs more room than there is, is not begun."""
    account = rig.account()
    code, done = rig.run(account, wrap=small_file_system(rig, "3m"))
    said = error(done)
    assert code == 8, done
    assert said["class"] == "safety"
    for word in (LARGE_TEXT, "3.0 MiB free", "/spool", "min_free is 1.0 MiB"):
        assert word in said["text"], said
    # With room the same run does it all.
    assert rig.run(account, wrap=small_file_system(rig, "16m"))[0] == 0
    rig.finish(account)


@pytest.mark.parametrize("code, error_number", [(8, errno.ENOSPC), (8, errno.EDQUOT),
                                                (10, errno.EIO)])
def test_becomes_full(rig, shim, code, error_number):
    """Another one fills it while the message comes."""
    account = rig.account()
    assert rig.run(account, shim.environment("mailmig-worker", "pwrite", path="/spool/"))[0] == 0
    rig.assert_equal(account)
    total = shim.count()
    assert total > 20
    # How many writes it takes differs from run to run, as the octets come.
    for n in points(total * 2 // 3, POINTS, error_number):
        account = rig.account()
        env = shim.environment("mailmig-worker", "pwrite", n, True, error_number, "/spool/")
        with saying("write", n, "of", total):
            got, done = rig.run(account, env)
            assert got == code, done
            assert LARGE_TEXT in error(done)["text"] and "/spool" in error(done)["text"], done
            rig.finish(account)


def test_short_writes(rig, shim):
    account = rig.account()
    env = shim.environment("mailmig-worker", "pwrite,pread", 1, True, -1, "/spool/")
    assert rig.run(account, env)[0] == 0
    rig.finish(account)


@pytest.mark.limit(600 if LONG else 60)
def test_cannot_be_read(rig, shim):
    """In the middle of an upload: the connection ends there, and the message is not half there."""
    account = rig.account()
    assert rig.run(account, shim.environment("mailmig-worker", "pread", path="/spool/"))[0] == 0
    total = shim.count()
    assert total > 20
    for n in points(total * 2 // 3, POINTS, "read"):
        for on in (False, True):
            account = rig.account()
            env = shim.environment("mailmig-worker", "pread", n, on, errno.EIO, "/spool/")
            with saying("read", n, "of", total, "on" if on else ""):
                code, done = rig.run(account, env)
                # Once: the message is spooled anew, unless it was in the look at its header.
                assert code in ((0, 10) if not on else (1, 10)), done
                assert not code or any("cannot" in e["text"] for e in done["errors"]), done
                rig.finish(account)
