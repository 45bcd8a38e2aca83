# SPDX-License-Identifier: Apache-2.0
"""Which messages are copied (messages.*): the destination's server is asked what it has."""

import contextlib
import datetime
import os
import sqlite3
import time

import pytest

from harness.changes import forget_uids
from harness.dovecot import Dovecot
from harness.imapclient import fingerprint
from harness.mailmig import Mailmig, server_entry
from harness.pair import Pair
from harness.proxy import Proxy
from harness.quirky import Quirky, Script

UTC = datetime.timezone.utc


def octets(name, size=0, subject=None, sender="someone@example.org"):
    """A message of that name, as long as it is to be."""
    head = ("From: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@example.org>\r\n"
            "Date: Mon, 1 Jan 2018 10:00:00 +0000\r\n\r\n" % (sender, subject or name, name))
    head = head.encode()
    fill = max(size - len(head) - 2, 0)
    return head + b"x" * fill + b"\r\n"


def stamp(moment, zone_hours=0.0):
    """INTERNALDATE of a moment (seconds since 1970) as a server in that zone writes it."""
    zone = datetime.timezone(datetime.timedelta(hours=zone_hours))
    when = datetime.datetime.fromtimestamp(moment, zone)
    return when.strftime("%d-%b-%Y %H:%M:%S %z")


class Mailbox:
    """Messages of the origin by name; which of them are where."""

    def __init__(self, pair, folder="INBOX"):
        self.pair, self.folder = pair, folder
        self.names = {}

    def add(self, client, name, date=None, flags=(), **what):
        message = octets(name, **what)
        self.names[fingerprint(message)] = name
        client.append(self.folder, message, flags, date)

    def there(self, client):
        """Names in order, each as often as it is there."""
        return [self.names[m.sha256] for m in client.messages(self.folder)]

    def copied(self):
        with self.pair.at_destination() as client:
            return self.there(client) if self.folder in client.folders() else []

    def expect(self, *names):
        assert sorted(self.copied()) == sorted(names)


def rule(pair, **messages):
    """These rules from now on; for runs without a daemon."""
    account = pair.mm.accounts[-1]
    account["messages"] = messages
    if not messages:
        del account["messages"]
    pair.mm.write_config()


def run(pair, rc=0):
    return pair.run("--local", rc=rc)


def run_idle(pair):
    """A run that looks into no folder."""
    code, events, done = pair.mm.run_json(pair.account, args=("--local",))
    assert code == 0
    assert all(e["unchanged"] for e in events if e["event"] == "folder")
    return done


def buckets(done):
    return (done["copied"], done["present"], done["skipped"], done["failed"], done["skipped_by"])


@pytest.fixture
def box(make_pair):
    """An account without daemon, and the mail in its INBOX."""
    return Mailbox(make_pair())


@contextlib.contextmanager
def state_of(pair):
    path = os.path.join(pair.mm.state, "accounts", pair.account + ".db")
    with contextlib.closing(sqlite3.connect(path)) as db:
        yield db


# ---- by arrival ----

ZONES = (0, 14, -12, 5.5, -9.5)


@pytest.mark.parametrize("name, zone, offset", [
    ("UTC", "UTC0", 0), ("Kolkata", "IST-5:30", 5.5), ("New York", "EST5", -5)])
def test_days(box, name, zone, offset):
    """A day begins at midnight of the machine, whatever zone a server writes."""
    since = int(datetime.datetime(2024, 2, 29, tzinfo=UTC).timestamp() - offset * 3600)
    before = int(datetime.datetime(2024, 3, 2, tzinfo=UTC).timestamp() - offset * 3600)
    moments = {"first": since, "last": before - 1, "middle": since + 86400,
               "early": since - 1, "late": before, "day before": since - 86399,
               "day after": before + 86399, "years ago": since - 900 * 86400}
    expected = []
    with box.pair.at_origin() as client:
        for label, moment in moments.items():
            for hours in ZONES:
                message = "%s.%s" % (label.replace(" ", "-"), hours)
                box.add(client, message, stamp(moment, hours))
                if since <= moment < before:
                    expected.append(message)
    rule(box.pair, since="2024-02-29", before="2024-03-02")
    box.pair.mm.wrapper = ["env", "TZ=" + zone]
    done = run(box.pair)
    box.expect(*expected)
    assert buckets(done) == (15, 0, 25, 0, {"too-old": 15, "too-young": 10}), name


def test_ages(box):
    now = int(time.time())
    with box.pair.at_origin() as client:
        box.add(client, "older", stamp(now - 10 * 86400 - 60))
        box.add(client, "old", stamp(now - 10 * 86400 + 600))
        box.add(client, "old-elsewhere", stamp(now - 10 * 86400 + 600, 13))
        box.add(client, "older-elsewhere", stamp(now - 10 * 86400 - 60, -11))
        box.add(client, "young", stamp(now - 3700))
        box.add(client, "younger", stamp(now - 1800))
    rule(box.pair, max_age="10d", min_age="1h")
    done = run(box.pair)
    box.expect("old", "old-elsewhere", "young")
    assert buckets(done) == (3, 0, 3, 0, {"too-old": 2, "too-young": 1})
    with state_of(box.pair) as db:  # when the next run has to look again
        assert db.execute("SELECT ripens FROM folder").fetchall() == [(now - 1800 + 3600,)]


def test_ripening(box):
    """A folder with nothing new is looked at again when a message has become old enough, and not
    before."""
    now = int(time.time())
    with box.pair.at_origin() as client:
        box.add(client, "soon", stamp(now - 3600 + 4))
        box.add(client, "later", stamp(now - 600))
        box.add(client, "now", stamp(now - 4000))
    rule(box.pair, min_age="1h")
    first = run(box.pair)
    assert first["skipped_by"] == {"too-young": 2}
    assert time.time() < now + 4, "the machine is too slow for this test"
    looked = False
    while not looked:
        _, events, done = box.pair.mm.run_json(box.pair.account, args=("--local",))
        looked = not all(e["unchanged"] for e in events if e["event"] == "folder")
        assert looked or buckets(done) == (0, 1, 2, 0, {"too-young": 2})
        assert time.time() < now + 60
    assert time.time() >= now + 4
    assert buckets(done) == (1, 1, 1, 0, {"too-young": 1})
    box.expect("now", "soon")
    assert buckets(run_idle(box.pair)) == (0, 2, 1, 0, {"too-young": 1})


# ---- by size ----

def test_sizes(box):
    with box.pair.at_origin() as client:
        for size in (1999, 2000, 2001, 3000, 4999, 5000, 5001, 9000):
            box.add(client, "s%d" % size, size=size)
        assert sorted(m.size for m in client.messages("INBOX"))[:3] == [1999, 2000, 2001]
    rule(box.pair, min_size="2000", max_size="5000")
    done = run(box.pair)
    box.expect("s2000", "s2001", "s3000", "s4999", "s5000")
    assert buckets(done) == (5, 0, 3, 0, {"too-small": 1, "too-large": 2})
    assert done["bytes"] == 2000 + 2001 + 3000 + 4999 + 5000


# ---- by search ----

@pytest.mark.parametrize("without", [[], ["ESEARCH", "LITERAL+"]], ids=["esearch", "search"])
def test_search(make_pair, origin, request, without):
    """Keys of all kinds; a text that is not ASCII goes as a literal, with its character set."""
    near = Proxy(origin, without=without)
    request.addfinalizer(near.stop)
    pair = make_pair(via_origin=near)
    box = Mailbox(pair)
    with pair.at_origin() as client:
        box.add(client, "plain")
        box.add(client, "read", flags=("\\Seen",))
        box.add(client, "marked", flags=("$Label1", "\\Seen"))
        box.add(client, "boss", sender="boss@example.com")
        box.add(client, "umlaut", subject="=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=")
        box.add(client, "quoted", subject='say (hello "you\\')
        box.add(client, "large", size=9000)
    for key, found in (
            ("UNSEEN", {"plain", "boss", "umlaut", "quoted", "large"}),
            ("KEYWORD $Label1", {"marked"}),
            ('FROM "boss@example.com"', {"boss"}),
            ("FROM boss@example.com", {"boss"}),
            ('SUBJECT "Grüße"', {"umlaut"}),
            ("SUBJECT Grüße", {"umlaut"}),
            ('OR SUBJECT "grüße" (SEEN NOT KEYWORD $Label1)', {"umlaut", "read"}),
            ('SUBJECT "say (hello \\"you\\\\"', {"quoted"}),
            ('SUBJECT "nowhere"', set()),
            ("NOT DELETED", set(box.names.values()))):
        rule(pair, search=key)
        code, _, done = pair.mm.run_json(pair.account, args=("--dry-run", "--local"))
        assert (code, done["copied"]) == (0, len(found)), (key, done)
        assert done["skipped_by"] == ({"not-found": 7 - len(found)} if len(found) < 7 else {}), key
    rule(pair, search='OR SUBJECT "Grüße" (SEEN NOT KEYWORD $Label1)', max_size="5000")
    assert buckets(run(pair)) == (2, 0, 5, 0, {"not-found": 5})
    box.expect("umlaut", "read")
    rule(pair, search="UNSEEN", max_size="5000")
    assert buckets(run(pair)) == (3, 2, 2, 0, {"not-found": 1, "too-large": 1})
    box.expect("umlaut", "read", "plain", "boss", "quoted")


def test_search_that_no_server_knows(box):
    with box.pair.at_origin() as client:
        box.add(client, "one")
    rule(box.pair, search="FROBNICATE 7")
    done = run(box.pair, rc=3)
    assert done["result"] == "failed" and box.copied() == []
    assert [e["class"] for e in done["errors"]] == ["config"]
    assert "messages.search was refused: BAD" in done["errors"][0]["text"]
    rule(box.pair, search="SEEN")
    assert run(box.pair)["skipped_by"] == {"not-found": 1}
    with box.pair.at_origin() as client:  # what it finds changes with the flags
        client.store("INBOX", 1, "+FLAGS", "\\Seen")
    assert run(box.pair)["copied"] == 1


# ---- from run to run ----

def fill(box, n=10, **what):
    """n messages a year apart, the last one this year; what they are called."""
    names = ["y%d" % (2026 - n + 1 + i) for i in range(n)]
    with box.pair.at_origin() as client:
        for name in names:
            box.add(client, name, "15-Jun-%s 12:00:00 +0000" % name[1:], **what)
    return names


def test_rules_change(box):
    """Wider rules copy more, narrower ones take nothing away."""
    names = fill(box)
    rule(box.pair, since="2024-01-01")
    assert buckets(run(box.pair)) == (3, 0, 7, 0, {"too-old": 7})
    box.expect(*names[7:])
    rule(box.pair, since="2021-01-01")
    assert buckets(run(box.pair)) == (3, 3, 4, 0, {"too-old": 4})
    rule(box.pair, since="2025-01-01", max_size="1")
    assert buckets(run(box.pair)) == (0, 6, 4, 0, {"too-old": 4})
    box.expect(*names[4:])
    rule(box.pair, max_size="1")
    assert buckets(run(box.pair)) == (0, 6, 4, 0, {"too-large": 4})
    rule(box.pair)
    assert buckets(run(box.pair)) == (4, 6, 0, 0, {})
    box.expect(*names)
    rule(box.pair, since="2025-01-01")
    assert buckets(run(box.pair)) == (0, 10, 0, 0, {})


def test_nothing_to_do(box):
    """Folders of which some mail is left out are not looked into again for that."""
    fill(box)
    with box.pair.at_origin() as client:
        client.create("Other")
    other = Mailbox(box.pair, "Other")
    for number, rules in enumerate((
            {"since": "2025-01-01"}, {"max_size": "1"}, {"search": "FLAGGED"},
            {"min_age": "1h", "before": "2024-01-01", "search": "NOT FLAGGED"})):
        with box.pair.at_origin() as client:
            other.add(client, "x%d" % number, "01-Jan-2020 00:00:00 +0000")
        rule(box.pair, **rules)
        first, second = run(box.pair), run_idle(box.pair)
        assert (second["copied"], second["skipped_by"]) == (0, first["skipped_by"])
        assert second["present"] + second["skipped"] == second["total_messages"]
        assert second["skipped"] > 0
    rule(box.pair, search="NOT OLDER 1")  # which time may change: asked each time
    run(box.pair)
    assert run(box.pair)["skipped_by"] == {"not-found": 1}
    _, events, _ = box.pair.mm.run_json(box.pair.account, args=("--local",))
    assert not all(e["unchanged"] for e in events if e["event"] == "folder")


def test_what_was_copied_is_followed(box):
    """Flags go on for messages that the rules would leave out now."""
    names = fill(box)
    rule(box.pair, since="2020-01-01")
    run(box.pair)
    rule(box.pair, since="2026-01-01", search="UNFLAGGED")
    with box.pair.at_origin() as client:
        for uid in range(1, 11):
            client.store("INBOX", uid, "+FLAGS", "\\Flagged")
    done = run(box.pair)
    assert buckets(done) == (0, 7, 3, 0, {"not-found": 3})
    assert done["flags_updated"] == 7
    box.expect(*names[3:])
    with box.pair.at_destination() as client:
        assert all("\\Flagged" in m.flags for m in client.messages("INBOX"))


def test_origin_renumbered(box):
    """Messages that are copied and by now too old are recognised under their new UIDs."""
    names = fill(box)
    rule(box.pair, since="2020-01-01")
    run(box.pair)
    forget_uids(box.pair.origin, box.pair.user, "INBOX")
    rule(box.pair, since="2025-01-01")
    assert buckets(run(box.pair)) == (0, 7, 3, 0, {"too-old": 3})
    box.expect(*names[3:])
    with box.pair.at_origin() as client:
        uid = client.messages("INBOX")[box.there(client).index("y2021")].uid
        client.store("INBOX", uid, "+FLAGS", "\\Flagged")
    assert run(box.pair)["flags_updated"] == 1
    rule(box.pair)
    assert buckets(run(box.pair)) == (3, 7, 0, 0, {})
    box.expect(*names)


def test_cut_and_taken_up(make_pair, destination, request):
    """A run that breaks off in the middle: the next one knows what it was about."""
    far = Proxy(destination, cut_up=300000)
    request.addfinalizer(far.stop)
    pair = make_pair(via_destination=far)
    pair.mm.globals["retry"] = {"attempts": 1}
    box = Mailbox(pair)
    names = fill(box, 40, size=40000)
    rule(pair, since="2007-01-01", max_size="50000")
    broken = run(pair, rc=6)
    assert broken["result"] == "failed"
    far.heal()
    done = run(pair)
    assert broken["copied"] + done["copied"] + (done["present"] - broken["copied"]) == 20
    assert done["skipped_by"] == {"too-old": 20}
    box.expect(*names[20:])


def test_refused_and_then_left_out(make_pair, destination, request):
    """What the destination had refused is no failure any more once the rules leave it out."""
    far = Quirky(destination, Script(["edit CAPABILITY IMAP4rev1 => CAPABILITY IMAP4rev1 "
                                      "APPENDLIMIT=5000"]))
    request.addfinalizer(far.stop)
    pair = make_pair(via_destination=far)
    box = Mailbox(pair)
    with pair.at_origin() as client:
        box.add(client, "small")
        box.add(client, "large", size=6000)
    rule(pair)
    assert buckets(run(pair, rc=1)) == (1, 0, 0, 1, {})
    rule(pair, max_size="5000")
    assert buckets(run(pair)) == (0, 1, 1, 0, {"too-large": 1})
    assert buckets(run_idle(pair)) == (0, 1, 1, 0, {"too-large": 1})
    rule(pair)
    assert buckets(run(pair, rc=1)) == (0, 1, 0, 1, {})
    far.script = Script([])
    assert buckets(run(pair)) == (1, 1, 0, 0, {})
    box.expect("small", "large")


# ---- a large folder ----

def fill_many(box, n):
    """n messages, an hour apart, in one go; the last one 1 January 2024, midnight."""
    last = int(datetime.datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    with box.pair.at_origin() as client:
        for i in range(n):
            box.add(client, "m%d" % i, stamp(last - (n - 1 - i) * 3600))
    return last


def test_large_folder_is_not_listed(make_pair, origin, request):
    """What the server names as too old is not asked for; the limit itself is exact."""
    near = Proxy(origin)
    request.addfinalizer(near.stop)
    pair = make_pair(via_origin=near)
    box = Mailbox(pair)
    fill_many(box, 600)
    pair.mm.wrapper = ["env", "TZ=UTC0"]
    rule(pair, since="2023-12-31")
    done = run(pair)
    assert buckets(done) == (25, 0, 575, 0, {"too-old": 575})
    box.expect(*["m%d" % i for i in range(575, 600)])
    with pair.at_origin() as client:  # also of those that are known and too old by now
        client.store("INBOX", 590, "+FLAGS", "\\Flagged")
        box.add(client, "new", "01-Feb-2024 00:00:00 +0000")
    rule(pair, since="2024-01-01")
    before = near.octets["down"]
    done = run(pair)
    assert near.octets["down"] - before < 15000
    assert buckets(done) == (1, 25, 575, 0, {"too-old": 575})
    assert done["flags_updated"] == 1
    rule(pair, since="2023-12-30", before="2023-12-31")
    assert buckets(run(pair)) == (24, 26, 551, 0, {"too-old": 551})
    rule(pair, before="2023-12-20")
    done = run(pair)
    n = 600 - 25 - 11 * 24
    assert buckets(done) == (n, 50, 601 - 50 - n, 0, {"too-young": 601 - 50 - n})


LARGE = 510


@pytest.fixture(scope="module")
def large(origin, destination):
    """A folder large enough for SEARCH: 10 messages of 1 January 2024 and later."""
    with Mailmig() as mm:
        box = Mailbox(Pair(mm, origin, destination, "large"))
        first = int(datetime.datetime(2024, 1, 1, tzinfo=UTC).timestamp())
        with box.pair.at_origin() as client:
            for i in range(LARGE):
                box.add(client, "m%d" % i, stamp(first + (i - LARGE + 10) * 3600))
        yield box


# What the server answers when it is asked for messages before 31 December (all but 34); what of
# the 510 is then listed (None: all).
@pytest.mark.parametrize("script, listed", [
    ([], "477:510"),
    (["edit TAG \"[^\"]* => TAG \"another", "pass"], None),
    (["send * ESEARCH (TAG \"$tag\") UID", "send $tag OK nothing"], "1:510"),
    (["send * SEARCH", "send $tag OK nothing"], "1:510"),
    (["send $tag OK nothing"], None),
    (["send $tag NO [UNAVAILABLE] not now"], None),
    (["send $tag BAD what"], None),
    (["send * ESEARCH (TAG \"$tag\") UID ALL 1:100,200:300", "send $tag OK"], "101:199,301:510"),
    (["count 230 * SEARCH 9$i\\r\\n", "send $tag OK"], None),   # UIDs that do not exist
    (["send * SEARCH 0", "send $tag OK"], None),
    (["send * ESEARCH (TAG \"$tag\") UID ALL 1:476,511", "send $tag OK"], None),
    (["send * ESEARCH (TAG \"$tag\") UID ALL 1:4294967295", "send $tag OK"], None),
    (["send * SEARCH " + " ".join(str(i) for i in range(1, 477, 2)), "send $tag OK"], None),
    (["send * SEARCH " + " ".join(str(i) for i in range(476, 0, -3)), "send $tag OK"], "1,3:4,6:7,"),
], ids=["right", "another", "none", "none-plain", "ok", "no", "bad", "fewer", "foreign", "zero", "one-more", "all",
        "holes", "every-third"])
def test_large_folder_of_a_bad_server(large, script, listed):  # pylint: disable=redefined-outer-name
    """Whatever it says: what is copied and why the rest is left out is the same."""
    lines = ["on UID SEARCH .*BEFORE", *script] if script else []
    with Quirky(large.pair.origin, Script(lines)) as bad:
        mm = large.pair.mm
        mm.servers[0] = server_entry("origin", bad, "none")
        mm.wrapper = ["env", "TZ=UTC0"]
        rule(large.pair, since="2024-01-01")
        code, _, done = mm.run_json(large.pair.account, args=("--dry-run", "--local"))
        assert code == 0, done
        assert buckets(done) == (10, 0, LARGE - 10, 0, {"too-old": LARGE - 10})
        fetched = [h.split(" ", 1)[1] for h in bad.heard if " UID FETCH " in h]
        assert sum("SEARCH" in h for h in bad.heard) == 1
        assert fetched[0].startswith("UID FETCH " + (listed or "1:*")), fetched
        assert len(fetched) == 1


# ---- what a person sees ----

def test_told(make_pair, mm):
    box = Mailbox(make_pair())
    fill(box, 12)
    with box.pair.at_origin() as client:
        for i in range(4):
            box.add(client, "l%d" % i, "01-Jun-2026 00:00:00 +0000", size=5000 + i)
    mm.accounts[-1]["messages"] = {"since": "2023-01-01", "max_size": "5000"}
    mm.start()
    expected = {"too-old": 8, "too-large": 3}
    code, events, planned = mm.run_json(box.pair.account, args=("--dry-run",))
    assert code == 0 and planned["skipped_by"] == expected
    folder = next(e for e in events if e["event"] == "folder" and e["folder"] == "INBOX")
    assert (folder["copied"], folder["skipped"], folder["skipped_by"]) == (5, 11, expected)
    assert "11 skipped (8 too old, 3 too large)" in mm.ctl("plan", box.pair.account).out
    code, events, done = mm.run_json(box.pair.account)
    for key in ("copied", "present", "skipped", "skipped_by", "failed", "bytes"):
        assert done[key] == planned[key], key
    last = mm.account_status(box.pair.account)["last_run"]
    assert (last["skipped"], last["skipped_by"]) == (11, expected)
    assert last["folders"][0]["skipped_by"] == expected
    shown = mm.ctl("status", box.pair.account).out
    assert "11 skipped (8 too old, 3 too large)" in shown
    summary = mm.ctl("run", box.pair.account).out
    assert "skipped                11  (8 too old, 3 too large)" in summary
    assert "11 skipped (8 too old, 3 too large), 0 failed" in mm.log()
    mm.terminate()
    mm.start()  # it is in the history
    assert mm.account_status(box.pair.account)["last_run"]["skipped_by"] == expected


QUOTA = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=100k
}
"""


def test_quota_of_what_is_chosen(make_pair, ca):
    """Whether it fits is asked for what the rules choose, not for all that there is."""
    with Dovecot(fsync="never", name="destination", ca=ca, extra=QUOTA) as small:
        pair = make_pair(destination=small)
        box = Mailbox(pair)
        fill(box, 10, size=20000)
        rule(pair, since="2020-01-01")
        code, _, done = pair.mm.run_json(pair.account, args=("--dry-run", "--local"))
        assert (code, done["copied"], done["skipped_by"]) == (8, 7, {"too-old": 3})
        assert "136.7 KiB have to be copied, the quota leaves 100.0 KiB" in done["errors"][0]["text"]
        rule(pair, since="2022-06-01")
        code, _, done = pair.mm.run_json(pair.account, args=("--dry-run", "--local"))
        assert (code, done["copied"]) == (0, 5)
        assert run(pair)["copied"] == 5
