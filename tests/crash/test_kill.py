# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the worker at the n-th call by which it changes anything, hears of it or waits for it,
then one more run: every message is there once, with its flags and its date. A spread of points
usually, all of them with MAILMIG_LONG=1."""

import contextlib
import itertools
import json
import os
import pathlib
import random
import signal
import socket
import subprocess

import pytest

from harness import corpus, scratch
from harness.imapclient import Client, compare
from harness.mailmig import Mailmig, program
from harness.proxy import Proxy

LONG = bool(os.environ.get("MAILMIG_LONG"))
POINTS = 8  # of each kind of server, in a short run
TIMEOUT = 40
DATE = "01-Jan-2018 10:00:00 +0000"

KINDS = {
    "all": (),
    "no-multiappend": ("MULTIAPPEND",),
    "no-uidplus": ("UIDPLUS",),
    "no-literal+": ("LITERAL+", "MULTIAPPEND"),
    "poor": ("LITERAL+", "MULTIAPPEND", "UIDPLUS", "CONDSTORE", "QRESYNC", "LIST-STATUS"),
}

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shim():
    """killat.c, built."""
    path = scratch.directory()
    source = pathlib.Path(__file__).with_name("killat.c")
    library = os.path.join(path, "killat.so")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o",
                    library, str(source), "-ldl"], check=True)
    yield library
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
    for folder in ("INBOX", "Archive", "Entwürfe"):
        client.append(folder, corpus.plain(30, rng, size=9000), (), DATE)


def change(client):
    """More mail and other flags: what a later run has to do."""
    rng = random.Random(2)
    for folder in ("INBOX", "Archive", "Entwürfe"):
        client.append(folder, corpus.plain(40, rng), (), DATE)
        client.append(folder, corpus.plain(41, rng, message_id=False), ("\\Seen",), DATE)
        for message in client.messages(folder)[:2]:
            client.store(folder, message.uid, "+FLAGS", "\\Answered", "later")


class Rig:
    """A filled user of the origin; each account() of it has a new user at the destination."""

    def __init__(self, shim, origin, destination, without):
        self.shim = shim
        self.origin = origin
        self.destination = destination
        self.mm = Mailmig(uncertain_wait="300ms")
        self.proxy = Proxy(destination, without=without)
        self.user = "killed%d" % next(_numbers)
        origin.add_user(self.user)
        with Client(origin, self.user) as client:
            fill(client)
        self.mm.add_server("origin", origin, "none")
        self.mm.add_server("destination", self.proxy, "none")
        self.ours = self.mm.endpoint("origin", self.user)

    def account(self):
        name = "%s-%d" % (self.user, next(_numbers))
        self.destination.add_user(name)
        self.mm.add_account(name, self.ours, self.mm.endpoint("destination", name))
        self.mm.write_config()
        return name

    def run(self, account, kill_at=None, count=None):
        """One worker: its exit code and its last event."""
        env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
               "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        if kill_at is not None:
            env.update(LD_PRELOAD=self.shim, KILLAT_N=str(kill_at))
        if count:
            env["KILLAT_COUNT"] = count
        mine, theirs = socket.socketpair()
        with mine, open(os.path.join(self.mm.dir, "worker.log"), "ab") as log:
            with theirs:
                process = subprocess.Popen(
                    [program("mailmig-worker"), "--config", self.mm.config, "--account", account,
                     "--event-fd", str(theirs.fileno())], env=env, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, pass_fds=[theirs.fileno()],
                    preexec_fn=scratch.end_with_parent)
            mine.settimeout(TIMEOUT)
            try:
                events = b"".join(iter(lambda: mine.recv(65536), b""))
                code = process.wait(TIMEOUT)
            finally:
                process.kill()
                process.wait()
        last = events.split(b"\0")[-2:-1] if events.endswith(b"\0") else []
        return code, json.loads(last[0]) if last else {}

    def count(self, account):
        """How many calls an undisturbed run makes."""
        path = os.path.join(self.mm.dir, "count")
        code, done = self.run(account, kill_at=0, count=path)
        assert code == 0, done
        self.assert_equal(account)
        with open(path, encoding="ascii") as f:
            return int(f.read())

    def assert_equal(self, account):
        with Client(self.origin, self.user) as ours, Client(self.destination, account) as theirs:
            found = compare(ours, theirs, order=False)
        assert not found, "\n".join(found)

    def finish(self, account):
        """The next run completes it, the one after has nothing to do."""
        code, done = self.run(account)
        assert code == 0, done
        self.assert_equal(account)
        code, done = self.run(account)
        assert (code, done["copied"], done["flags_updated"]) == (0, 0, 0), done
        self.assert_equal(account)
        assert not self.proxy.violations

    def close(self):
        self.proxy.stop()
        self.mm.stop()


@contextlib.contextmanager
def rig_for(shim, origin, destination, kind):
    rig = Rig(shim, origin, destination, KINDS[kind])
    try:
        yield rig
    finally:
        rig.close()


def points(total, seed):
    """Of 1 … total: all, or some that differ from one kind of server to the next."""
    if LONG:
        return range(1, total + 1)
    rng = random.Random(seed)
    step = total / POINTS
    return [min(total, int(i * step + rng.random() * step) + 1) for i in range(POINTS)]


@pytest.mark.limit(3600 if LONG else 60)
@pytest.mark.parametrize("kind", KINDS)
def test_first_run(shim, origin, destination, kind):
    with rig_for(shim, origin, destination, kind) as rig:
        total = rig.count(rig.account())
        assert total > 50
        for n in points(total, kind):
            account = rig.account()
            code, done = rig.run(account, kill_at=n)
            assert code in (0, -signal.SIGKILL), (n, code, done)
            try:
                rig.finish(account)
            except AssertionError as e:
                raise AssertionError("killed at call %d of %d: %s" % (n, total, e)) from e


@pytest.mark.limit(3600 if LONG else 60)
@pytest.mark.parametrize("kind", KINDS if LONG else ["all", "poor"])
def test_later_run(shim, origin, destination, kind):
    """The state knows most of it; new mail and other flags are on their way."""
    with rig_for(shim, origin, destination, kind) as rig:
        # Every point needs a past of its own, and the origin changes only once.
        n_points = 400 if LONG else POINTS
        first = rig.account()
        accounts = [rig.account() for _ in range(n_points)]
        for account in [first] + accounts:
            code, done = rig.run(account)
            assert code == 0, done
        with Client(origin, rig.user) as client:
            change(client)
        total = rig.count(first)
        assert total > 30
        for n, account in zip(points(total, kind), accounts):
            code, done = rig.run(account, kill_at=n)
            assert code in (0, -signal.SIGKILL), (n, code, done)
            try:
                rig.finish(account)
            except AssertionError as e:
                raise AssertionError("killed at call %d of %d: %s" % (n, total, e)) from e


def test_killed_twice(shim, origin, destination):
    """The run after is killed too, and the one after that."""
    with rig_for(shim, origin, destination, "all") as rig:
        total = rig.count(rig.account())
        account = rig.account()
        for part in (0.5, 0.4, 0.7, 0.6):
            rig.run(account, kill_at=int(total * part))
        rig.finish(account)
