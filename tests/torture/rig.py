# SPDX-License-Identifier: Apache-2.0
"""A worker without a daemon, between two servers, whose machine fails."""

import contextlib
import itertools
import os
import random
import signal

from harness import corpus, worker
from harness.imapclient import Client, compare
from harness.mailmig import Mailmig, program

# A handshake of TLS alone has tens of thousands of allocations.
LONG_MOST = 2000
LONG = bool(os.environ.get("MAILMIG_LONG"))
DATE = "01-Jan-2018 10:00:00 +0000"
FOLDERS = ("INBOX", "Archive", "Entwürfe")

_numbers = itertools.count(1)


def fill(client, large=0):
    """11 messages in three folders, two of them equal, one with a header and flags that are longer
    than a line; large: octets of one more."""
    rng = random.Random(1)
    corpus.simple(client, "INBOX", 3, flags=("\\Seen",))
    corpus.simple(client, "Archive", 2, first=10, flags=("\\Flagged", "kept"))
    client.create("Entwürfe")
    twin = corpus.plain(20, rng, message_id=False)
    for octets in (twin, twin, corpus.plain(21, rng, message_id=False)):
        client.append("Entwürfe", octets, ("\\Draft",), DATE)
    words = ["word%d%s" % (i, "x" * 60) for i in range(12)]
    client.append("Archive", corpus.plain(22, rng, extra=b"X-Long: " + b"y" * 20000 + b"\r\n"),
                  words, DATE)
    client.append("INBOX", corpus.plain(23, rng, size=9000), (), DATE)
    if large:
        client.append("INBOX", corpus.plain(24, rng, size=large), ("\\Seen",), DATE)
        client.append("INBOX", corpus.plain(25, rng), (), DATE)


class Rig:
    """A filled user of the origin; each account() of it has a new user at the destination.
    keys: global ones of the configuration."""

    def __init__(self, origin, destination, via=None, tls="none", large=0, **keys):
        self.origin, self.destination = origin, destination
        self.mm = Mailmig(**{"uncertain_wait": "300ms", **keys})
        self.user = "tortured%d" % next(_numbers)
        origin.add_user(self.user)
        with Client(origin, self.user) as client:
            fill(client, large)
        self.mm.add_server("origin", origin, tls, timeout="2s")
        self.mm.add_server("destination", via or destination, tls, timeout="2s")
        self.endpoints = {}
        self.account_keys = {}
        self.ours = self.mm.endpoint("origin", self.user)

    def account(self):
        name = "%s-%d" % (self.user, next(_numbers))
        self.destination.add_user(name)
        self.endpoints[name] = self.mm.endpoint("destination", name)
        return name

    def configure(self, account):
        """Of this account alone, so that each run reads as much as the others."""
        self.mm.accounts = []
        self.mm.add_account(account, self.ours, self.endpoints[account], **self.account_keys)
        self.mm.write_config()

    def popen(self, account, env=None, wrap=()):
        """(process, our end of its socket); what it logs is in worker.log."""
        self.configure(account)
        return worker.start(self.mm, account, program("mailmig-worker"), env, wrap)

    def run(self, account, env=None, wrap=()):
        """One worker: its exit code and its last event, {} when none came whole."""
        return worker.wait(*self.popen(account, env, wrap))

    def log(self):
        with open(os.path.join(self.mm.dir, "worker.log"), encoding="utf-8") as f:
            return f.read()

    def state_file(self, account):
        return os.path.join(self.mm.state, "accounts", account + ".db")

    def differences(self, account):
        with Client(self.origin, self.user) as ours, Client(self.destination, account) as theirs:
            return compare(ours, theirs, order=False)

    def assert_equal(self, account):
        found = self.differences(account)
        assert not found, "\n".join(found)

    def finish(self, account):
        """The next run completes it, the one after has nothing to do."""
        code, done = self.run(account)
        assert code == 0, (done, self.log())
        self.assert_equal(account)
        code, done = self.run(account)
        assert (code, done["copied"], done["flags_updated"]) == (0, 0, 0), done
        self.assert_equal(account)

    def close(self):
        self.mm.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def points(total, n, seed):
    """Of 1 … total: in a long run all, or LONG_MOST where there are more; else n that are spread
    over it; the last one is in."""
    if LONG:
        n = min(total, LONG_MOST)
    rng = random.Random(seed)
    step = total / n
    return sorted({min(total, int(i * step + rng.random() * step) + 1) for i in range(n)} | {total})


@contextlib.contextmanager
def saying(*what):
    """Says at which point an assertion failed."""
    try:
        yield
    except AssertionError as e:
        raise AssertionError("%s: %s" % (" ".join(map(str, what)), e)) from e


def is_signal(code):
    return code < 0 or code - 128 in {int(s) for s in signal.Signals}
