# SPDX-License-Identifier: Apache-2.0
"""Workers that end themselves by SIGKILL at their n-th step, and what the next run makes of it.

There are two kinds of steps. POINTS: every commit, command and tagged reply, in a worker that is
built with them (include/mailmig/crash_point.h). CALLS: every call of the C library that changes
anything, hears of it or waits for it, in the usual worker (killat.c)."""

import contextlib
import itertools
import os
import pathlib
import random
import signal
import subprocess

import pytest

from harness import corpus, scratch, worker
from harness.imapclient import Client, compare, compare_folder
from harness.mailmig import Mailmig, program
from harness.proxy import Proxy

LONG = bool(os.environ.get("MAILMIG_LONG"))
DATE = "01-Jan-2018 10:00:00 +0000"
FOLDERS = ("INBOX", "Archive", "Entwürfe")

KINDS = {
    "all": (),
    "no-multiappend": ("MULTIAPPEND",),
    "no-uidplus": ("UIDPLUS",),
    "no-literal+": ("LITERAL+", "MULTIAPPEND"),
    "no-condstore": ("CONDSTORE", "QRESYNC"),
    "poor": ("LITERAL+", "MULTIAPPEND", "UIDPLUS", "CONDSTORE", "QRESYNC", "LIST-STATUS"),
}

_numbers = itertools.count(1)


def points(at, log):
    """Program and environment of a worker that ends at its at-th point (0: at none)."""
    return program("crash/mailmig-worker"), {"MAILMIG_CRASH_AT": str(at), "MAILMIG_CRASH_LOG": log}


@contextlib.contextmanager
def killat():
    """killat.c, built: the same for calls."""
    path = scratch.directory()
    source = pathlib.Path(__file__).with_name("killat.c")
    library = os.path.join(path, "killat.so")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o",
                    library, str(source), "-ldl"], check=True)
    try:
        yield lambda at, log: (program("mailmig-worker"), {
            "LD_PRELOAD": library, "KILLAT_N": str(at), "KILLAT_LOG": log,
            "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})
    finally:
        scratch.remove(path)


def fill(client):
    """15 messages in three folders; two equal, and some without Message-ID."""
    rng = random.Random(1)
    corpus.simple(client, "INBOX", 4, flags=("\\Seen",))
    corpus.simple(client, "Archive", 3, first=10, flags=("\\Flagged", "kept"))
    client.create("Entwürfe")
    twin = corpus.plain(20, rng)
    nameless = corpus.plain(21, rng, message_id=False)
    for octets in (twin, twin, nameless, nameless, corpus.plain(22, rng, message_id=False)):
        client.append("Entwürfe", octets, ("\\Draft",), DATE)
    for folder in FOLDERS:
        client.append(folder, corpus.plain(30, rng, size=9000), (), DATE)


class Rig:
    """A filled user of the origin; each account() of it has a new user at the destination.

    steps: points, or what killat() gives. mail: fills the origin. folders: key of the accounts.
    meet: destination folder → the origin folders that go there."""

    def __init__(self, steps, origin, destination, without, connections=2, mail=fill, folders=None,
                 meet=None):
        self.folders, self.meet = folders or {}, meet or {}
        self.steps = steps
        self.origin = origin
        self.destination = destination
        self.connections = connections
        self.mm = Mailmig(uncertain_wait="50ms")
        self.log = os.path.join(self.mm.dir, "steps")
        self.proxy = Proxy(destination, without=without)
        self.user = "killed%d" % next(_numbers)
        origin.add_user(self.user)
        with Client(origin, self.user) as client:
            mail(client)
        self.mm.add_server("origin", origin, "none")
        self.mm.add_server("destination", self.proxy, "none")
        self.ours = self.mm.endpoint("origin", self.user)

    def account(self):
        name = "%s-%d" % (self.user, next(_numbers))
        self.destination.add_user(name)
        self.mm.add_account(name, self.ours, self.mm.endpoint("destination", name),
                            limits={"connections": self.connections}, folders=self.folders)
        self.mm.write_config()
        return name

    def run(self, account, at=None):
        """One worker, which ends at a step, at none (0), or is a usual one (None): its exit code
        and its last event."""
        path, env = (program("mailmig-worker"), {}) if at is None else self.steps(at, self.log)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log)
        return worker.wait(*worker.start(self.mm, account, path, env, log="ab"))

    def steps_taken(self):
        """Of the last run: what they were."""
        with open(self.log, encoding="ascii") as f:
            return f.read().splitlines()

    def stop(self, account, at):
        """A run that ends at a step. False: it had not so many."""
        code, done = self.run(account, at)
        assert code in (0, -signal.SIGKILL), (at, code, done)
        self.destination.wait_idle(account)
        return code != 0

    def trace(self, account):
        """The steps that an undisturbed run takes."""
        code, done = self.run(account, 0)
        assert code == 0, done
        self.assert_equal(account)
        return self.steps_taken()

    def assert_equal(self, account):
        with Client(self.origin, self.user) as ours, Client(self.destination, account) as theirs:
            if self.meet:
                found = self.compare_meeting(ours, theirs)
            else:
                found = compare(ours, theirs, order=False)
        assert not found, "\n".join(found)

    def compare_meeting(self, ours, theirs):
        a, b, found = ours.everything(), theirs.everything(), []
        for folder, origins in self.meet.items():
            mail = [m for o in origins for m in a.get(o, ())]
            found += compare_folder(folder, mail, b.pop(folder, ()), order=False)
        return found + ["%s: unexpected" % f for f, mail in b.items() if mail]

    def finish(self, account):
        """The next run completes it, the one after has nothing to do."""
        code, done = self.run(account)
        assert code == 0, done
        self.assert_equal(account)
        code, done = self.run(account)
        assert (code, done["copied"], done["flags_updated"]) == (0, 0, 0), done
        self.assert_equal(account)
        assert not self.proxy.violations

    def stop_and_finish(self, account, *at):
        """Runs that end at these steps, one after the other, then what must come of it."""
        where = []
        try:
            for n in at:
                stopped = self.stop(account, n)
                taken = self.steps_taken()
                where.append("%d (%s)" % (n, taken[-1] if stopped else "not reached"))
            self.finish(account)
        except AssertionError as e:
            raise AssertionError("stopped at %s: %s" % (", ".join(where), e)) from e
        return stopped

    def close(self):
        self.proxy.stop()
        self.mm.stop()


@contextlib.contextmanager
def rig_for(steps, origin, destination, kind, **keys):
    rig = Rig(steps, origin, destination, KINDS[kind], **keys)
    try:
        yield rig
    finally:
        rig.close()


def sample(taken, n, seed):
    """Of the steps of a run: all of them, or up to n, none of which stops between the same two
    things; others for another seed."""
    if LONG:
        return range(1, len(taken) + 1)
    words = [tuple(step.split()[:2]) for step in taken] + [None]
    order = list(range(1, len(taken) + 1))
    random.Random(seed).shuffle(order)
    different = {(words[at - 1], words[at]): at for at in reversed(order)}
    return sorted(sorted(different.values(), key=order.index)[:n])


def sweep_first_run(rig, n, seed):
    """Nothing is there yet."""
    taken = rig.trace(rig.account())
    assert len(taken) > 50
    for at in sample(taken, n, seed):
        rig.stop_and_finish(rig.account(), at)


def sweep_later_run(rig, n, seed, most=600, folders=FOLDERS):
    """The state knows most of it; new mail and other flags are on their way. most: steps that a
    later run can have."""
    # Every stop needs a past of its own, and the origin changes only once.
    n = most if LONG else n
    accounts = [rig.account() for _ in range(n + 1)]
    for account in accounts:
        code, done = rig.run(account)
        assert code == 0, done
    with Client(rig.origin, rig.user) as client:
        corpus.change(client, folders)
    taken = rig.trace(accounts.pop())
    assert 30 < len(taken) <= most
    for at, account in zip(sample(taken, n, seed), accounts):
        rig.stop_and_finish(account, at)


long_limit = pytest.mark.limit(3600 if LONG else 60)
