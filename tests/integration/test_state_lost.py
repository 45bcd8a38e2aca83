# SPDX-License-Identifier: Apache-2.0
"""What people are told when a state file is damaged or belongs to others, and the daemon's own
history in the same trouble. (Every kind of damage: tests/crash/test_damage.py.)"""

import os
import random
import sqlite3

import pytest

from harness import corpus


def aside(directory, name):
    return sorted(n for n in os.listdir(directory)
                  if n.startswith(name + ".damaged-") and not n.endswith(("-wal", "-shm")))


def spoil(path, rng):
    with open(path, "r+b") as f:
        f.seek(rng.randrange(os.path.getsize(path)))
        f.write(rng.randbytes(1000))


@pytest.fixture
def filled(pair):
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 5, flags=("\\Seen",))
        corpus.simple(client, "Archive", 3, first=10)
    pair.run()
    return pair


def test_it_is_told(filled, mm):
    """The run is a good one, and its last words are of the file; so are status and the log."""
    accounts = os.path.join(mm.state, "accounts")
    path = os.path.join(accounts, filled.account + ".db")
    spoil(path, random.Random(1))
    done = filled.run()
    assert (done["result"], done["copied"], done["present"], done["failed"]) == ("ok", 0, 8, 0)
    name, = aside(accounts, filled.account + ".db")
    (error,) = done["errors"]
    assert error["class"] == "local" and os.path.join(accounts, name) in error["text"]
    assert "recognised anew" in error["advice"]
    (error,) = mm.account_status(filled.account)["last_run"]["errors"]
    assert name in error["text"]
    assert name in mm.ctl("status", filled.account).out
    assert name in mm.log()
    assert filled.run()["errors"] == []
    assert mm.account_status(filled.account)["last_run"]["errors"] == []


def test_dry_run_leaves_it(filled, mm):
    path = os.path.join(mm.state, "accounts", filled.account + ".db")
    spoil(path, random.Random(2))
    with open(path, "rb") as f:
        before = f.read()
    done = filled.run("--dry-run")
    assert (done["copied"], done["present"]) == (0, 8)
    assert "is damaged" in done["errors"][0]["text"]
    assert os.listdir(os.path.dirname(path)).count(filled.account + ".db") == 1
    with open(path, "rb") as f:
        assert f.read() == before


def test_only_the_newest_are_kept(filled, mm):
    accounts = os.path.join(mm.state, "accounts")
    kept = []
    for seed in range(6):
        spoil(os.path.join(accounts, filled.account + ".db"), random.Random(seed))
        filled.run()
        names = aside(accounts, filled.account + ".db")
        kept += [n for n in names if n not in kept]
        assert names == kept[-3:]
    filled.assert_equal()


def test_other_mailbox_of_equal_numbers(make_pair, mm, origin, destination, user):
    """The destination of the account is another mailbox now, and its folders have the
    UIDVALIDITYs of the old one (Gmail gives all mailboxes the same)."""
    pair = make_pair()
    with pair.at_destination() as client:
        client.create("Archive", subscribe=True)
        corpus.simple(client, "INBOX", 1, first=50)
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 5)
        corpus.simple(client, "Archive", 3, first=10)
    other = user + "b"
    corpus.clone(destination, user, other)
    mm.start()
    assert pair.run()["copied"] == 8
    mm.accounts[0]["destination"] = mm.endpoint("destination", other)
    mm.write_config()
    assert mm.ctl("reload").rc == 0
    done = pair.run()
    assert done["copied"] == 8, done
    assert "other mailboxes" in done["errors"][0]["text"]
    pair.user, pair.at_origin = other, pair.at_origin
    with pair.at_destination() as client:
        assert client.counts() == {"INBOX": 6, "Archive": 3}
    done = pair.run()
    assert (done["copied"], done["errors"]) == (0, [])


# ---- the history ----

def test_history_in_trouble(make_pair, mm):
    """Whatever its file holds, the daemon starts, runs the account and tells how it went."""
    pair = make_pair()
    mm.start()
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 2)
    for _ in range(30):
        pair.run()
    mm.terminate()
    path = os.path.join(mm.state, "mailmig.db")
    with open(path, "rb") as f:
        good = f.read()
    rng = random.Random(5)
    noticed = 0
    for number in range(200 if os.environ.get("MAILMIG_LONG") else 12):
        for name in os.listdir(mm.state):
            if name.startswith("mailmig.db"):
                os.unlink(os.path.join(mm.state, name))
        bad = bytearray(good)
        at = rng.randrange(len(bad))
        if number % 4 == 0:
            bad[at] ^= 1 << rng.randrange(8)
        elif number % 4 == 1:
            bad[at:at + 3000] = bytes(min(3000, len(bad) - at))
        elif number % 4 == 2:
            bad[at:at + 3000] = rng.randbytes(min(3000, len(bad) - at))
        else:
            del bad[at:]
        with open(path, "wb") as f:
            f.write(bad)
        mm.start()
        done = pair.run()
        assert done["result"] == "ok"
        status = mm.account_status(pair.account)
        assert status["state"] == "idle" and status["last_run"]["id"] == done["id"], status
        assert mm.ctl("status", pair.account).rc == 0
        mm.terminate()
        names = aside(mm.state, "mailmig.db")
        noticed += len(names)
        assert len(names) <= 1 and all(n in mm.log() for n in names)
    assert noticed


@pytest.mark.parametrize("made", ["nothing", "directory", "link"])
def test_history_is_no_file(make_pair, mm, made):
    pair = make_pair()
    mm.start()
    pair.run()
    mm.terminate()
    path = os.path.join(mm.state, "mailmig.db")
    os.rename(path, path + ".away")
    if made == "directory":
        os.mkdir(path)
    elif made == "link":
        os.symlink("/dev/full", path)
    mm.start()
    assert pair.run()["result"] == "ok"
    assert mm.account_status(pair.account)["last_run"]["result"] == "ok"
    if made != "nothing":
        assert "going on without" in mm.log() or aside(mm.state, "mailmig.db")
