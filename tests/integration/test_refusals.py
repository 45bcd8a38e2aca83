# SPDX-License-Identifier: Apache-2.0
"""The destination refuses: a message (repair, then quarantine, and it is not tried again for
nothing), its flags, or everything, since there is no more room."""

import contextlib
import glob
import hashlib
import json
import os
import random
import re
import sqlite3
import stat

import pytest

from harness import changes, corpus
from harness.dovecot import Dovecot
from harness.quirky import Quirky, Script

DATE = "01-Jan-2018 10:00:00 +0000"
LONG = b"x" * 700 + b" " + b"y" * 600

# What a strict server refuses, as rules of quirky.py.
STRICT = {
    "cr": r"on APPEND .*\r(?!\n)",
    "8bit": r"on APPEND .*\{\d+\+?\}\r\n(?:[^\r\n]+\r\n){0,9}?[^\r\n]*[\x80-\xff]",
    "long": r"on APPEND .*[^\r\n]{999}",
    "nul": r"on APPEND .*\x00",
}
REFUSE = "send $tag NO Message contains what it must not"


def strict(*names):
    out = []
    for name in names or STRICT:
        out += [STRICT[name], REFUSE]
    return out


def bad_message(subject=b"bad", extra=b"", body=b"text\r\n"):
    return (b"Message-ID: <bad-%s@example.org>\r\nDate: Mon, 1 Jan 2018 10:00:00 +0000\r\n"
            b"From: a@example.org\r\nSubject: %s\r\n%s\r\n%s"
            % (hashlib.sha256(subject + body).hexdigest()[:12].encode(), subject, extra, body))


# Octets at the origin, and what they become.
WRONG = {
    "cr": (bad_message(body=b"one\rtwo\r\n"), bad_message(body=b"one\rtwo\r\n").replace(b"one\r", b"one\r\n")),
    "8bit": (bad_message("Grüße".encode()), "=?UTF-8?B?R3LDvMOfZQ==?=".encode()),
    "long": (bad_message(body=LONG + b"\r\n"), LONG.replace(b" ", b" \r\n")),
}


class Site:
    """An account whose destination is seen through a strict server that stays the same over
    several runs: what it is told to do may change, its address does not."""

    def __init__(self, make_pair, destination, **keys):
        self.far = Quirky(destination, Script([]))
        self.pair = make_pair(via_destination=self.far, tls="none", limits={"connections": 1},
                              server_keys={}, **keys)
        self.mm = self.pair.mm

    def run(self, lines, *args, rc=0):
        """One run against a server that does this. The `done` event, the events."""
        self.far.script = Script(lines)
        self.far.heard.clear()
        self.mm.write_config()
        code, events, done = self.mm.run_json(self.pair.account, args=("--local", *args))
        assert code == rc, "exit %d: %s" % (code, done)
        return done, events

    def heard(self, regex):
        return [h for h in self.far.heard if re.search(regex, h, re.S)]

    def quarantine(self):
        """Octets and description of all that is kept."""
        out = []
        for path in sorted(glob.glob(self.mm.state + "/quarantine/%s/*" % self.pair.account)):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
            assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
            assert path.endswith((".eml", ".json")), path
            if path.endswith(".eml"):
                with open(path, "rb") as f:
                    octets = f.read()
                with open(path[:-3] + "json", encoding="utf-8") as f:
                    out.append((octets, json.load(f)))
        return out

    def rows(self, state):
        with contextlib.closing(sqlite3.connect(self.database())) as db:
            return db.execute("SELECT uid, reason, held_under FROM message WHERE state = ?",
                              (state,)).fetchall()

    def database(self):
        return os.path.join(self.mm.state, "accounts", self.pair.account + ".db")

    def there(self, folder="INBOX"):
        with self.pair.at_destination() as client:
            return [client.body(folder, m.uid) for m in client.messages(folder)]

    def at_origin(self):
        return self.pair.at_origin()


@pytest.fixture
def site(make_pair, destination, origin):
    made = []

    def make(**keys):
        made.append(Site(make_pair, destination, **keys))
        with made[-1].at_origin() as client:
            corpus.simple(client, "INBOX", 5)
        # Plain text everywhere: what goes over the wire is looked at.
        for server in made[-1].mm.servers:
            server.update({"tls": "none", "allow_cleartext": True})
        return made[-1]

    yield make
    for one in made:
        one.far.stop()


def put(site, octets, flags=("\\Seen",), folder="INBOX"):
    with site.at_origin() as client:
        client.append(folder, octets, flags, DATE)


def stored_with_repair(octets, wanted, original):
    if wanted.startswith(b"Message-ID"):
        assert octets == wanted
    else:
        assert wanted in octets
        assert octets != original


# ---- one message ----

@pytest.mark.parametrize("what", WRONG)
def test_repaired(site, what):
    """It is stored with the least change that helps, told once, never sent again, and its own
    octets are kept."""
    s = site()
    original, wanted = WRONG[what]
    put(s, original, ("\\Seen", "work"))
    done, events = s.run(strict())
    assert (done["copied"], done["failed"]) == (6, 0)
    there = s.there()
    assert len(there) == 6
    stored_with_repair(there[-1], wanted, original)
    with s.pair.at_destination() as client:
        message = client.messages("INBOX")[-1]
    with s.at_origin() as client:
        assert message.date == client.messages("INBOX")[-1].date and "\\Seen" in message.flags

    notes = [e["text"] for e in events if e.get("event") == "log" and "repaired:" in e["text"]]
    assert len(notes) == 1, events
    kept = s.quarantine()
    assert [octets for octets, _ in kept] == [original]
    about = kept[0][1]
    assert about["sha256"] == hashlib.sha256(original).hexdigest()
    assert about["size"] == len(original)
    assert about["account"] == s.pair.account and about["folder"] == "INBOX"
    assert about["uid"] == 6 and "what it must not" in about["reason"]
    assert "work" in about["flags"] and about["uidvalidity"] > 0 and about["when"]
    [(uid, reason, held)] = s.rows(3)
    assert uid == 6 and reason.startswith("repaired: ") and held == 0

    # Nothing is left to do, and its flags still follow.
    done, events = s.run(strict())
    assert (done["copied"], done["present"], done["failed"]) == (0, 6, 0)
    assert not s.heard("APPEND")
    with s.at_origin() as client:
        client.store("INBOX", 6, "+FLAGS", "\\Flagged")
    done, _ = s.run(strict())
    assert done["flags_updated"] == 1 and not s.heard("APPEND")
    with s.pair.at_destination() as client:
        assert "\\Flagged" in client.messages("INBOX")[-1].flags
    assert len(s.there()) == 6


def test_ladder(site):
    """The order of the attempts: as it is, without keywords, then one repair more each time."""
    s = site()
    put(s, bad_message("ü".encode(), body=b"one\rtwo\r\n" + LONG + b"\r\n"), ("\\Seen", "work"))
    s.run(["on APPEND .*<bad-", REFUSE], rc=1)
    tries = [h for h in s.heard(r"APPEND .*<bad-") if "number" not in h]
    assert len(tries) == 5, [h[:100] for h in tries]
    flags = [re.search(r"\(([^)]*)\)", h).group(1) for h in tries]
    assert flags == ["\\Seen work"] + 4 * ["\\Seen"]
    shape = [("one\rtwo" in h, "=?UTF-8?" in h, LONG.decode() in h) for h in tries]
    assert shape == [(True, False, True), (True, False, True), (False, False, True),
                     (False, True, True), (False, True, False)]
    # Each attempt is preceded by a look for the one before.
    looks = [i for i, h in enumerate(s.far.heard) if "HEADER.FIELDS" in h]
    appends = [s.far.heard.index(h) for h in tries]
    assert all(any(a < k < b for k in looks) for a, b in zip(appends, appends[1:]))


def test_nul(make_pair, origin, destination, mm, user):
    """NUL octets, as some servers let through: an origin that has them."""
    with Quirky(origin, Script([r"on UID FETCH .*BODY\.PEEK\[\]", "edit ZERO => a\\0bc", "pass"])) as near, \
            Quirky(destination, Script(strict())) as far:
        pair = make_pair(via_origin=near, via_destination=far, tls="none")
        with pair.at_origin() as client:
            client.append("INBOX", bad_message(body=b"ZERO\r\n"), (), DATE)
        mm.write_config()
        code, _, done = mm.run_json(pair.account, args=("--local",))
        assert (code, done["copied"]) == (0, 1), done
        with pair.at_destination() as client:
            assert client.body("INBOX", client.messages("INBOX")[0].uid).endswith(b"\r\n\r\nabc\r\n")


def test_held(site):
    """Refused whatever is tried: kept in quarantine, failed in each run, and not sent again
    before something has changed, or a person says so."""
    s = site()
    put(s, bad_message(body=b"one\rtwo\r\n"))
    never = ["on APPEND .*<bad-", "send $tag NO [CANNOT] not this one"]
    done, _ = s.run(never, rc=1)
    assert (done["copied"], done["failed"]) == (5, 1)
    [first] = done["errors"]
    assert first["uid"] == 6 and "not this one" in first["text"]
    [(octets, about)] = s.quarantine()
    assert octets == bad_message(body=b"one\rtwo\r\n") and "not this one" in about["reason"]
    assert about["tried"] == "repaired: bare line ends"
    path = re.search(r"kept in (\S+\.eml);", first["advice"]).group(1)
    with open(path, "rb") as f:
        assert f.read() == octets
    assert "run --retry-held %s" % s.pair.account in first["advice"]
    [(_, reason, held)] = s.rows(4)
    assert held and "not this one" in reason

    # The same error again, at no cost: not even the folder is opened.
    done, _ = s.run(never, rc=1)
    assert (done["copied"], done["present"], done["failed"]) == (0, 5, 1)
    assert done["errors"] == [first]
    assert not s.heard("APPEND|SELECT|FETCH"), s.far.heard
    # News are copied beside it.
    put(s, corpus.plain(77, random.Random(7)))
    done, _ = s.run(never, rc=1)
    assert (done["copied"], done["present"], done["failed"]) == (1, 5, 1)
    assert done["errors"] == [first]
    assert not s.heard("APPEND .*<bad-")

    # A person says so, in vain; nothing is kept twice.
    done, _ = s.run(never, "--retry-held", rc=1)
    assert done["failed"] == 1 and len(s.heard("APPEND .*<bad-")) == 2
    assert len(s.quarantine()) == 1
    done, _ = s.run(never, rc=1)
    assert not s.heard("APPEND")
    # Once more, and with success.
    done, _ = s.run([], "--retry-held")
    assert (done["copied"], done["present"], done["failed"]) == (1, 6, 0)
    s.pair.assert_equal(order=False)
    done, _ = s.run([])
    assert (done["copied"], done["failed"]) == (0, 0)


@pytest.mark.parametrize("side", ["origin", "destination"])
def test_held_and_renumbered(site, side):
    """New UIDs are no reason to try again, and the class of the refusal is not forgotten."""
    s = site()
    put(s, bad_message(body=b"one\rtwo\r\n"))
    never = ["on APPEND .*<bad-", "send $tag NO [CANNOT] not this one"]
    done, _ = s.run(never, rc=1)
    [first] = done["errors"]
    changes.forget_uids(getattr(s.pair, side), s.pair.user, "INBOX")
    done, _ = s.run(never, rc=1)
    assert (done["copied"], done["present"], done["failed"]) == (0, 5, 1)
    assert done["errors"] == [first]
    assert not s.heard("APPEND")
    done, _ = s.run([], "--retry-held")
    assert (done["copied"], done["present"], done["failed"]) == (1, 5, 0)
    s.pair.assert_equal(order=False)


def test_something_changed(site):
    """Other capabilities, another setting: it is tried again by itself."""
    s = site(repair=False)
    put(s, bad_message(body=b"one\rtwo\r\n"))
    s.run(strict(), rc=1)
    assert len(s.heard("APPEND .*<bad-")) == 2  # in company and alone: no repair
    assert len(s.quarantine()) == 1
    s.run(strict(), rc=1)
    assert not s.heard("APPEND")
    s.run(strict() + [], rc=1)
    s.run(["without NOTIFY"] + strict(), rc=1)
    assert len(s.heard("APPEND .*<bad-")) == 1
    s.mm.accounts[0]["repair"] = True
    done, _ = s.run(["without NOTIFY"] + strict())
    assert done["copied"] == 1 and len(s.there()) == 6


def test_by_hand(site):
    """What somebody copied by hand is recognised."""
    s = site()
    put(s, bad_message(body=b"one\rtwo\r\n"))
    never = ["on APPEND .*<bad-", REFUSE]
    s.run(never, rc=1)
    with s.pair.at_destination() as client:
        client.append("INBOX", bad_message(body=b"one\rtwo\r\n"), ("\\Seen",), DATE)
    done, _ = s.run(never)
    assert (done["copied"], done["present"], done["failed"]) == (0, 6, 0)
    assert not s.heard("APPEND")


def test_many_held(site):
    """More messages held than max_errors: the others are copied all the same."""
    s = site()
    for i in range(4):
        put(s, bad_message(b"bad%d" % i))
    never = ["on APPEND .*<bad-", REFUSE]
    s.run(never, rc=1)
    s.mm.accounts[0]["limits"]["max_errors"] = 2
    put(s, corpus.plain(78, random.Random(8)))
    done, _ = s.run(never, rc=1)
    assert (done["copied"], done["failed"], len(done["errors"])) == (1, 4, 4)


def test_passing_trouble(site):
    """What the server cannot just now is no fault of the message: neither repaired nor held."""
    s = site()
    put(s, bad_message(body=b"one\rtwo\r\n"))
    done, _ = s.run(["on APPEND .*<bad-", "send $tag NO [UNAVAILABLE] try later"], rc=1)
    assert done["failed"] == 1 and not s.quarantine()
    assert all("one\rtwo" in h for h in s.heard("APPEND .*<bad-"))
    done, _ = s.run([])
    assert done["copied"] == 1
    s.pair.assert_equal()


def test_quarantine_has_no_room(site):
    """What cannot be kept is not altered: it stays at the origin, and is tried again."""
    s = site()
    put(s, bad_message(body=b"one\rtwo\r\n"))
    os.makedirs(s.mm.state, exist_ok=True)
    with open(s.mm.state + "/quarantine", "w", encoding="utf-8"):
        pass  # in the place of the directory
    done, _ = s.run(strict(), rc=1)
    assert (done["copied"], done["failed"]) == (5, 1)
    assert "cannot be kept" in done["errors"][0]["text"]
    assert not [h for h in s.heard("APPEND .*<bad-") if "one\r\ntwo" in h]
    os.unlink(s.mm.state + "/quarantine")
    done, _ = s.run(strict())
    assert done["copied"] == 1 and len(s.quarantine()) == 1


# ---- killed, or cut off, on the ladder ----

@pytest.mark.parametrize("stored", [True, False], ids=["stored", "lost"])
def test_cut_after_repair(site, stored):
    """No answer to the repaired form: the next run looks for just these octets."""
    s = site()
    put(s, bad_message(body=b"one\rtwo\r\n"))
    s.mm.globals["retry"] = {"attempts": 1, "max_delay": "1s"}
    s.run(strict("cr") + [r"on APPEND .*one\r\ntwo"] + (["do"] if stored else []) + ["drop"],
          rc=6)
    with contextlib.closing(sqlite3.connect(s.database())) as db:
        [(state, reason)] = db.execute(
            "SELECT state, reason FROM message WHERE uid = 6").fetchall()
    assert (state, reason) == (1, "repaired: bare line ends")
    done, _ = s.run(strict("cr"))
    assert done["failed"] == 0
    assert len(s.there()) == 6
    assert s.there()[-1] == WRONG["cr"][1]
    if stored:
        assert not s.heard("APPEND")
    [(uid, reason, _)] = s.rows(3)
    assert uid == 6 and reason == "repaired: bare line ends"
    done, _ = s.run(strict("cr"))
    assert (done["copied"], done["failed"]) == (0, 0) and len(s.there()) == 6


@pytest.mark.parametrize("what", WRONG)
def test_state_lost(site, what):
    """Without its state a repaired message is recognised, not stored once more."""
    s = site()
    put(s, WRONG[what][0])
    s.run(strict())
    for path in glob.glob(s.database() + "*"):
        os.unlink(path)
    done, _ = s.run(strict())
    assert done["failed"] == 0
    assert len(s.there()) == 6
    s.run(strict())
    assert not s.heard("APPEND")


def test_no_that_was_yes(site):
    """A NO that comes although the message was stored: found before anything is altered."""
    s = site()
    put(s, bad_message(body=b"one\rtwo\r\n"))
    done, _ = s.run(["on APPEND .*<bad-", "do", REFUSE])
    assert done["copied"] == 6 and len(s.there()) == 6
    assert s.there()[-1] == bad_message(body=b"one\rtwo\r\n")
    assert not s.quarantine()


def test_no_that_was_late(site):
    """A NO to a message that appears only when another form of it was refused: that is it."""
    s = site()
    s.run([])
    put(s, WRONG["cr"][0])
    done, _ = s.run([r"once ^\S+ APPEND .*one\rtwo", "do", REFUSE,
                     r"once UID FETCH .*HEADER\.FIELDS", r"edit \* \d+ FETCH .* =>", "pass",
                     r"on APPEND .*one\r\ntwo", REFUSE])
    assert (done["copied"], done["failed"]) == (1, 0) and len(s.there()) == 6
    assert s.there()[-1] == WRONG["cr"][0]
    assert not s.rows(3) and len(s.rows(2)) == 6
    done, _ = s.run([])
    assert (done["copied"], done["failed"]) == (0, 0)


# ---- flags ----

def test_refused_keyword_of_a_change(site):
    """A STORE that is refused is not tried in each run; the other flags of the change go."""
    s = site()
    s.run([])
    with s.at_origin() as client:
        client.store("INBOX", 2, "+FLAGS", "\\Flagged", "nope")
    refuse = ["on UID STORE .*nope", "send $tag NO [LIMIT] too many keywords"]
    done, _ = s.run(refuse, rc=1)
    assert "too many keywords" in done["errors"][0]["text"] and len(done["errors"]) == 1
    with s.pair.at_destination() as client:
        assert "\\Flagged" in client.messages("INBOX")[1].flags
    s.run(refuse)
    assert not s.heard("UID STORE|SELECT")
    # Another folder's news do not bring it up again, another change does.
    put(s, corpus.plain(79, random.Random(9)))
    done, _ = s.run(refuse)
    assert not s.heard("UID STORE") and done["copied"] == 1
    with s.at_origin() as client:
        client.store("INBOX", 2, "+FLAGS", "\\Answered")
    s.run(refuse, rc=1)
    with s.pair.at_destination() as client:
        assert "\\Answered" in client.messages("INBOX")[1].flags
    s.run([], "--retry-held")
    s.pair.assert_equal()


# ---- room ----

QUOTA = """
mail_plugins = quota
protocol imap {{
  mail_plugins = quota imap_quota
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage={limit}K
}}
"""


@pytest.fixture
def small(ca):
    """A server with a quota, of 100 KiB at first."""
    with Dovecot(fsync="never", name="small", ca=ca, extra=QUOTA.format(limit=100)) as server:
        yield server


def enlarge(server, limit):
    server.halt()
    server.extra = QUOTA.format(limit=limit)
    server.start()


def fill(pair):
    """40 messages of 5 KB in two folders."""
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 20, size=5000)
        corpus.simple(client, "Archive", 20, first=50, size=5000)


def local(pair, verb="run", rc=0):
    mm = pair.mm
    mm.servers[1]["port"] = pair.destination.tls_port
    mm.write_config()
    got = mm.ctl("--json", verb, pair.account, "--local")
    done = json.loads(got.out.splitlines()[-1])
    assert got.rc == rc, done
    return done


def test_quota_before(make_pair, small, mm):
    """It cannot fit: nothing is copied, run, plan and check say so; with room it goes."""
    pair = make_pair(destination=small)
    fill(pair)
    done = local(pair, rc=8)
    assert done["copied"] == 0 and done["result"] == "failed"
    [error] = done["errors"]
    assert error["class"] == "quota"
    assert re.search(r"[\d.]+ KiB have to be copied, the quota leaves 100.0 KiB: [\d.]+ KiB are missing",
                     error["text"]), error
    with pair.at_destination() as client:
        assert client.counts()["INBOX"] == 0 and "Archive" not in client.folders()
    plan = local(pair, "plan", rc=8)
    assert plan["copied"] == 40 and plan["errors"][0]["text"] == error["text"]
    mm.start()
    got = mm.ctl("check", pair.account)
    assert got.rc == 8 and "quota" in got.out
    mm.terminate()
    enlarge(small, 1000)
    done = local(pair)
    assert done["copied"] == 40
    pair.assert_equal()
    # In step: nobody asks, and nothing is in the way although half of the room is gone.
    enlarge(small, 250)
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 1, first=90)
    assert local(pair)["copied"] == 1


@pytest.mark.parametrize("singles", [False, True], ids=["multiappend", "singles"])
def test_quota_during(make_pair, ca, singles):
    """The mailbox is full in mid-run: the run stops, says how much is left, and with more room
    the next one goes on where it stopped."""
    without = {"QUOTA"} | ({"MULTIAPPEND"} if singles else set())
    with Dovecot(fsync="never", name="small", ca=ca, without=without,
                 extra=QUOTA.format(limit=100)) as small:
        pair = make_pair(destination=small)
        fill(pair)
        done = local(pair, rc=8)
        assert 0 < done["copied"] < 40 and len(done["errors"]) == 1, done
        assert done["errors"][0]["class"] == "quota"
        with pair.at_destination() as client:
            there = sum(client.counts().values())
        assert there == done["copied"]
        left = re.match(r"([\d.]+) KiB in (\d+) messages are left to copy",
                        done["errors"][0]["advice"])
        assert left and int(left.group(2)) == 40 - there, done["errors"]
        assert 5 * (40 - there) <= float(left.group(1)) <= 6 * (40 - there)
        again = local(pair, rc=8)
        assert again["copied"] <= 1
        enlarge(small, 1000)
        done = local(pair)
        assert done["copied"] + done["present"] == 40 and done["failed"] == 0
        pair.assert_equal(order=False)
        assert local(pair)["copied"] == 0
