# SPDX-License-Identifier: Apache-2.0
"""One mailbox to copy, to as many new users of the destination as a test wants."""

import concurrent.futures
import itertools
import random

from harness import corpus
from harness.imapclient import Client, compare
from harness.mailmig import Mailmig

DATE = "01-Jan-2018 10:00:00 +0000"
GLOBALS = {"uncertain_wait": "300ms", "retry": {"attempts": 3, "max_delay": "1s"}}
RUN_TIMEOUT = 50
SIDE_BY_SIDE = 8


def side_by_side(function, cases):
    """function(case) for each, several at a time: most of their time is waiting. All of them are
    tried; the first exception is raised. The list of results."""
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(function, cases))


def fill(client):
    """8 messages in INBOX and Twins, the latter with two pairs of equal ones."""
    rng = random.Random(3)
    corpus.simple(client, "INBOX", 4, flags=("\\Seen",))
    client.create("Twins", subscribe=True)
    twin, nameless = corpus.plain(20, rng), corpus.plain(21, rng, message_id=False)
    for octets in (twin, twin, nameless, nameless):
        client.append("Twins", octets, ("\\Flagged", "kept"), DATE)


class World:
    """Both servers, and a user with mail at the origin, put there by fill(client)."""

    def __init__(self, origin, destination, user, fill=fill):  # pylint: disable=redefined-outer-name
        self.user = user
        self.servers = {"origin": origin, "destination": destination}
        self._numbers = itertools.count(1)
        origin.add_user(user)
        with Client(origin, user) as client:
            fill(client)

    def account(self, **global_keys):
        return Account(self, "%s-%d" % (self.user, next(self._numbers)), global_keys)


class Account:
    """A destination user who has nothing yet, with a configuration and a state of its own, so that
    many can run side by side. A context manager."""

    def __init__(self, world, name, global_keys):
        self.world, self.name = world, name
        world.servers["destination"].add_user(name)
        self.mm = Mailmig(**{**GLOBALS, **global_keys})
        self.log = ""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.mm.stop()

    def configure(self, via=None, tls="none", timeout="10s", **account_keys):
        """via: side → what stands before that server and is reached with `tls`."""
        mm = self.mm
        mm.servers, mm.accounts = [], []
        ends = []
        for side, user in (("origin", self.world.user), ("destination", self.name)):
            bad = (via or {}).get(side)
            mm.add_server(side, bad or self.world.servers[side], tls if bad else "none",
                          timeout=timeout)
            ends.append(mm.endpoint(side, user))
        account_keys.setdefault("limits", {"connections": 2})
        mm.add_account(self.name, *ends, **account_keys)
        mm.write_config()

    def run(self, via=None, time_limit=RUN_TIMEOUT, **keys):
        """One run without a daemon: (exit code, `done` event)."""
        self.configure(via, **keys)
        code, _, done = self.mm.run_json(self.name, args=("--local",), timeout=time_limit)
        assert code == done["exit_code"]
        return code, done

    def mails(self):
        """Folder → messages of (origin, destination)."""
        with Client(self.world.servers["origin"], self.world.user) as ours, \
                Client(self.world.servers["destination"], self.name) as theirs:
            return ours.everything(), theirs.everything()

    def assert_equal(self, subscribed=True):
        with Client(self.world.servers["origin"], self.world.user) as ours, \
                Client(self.world.servers["destination"], self.name) as theirs:
            found = compare(ours, theirs, order=False, subscribed=subscribed)
        assert not found, "\n".join(found)

    def assert_done(self):
        """One more run, undisturbed, has nothing to do."""
        code, done = self.run()
        assert (code, done["copied"], done["flags_updated"], done["failed"]) == (0, 0, 0, 0), done
        self.assert_equal()
