# SPDX-License-Identifier: Apache-2.0
"""Something happens to the state of an account between two runs, or to what a killed run left of
it: it is noticed or harmless. The run after brings new mail, no message is there twice or missing,
and the one after that has nothing to do. Some of all places usually, many with MAILMIG_LONG=1."""

import glob
import os
import random
import shutil

import pytest

from crash_rig import FOLDERS, LONG, Rig, long_limit, points
from harness import corpus
from harness.imapclient import Client

FLIPS = 120 if LONG else 3
PAGE = 4096


@pytest.fixture(name="rig")
def _rig(origin, destination):
    rig = Rig(points, origin, destination, (), connections=1)  # steps in one order
    yield rig
    rig.close()


class State:
    """The files of an account's state."""

    def __init__(self, rig, account):
        self.account = account
        self.path = os.path.join(rig.mm.state, "accounts", account + ".db")
        self.wal = self.path + "-wal"
        self.kept = os.path.join(rig.mm.dir, account + ".old")

    def keep(self):
        shutil.copy(self.path, self.kept)

    def files(self):
        return sorted(glob.glob(glob.escape(self.path[:-3]) + ".*"))

    def set_aside(self):
        return [f for f in self.files() if ".damaged-" in f and not f.endswith(("-wal", "-shm"))]

    def write(self, at, octets, path=None):
        with open(path or self.path, "r+b") as f:
            f.seek(at)
            f.write(octets)

    def flip(self, rng, path=None):
        path = path or self.path
        with open(path, "r+b") as f:
            at = rng.randrange(os.path.getsize(path))
            f.seek(at)
            octet = f.read(1)[0] ^ 1 << rng.randrange(8)
            f.seek(at)
            f.write(bytes([octet]))

    def block(self, rng, noise, path=None):
        """Zeros or noise, where something else was."""
        path = path or self.path
        with open(path, "rb") as f:
            before = f.read()
        while True:
            at = rng.randrange(len(before))
            was = before[at:at + rng.choice((8, 512, PAGE, 3 * PAGE))]
            now = rng.randbytes(len(was)) if noise else bytes(len(was))
            if now != was:
                break
        self.write(at, now, path)

    def cut(self, rng, unit=1, path=None):
        path = path or self.path
        os.truncate(path, rng.randrange(1, os.path.getsize(path) // unit) * unit)


def repeated(n, name, do):
    """The same at n places."""
    return {"%s %d" % (name, seed): lambda s, _, seed=seed: do(s, random.Random(name + str(seed)))
            for seed in range(n)}


def lose(*names):
    def do(s, _):
        for name in names:
            os.unlink(s.path[:-3] + name)

    return do


def in_place(make):
    def do(s, _):
        os.unlink(s.path)
        make(s)

    return do


# After a run that ended well: what is done to the files, and is it noticed?
AT_REST = {
    True: {
        **repeated(FLIPS, "bit", lambda s, rng: s.flip(rng)),
        **repeated(FLIPS // 3, "zeros", lambda s, rng: s.block(rng, False)),
        **repeated(FLIPS // 3, "noise", lambda s, rng: s.block(rng, True)),
        **repeated(FLIPS // 3, "cut", lambda s, rng: s.cut(rng)),
        **repeated(FLIPS // 3, "cut at a page", lambda s, rng: s.cut(rng, PAGE)),
        "other account's": lambda s, others: shutil.copy(others[0], s.path),
        "directory": in_place(lambda s: os.mkdir(s.path)),
        "link": in_place(lambda s: os.symlink(s.kept, s.path)),
        "no database": in_place(lambda s: shutil.copy(os.__file__, s.path)),
        "log is a directory": lambda s, _: os.mkdir(s.wal),
    },
    False: {
        "nothing": lambda s, _: None,
        "lost": lose(".db"),
        "all lost": lose(".db", ".lock"),
        "lock lost": lose(".lock"),
        "empty": in_place(lambda s: open(s.path, "wb").close()),
        "older": lambda s, _: shutil.copy(s.kept, s.path),
    },
}

# After one that was killed, with a log.
KILLED = {
    True: {
        "older beside the log": lambda s, _: shutil.copy(s.kept, s.path),
    },
    False: {
        "nothing": lambda s, _: None,
        "log lost": lose(".db-wal"),
        "log alone": lose(".db"),
        **repeated(FLIPS // 3, "log's bit", lambda s, rng: s.flip(rng, s.wal)),
        **repeated(FLIPS // 3, "log's zeros", lambda s, rng: s.block(rng, False, s.wal)),
        **repeated(FLIPS // 3, "log cut", lambda s, rng: s.cut(rng, 1, s.wal)),
    },
    None: {  # where the log has the page anew, nobody reads the old one
        **repeated(FLIPS // 3, "bit beside the log", lambda s, rng: s.flip(rng)),
        **repeated(FLIPS // 3, "zeros beside the log", lambda s, rng: s.block(rng, False)),
    },
}


def check(rig, state, noticed):
    """The run after, and the one after that."""
    before = state.set_aside()
    code, done = rig.run(state.account)
    assert code == 0, done
    rig.assert_equal(state.account)
    aside = [f for f in state.set_aside() if f not in before]
    if noticed is not None:
        assert bool(aside) == noticed, (aside, done)
    assert len(aside) <= 1
    # It is said, by the name that the file has now, and no error of the mail.
    assert [aside[0] in e["text"] for e in done["errors"]] == [True] if aside else \
        done["errors"] == [], done
    assert done["failed"] == 0
    code, done = rig.run(state.account)
    assert (code, done["copied"], done["flags_updated"], done["errors"]) == (0, 0, 0, []), done
    rig.assert_equal(state.account)


def sweep(rig, cases, *runs):
    """A first run, of which an older state may come back; runs(state, number), each after more
    mail; more mail, and what happens to the state."""
    flat = [(name, do, noticed) for noticed, named in cases.items() for name, do in named.items()]
    states = [State(rig, rig.account()) for _ in flat]
    other = State(rig, rig.account())
    for state in [*states, other]:
        whole(rig, state)
        state.keep()
    for run in runs:
        with Client(rig.origin, rig.user) as client:
            corpus.change(client, FOLDERS)  # twins of those of the time before
        for number, state in enumerate(states):
            run(state, number)
    with Client(rig.origin, rig.user) as client:
        corpus.change(client, FOLDERS)
    for state, (name, do, noticed) in zip(states, flat):
        try:
            do(state, [other.path])
            check(rig, state, noticed)
        except AssertionError as e:
            raise AssertionError("%s: %s" % (name, e)) from e


def whole(rig, state, at=None):
    code, done = rig.run(state.account, at)
    assert code == 0, done


@long_limit
def test_at_rest(rig):
    sweep(rig, AT_REST, lambda state, _: whole(rig, state))


@long_limit
def test_after_a_kill(rig):
    """The third run has made some of its commits."""
    counted = State(rig, rig.account())
    at = []

    def killed(state, number):
        if not at:
            whole(rig, counted, 0)
            at.extend(n for n, step in enumerate(rig.steps_taken(), 1) if step == "after commit")
            assert len(at) > 5
        assert rig.run(state.account, at[number % len(at)])[0] != 0
        assert os.path.getsize(state.wal) > PAGE

    def second(state, number):
        if number == 0:
            whole(rig, counted)
        whole(rig, state)

    sweep(rig, KILLED, second, killed)


@long_limit
def test_killed_while_it_is_set_aside(rig):
    """Between the names of the file and its log, and while the new one is begun."""
    states = [State(rig, rig.account()) for _ in range(9)]
    for state in states:
        whole(rig, state)
        state.keep()
    with Client(rig.origin, rig.user) as client:
        corpus.change(client, FOLDERS)
    for at, state in enumerate(states):
        rig.run(state.account, 12)  # leaves a log, beside which the file is damaged
        with open(state.wal, "ab") as f:
            f.write(b"x")
        state.write(0, b"no database")
        code, _ = rig.run(state.account, at)
        assert (code == 0) == (at == 0)
        if at == 1:
            assert rig.steps_taken() == ["before setting aside"] and not state.set_aside()
        check(rig, state, None)
        assert len(state.set_aside()) == 1
        assert not [f for f in state.files() if f.endswith(("-wal", "-journal"))
                    and ".damaged-" not in f]
