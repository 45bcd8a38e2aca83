# SPDX-License-Identifier: Apache-2.0
"""The state directory is full: with room for n pages, so that each write is the one that fails.
The run ends and says so; with room again the next one completes it, every message once. Some n
usually, all of them with MAILMIG_LONG=1."""

import os
import subprocess

import pytest

from crash_rig import FOLDERS, LONG, Rig, long_limit, points
from harness import corpus
from harness.disk import Disk
from harness.imapclient import Client
from harness.mailmig import program
from harness.pair import Pair

# With the last a run has enough.
PAGES = (*range(100), 200) if LONG else (0, 1, 2, 5, 9, 14, 20, 28, 200)


def is_clear(done, path):
    """The last error tells where, and of the space there."""
    error = done["errors"][-1]
    return (error["class"] == "local" and path in error["text"]
            and any(w in error["text"] + error["advice"] for w in ("full", "space", "room")))


@pytest.fixture(name="rig")
def _rig(origin, destination):
    rig = Rig(points, origin, destination, ())
    rig.mm.globals["min_free"] = "0"
    disk = Disk(rig.mm.state)
    rig.disk = disk
    yield rig
    disk.close()
    rig.close()


def full(rig, account, pages):
    """A run with so much room, then one with enough. True: it needed more."""
    rig.disk.leave(pages)
    code, done = rig.run(account)
    assert code in (0, 10), (pages, code, done)
    if code == 10:
        assert is_clear(done, rig.mm.state), done
    rig.disk.empty()
    rig.finish(account)
    return code == 10


@long_limit
def test_first_run(rig):
    failed = [full(rig, rig.account(), n) for n in PAGES]
    assert failed[:3] == [True] * 3 and not failed[-1]


@long_limit
def test_later_run(rig):
    accounts = [rig.account() for _ in PAGES]
    for account in accounts:
        code, done = rig.run(account)
        assert code == 0, done
    with Client(rig.origin, rig.user) as client:
        corpus.change(client, FOLDERS)
    failed = [full(rig, account, n) for account, n in zip(accounts, PAGES)]
    assert failed[:3] == [True] * 3 and not failed[-1]


def test_no_inodes(rig):
    """Not one file more can be made: neither directories nor lock, database or log."""
    for more in range(1, 6):
        account = rig.account()
        files = os.statvfs(rig.mm.state)
        rig.disk.remount("nr_inodes=%d" % (files.f_files - files.f_ffree + more))
        code, done = rig.run(account)
        assert code in (0, 10), done
        if code == 10:
            assert is_clear(done, rig.mm.state), done["errors"]
        rig.disk.remount("nr_inodes=4000")
        rig.finish(account)


def test_read_only_and_gone(rig):
    """A file system that may only be read, and one that is taken away."""
    account = rig.account()
    rig.disk.remount("ro")
    code, done = rig.run(account)
    assert code == 10 and "ead-only" in done["errors"][-1]["text"], done
    rig.disk.remount("rw")
    code, done = rig.run(account)
    assert code == 0, done
    with Client(rig.origin, rig.user) as client:
        corpus.change(client, FOLDERS)
    rig.disk.remount("ro")
    code, done = rig.run(account)
    assert code == 10 and done["errors"][-1]["class"] == "local", done
    rig.disk.remount("rw")
    subprocess.run(["umount", "-l", rig.mm.state], check=True)
    code, done = rig.run(account)  # an empty directory is under it
    assert (code, done["copied"]) == (0, 6), done
    rig.assert_equal(account)
    subprocess.run(["mount", "-t", "tmpfs", "none", rig.mm.state], check=True)
    rig.finish(account)


@pytest.fixture(name="disk")
def _disk(mm):
    mm.globals["min_free"] = "0"
    disk = Disk(mm.state)
    yield disk
    mm.terminate(check=False)
    disk.close()


@long_limit
def test_daemon(mm, origin, destination, user, disk):
    """Its history cannot be written either; it goes on, and answers."""
    pair = Pair(mm, origin, destination, user)
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 3)
    mm.start()
    pair.run()
    assert mm.daemon
    refused = 0
    for pages in range(40) if LONG else (0, 4, 12, 24, 36):
        with pair.at_origin() as client:
            corpus.simple(client, "INBOX", 3, first=100 * pages + 10)
        disk.leave(pages)
        code, _, done = mm.run_json(user)
        assert code in (0, 10), done
        refused += code == 10
        last = mm.account_status(user)["last_run"]
        assert (last["id"], last["exit_code"]) == (done["id"], code)
        disk.empty()
        pair.run()
        pair.assert_equal()
        assert mm.account_status(user)["last_run"]["result"] == "ok"
    assert refused
    assert "going on without" in mm.log()
    mm.terminate()
    mm.start()
    assert mm.account_status(user)["last_run"]["result"] == "ok"


def test_secret(mm, disk):
    """A stored secret is the old one or the new one."""
    mm.add_server("origin", type("Nowhere", (), {"host": "127.0.0.1", "port": 9, "tls_port": 9}))
    mm.start()

    def put(value):
        return subprocess.run([program("mailmigctl"), "--socket", mm.socket, "secret", "set", "one"],
                              input=value, capture_output=True, check=False, timeout=20)

    assert put(b"first").returncode == 0
    stored = os.path.join(mm.state, "secrets")
    before = {n: open(os.path.join(stored, n), "rb").read() for n in os.listdir(stored)} \
        if os.path.isdir(stored) else {}
    disk.leave(0)
    got = put(b"second")
    assert got.returncode == 10 and b"space" in got.stderr, got
    if before:
        assert before == {n: open(os.path.join(stored, n), "rb").read()
                          for n in os.listdir(stored)}
    disk.empty()
    assert put(b"second").returncode == 0
