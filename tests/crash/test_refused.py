# SPDX-License-Identifier: Apache-2.0
"""Stopped on the way from a refusal to the form that is taken, or to the quarantine: the next run
leaves every message once, the one that is refused to the end with a reason, and all octets kept."""

import collections
import glob
import hashlib
import random
import signal

from harness import corpus
from harness.imapclient import Client
from harness.quirky import Quirky, Script
from crash_rig import DATE, LONG, Rig, long_limit, points

N_POINTS = 12
REFUSE = "send $tag NO Message contains what it must not"
SCRIPT = [r"on APPEND .*\r(?!\n)", REFUSE,
          r"on APPEND .*\{\d+\+?\}\r\n(?:[^\r\n]+\r\n){0,9}?[^\r\n]*[\x80-\xff]", REFUSE,
          "on APPEND .*Subject: never", REFUSE]


def message(subject, body=b"one\rtwo\r\n"):
    return (b"Message-ID: <%s@example.org>\r\nDate: Mon, 1 Jan 2018 10:00:00 +0000\r\n"
            b"From: a@example.org\r\nSubject: %s\r\n\r\n%s"
            % (hashlib.sha256(subject).hexdigest()[:9].encode(), subject, body))


BAD = (message(b"cr"), message("cr ü".encode()), message(b"never", b"text\r\n"))


class Strict(Rig):
    """The destination is strict; one message is refused in every form."""

    def __init__(self, origin, destination):
        super().__init__(points, origin, destination, (), connections=1)
        self.far = Quirky(destination, Script(SCRIPT))
        self.mm.servers[1]["port"] = self.far.port
        with Client(origin, self.user) as client:
            for octets in BAD:
                client.append("Archive", octets, ("\\Seen", "work"), DATE)
            client.append("Archive", corpus.plain(50, random.Random(5)), (), DATE)

    def close(self):
        self.far.stop()
        super().close()

    def octets(self, server, user):
        with Client(server, user) as client:
            return collections.Counter(client.body("Archive", m.uid)
                                       for m in client.messages("Archive"))

    def assert_equal(self, account):
        ours = self.octets(self.origin, self.user)
        theirs = self.octets(self.destination, account)
        extra, missing = theirs - ours, ours - theirs
        assert set(missing) == set(BAD) and set(missing.values()) == {1}
        assert sorted(b"one\r\ntwo" in octets for octets in extra.elements()) == [True, True], extra
        assert sum(b"=?UTF-8?B?w7w=?=" in octets for octets in extra.elements()) == 1, extra
        kept = set()
        for path in glob.glob("%s/quarantine/%s/*.eml" % (self.mm.state, account)):
            with open(path, "rb") as f:
                kept.add(f.read())
        assert kept == set(BAD)

    def stop(self, account, at):
        code, done = self.run(account, at)
        assert code in (1, -signal.SIGKILL), (at, code, done)
        self.destination.wait_idle(account)
        return code != 1

    def trace(self, account):
        code, done = self.run(account, 0)
        assert (code, done["failed"]) == (1, 1), done
        self.assert_equal(account)
        return self.steps_taken()

    def finish(self, account):
        for last in (False, True):
            code, done = self.run(account)
            assert (code, done["failed"], len(done["errors"])) == (1, 1, 1), done
            assert not last or (done["copied"], done["present"]) == (0, 18), done
            self.assert_equal(account)


@long_limit
def test_refused(origin, destination):
    rig = Strict(origin, destination)
    try:
        taken = rig.trace(rig.account())
        first = taken.index("sent APPEND")
        on_the_ladder = range(first, len(taken) + 1)
        some = random.Random(1).sample(on_the_ladder, N_POINTS)
        for at in on_the_ladder if LONG else sorted(some):
            rig.stop_and_finish(rig.account(), at)
    finally:
        rig.close()
