# SPDX-License-Identifier: Apache-2.0
"""The line is cut, stalls, trickles or garbles an octet after the n-th octet of either direction, at
either server, with TLS and in clear: the same run connects again and brings every message over
once; the next one has nothing to do. Points spread over the whole session usually, a fine sweep
with MAILMIG_LONG=1."""

import collections
import os
import random
import time

import pytest

from crash.world import World, side_by_side
from harness.dovecot import Dovecot
from harness.line import Fault, Line

LONG = bool(os.environ.get("MAILMIG_LONG"))
TIME_MAX = 30  # seconds, of a run whose waits add up to five

# How many points of each kind in a short run; the distance between them in a long one, and up to
# where it tries every octet.
KINDS = {"cut": (2, 50, 2000), "reset": (1, 50, 0), "stall": (1, 50, 0), "corrupt": (2, 50, 0),
         "throttle": (1, 200, 0)}
HANDSHAKE = {"up": 700, "down": 3200}  # octets of TLS before there is a session, about
GREETED = 1500  # and in clear, of both connections

GARBLED = (0, 1, 5, 6, 9)  # exit codes of a run in which an octet changed and nobody could know


def points(kind, total, seed):
    few, step, dense = KINDS[kind]
    if LONG:
        return sorted(set(range(min(dense, total))) | set(range(0, total, step)))
    rng = random.Random(seed + kind)
    part = total / few
    return [int(part * i + rng.random() * part) for i in range(few)]


class Session:
    """A whole session with one of the servers, again and again with another fault."""

    lag = 0
    kinds = tuple(KINDS)

    def __init__(self, world, side, tls):
        self.world, self.side, self.tls = world, side, tls
        with world.account() as account, self.line() as line:
            code, done = self.run(account, line)
            assert code == 0, done
            account.assert_equal()
            self.totals = dict(line.octets)

    def line(self, fault=None):
        return Line(self.world.servers[self.side], fault, self.tls == "implicit", lag=self.lag)

    def run(self, account, line, **keys):
        return account.run({self.side: line}, tls=self.tls, **keys)

    def faults(self):
        # The second connection alone: the first has to wait for nobody.
        yield Fault("cut", "down", 2500, number=2)
        yield Fault("stall", "down", 200, number=2)
        for way, total in self.totals.items():
            for kind in self.kinds:
                for n in points(kind, total, self.side + way):
                    yield Fault(kind, way, n, **self.pace(way, n))

    def pace(self, way, n):
        """Of a trickle: what comes from the server takes longer than its time-out. What we send
        vanishes in the kernel at once, what comes with TLS is seen a record at a time, and how long
        a server may take before the login is one span for all of it."""
        return {"span": 560 if (way, self.tls) == ("down", "none") and n > GREETED else 100}

    def try_fault(self, fault):
        """None, or what is wrong; and whether the fault has happened at all."""
        timeout = {"stall": "1s", "throttle": "2s", "corrupt": "2s"}.get(fault.kind, "10s")
        retry = {"attempts": 1 if fault.kind == "throttle" else 3, "max_delay": "1s"}
        with self.world.account(retry=retry) as account, \
                self.line(fault) as line:
            shown = "%s, %s, TLS %s" % (fault, self.side, self.tls)
            try:
                begin = time.monotonic()
                code, done = self.run(account, line, timeout=timeout)
                took = time.monotonic() - begin
                shown += ": exit %d after %.1f s, %s" % (code, took, done["errors"])
                assert took < TIME_MAX
                if fault.kind == "corrupt" and self.tls == "none":
                    self.check_garbled(account, code)
                elif fault.kind == "corrupt" and fault.after < HANDSHAKE[fault.way]:
                    self.check_refused(account, code)
                else:
                    assert code == 0
                    account.assert_equal(subscribed=False)
                    account.assert_done()
            except Exception as e:  # pylint: disable=broad-except
                return "%s\n%s: %s" % (shown, type(e).__name__, e), True
            return None, line.struck.is_set()

    @staticmethod
    def check_refused(account, code):
        """A changed certificate looks like a wrong one."""
        assert code in (0, 6)
        if code == 6:
            code, _ = account.run()
        assert code == 0
        account.assert_done()

    @staticmethod
    def check_garbled(account, code):
        """At most one message differs from what it was, and none is there twice. Flags may be lost
        for all of a folder: by the answer that tells which it can keep."""
        assert code in GARBLED
        account.run()
        code, done = account.run()
        assert code in (0, 1) and done["copied"] == 0, done
        ours, theirs = account.mails()
        missing = more = 0
        for folder, messages in ours.items():
            a = collections.Counter((m.sha256, m.date) for m in messages)
            b = collections.Counter((m.sha256, m.date) for m in theirs.get(folder, ()))
            missing += sum((a - b).values())
            more += sum((b - a).values())
        more += sum(len(theirs[f]) for f in theirs.keys() - ours.keys())
        assert missing <= 1 and more <= 1, "%d missing, %d unexpected" % (missing, more)


class Compressed(Session):
    """In clear but for DEFLATE, which has no checksum: against octets that change on their way
    there is TLS."""

    kinds = ("cut", "reset", "stall", "throttle")

    def __init__(self, world, side):
        super().__init__(world, side, "none")
        plain = self.totals
        self.lag = 0.01
        super().__init__(world, side, "none")
        way = "down" if side == "origin" else "up"
        assert self.totals[way] < 0.8 * plain[way]

    def faults(self):
        yield from super().faults()
        # Around the moment when compression begins, which is before the first folder.
        for way, total in self.totals.items():
            for part in (0.2, 0.3, 0.4):
                yield Fault("cut", way, int(total * part))


@pytest.fixture(scope="module")
def packing(ca):  # noqa: F811  pylint: disable=redefined-outer-name
    with Dovecot(fsync="never", name="packing", ca=ca, users={}, compress=True) as server:
        yield server


@pytest.mark.limit(7200 if LONG else 120)
@pytest.mark.parametrize("side", ["origin", "destination"])
def test_compressed_line_fails_at_each_octet(origin, destination, packing, user, side):
    servers = {"origin": origin, "destination": destination, side: packing}
    check(Compressed(World(user=user, **servers), side))


@pytest.mark.limit(7200 if LONG else 120)
@pytest.mark.parametrize("tls", ["none", "implicit", "starttls"])
@pytest.mark.parametrize("side", ["origin", "destination"])
def test_line_fails_at_each_octet(origin, destination, user, side, tls):
    check(Session(World(origin, destination, user), side, tls))


def check(session):
    tried = side_by_side(session.try_fault, session.faults())
    wrong = [text for text, _ in tried if text]
    assert not wrong, "%d of %d:\n%s" % (len(wrong), len(tried), "\n\n".join(wrong))
    # The last octets of a session may not be needed: LOGOUT, and what TLS says at its end.
    assert sum(struck for _, struck in tried) >= 0.8 * len(tried)
