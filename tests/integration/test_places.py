# SPDX-License-Identifier: Apache-2.0
"""Where folders go at the destination: two origin folders in one, a mapping that changed, names
that the destination refuses."""

import collections
import contextlib
import os
import random

import pytest

from harness import corpus
from harness.changes import rename, renumber
from harness.imapclient import Client
from harness.quirky import Quirky, Script

DATE = "01-Jan-2018 10:00:00 +0000"


def digests(client, *folders):
    """How often each message is in these folders, whatever its flags."""
    return collections.Counter(m.sha256 for f in folders for m in client.messages(f))


def keyed(client, *folders):
    return collections.Counter((m.sha256, m.flags, m.date)
                               for f in folders for m in client.messages(f))


def notes(events):
    return [e["text"] for e in events if e["event"] == "log"]


def lose_state(mm, account):
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(mm.state, "accounts", account + ".db" + end))


# ---- two origin folders in one ----

MEET = {"map": [["Sent", "Mail/All of it"], ["Sent Items", "Mail/All of it"]]}
MEETING = ("Sent", "Sent Items")


def fill_meeting(client):
    """Each folder has messages of its own, one that is in both, one with the same header and
    another text in each, and one without Message-ID that is in both."""
    rng = random.Random(9)
    shared, nameless = corpus.plain(50, rng), corpus.plain(51, rng, message_id=False)
    alike = corpus.plain(52, rng)
    for n, folder in enumerate(MEETING):
        corpus.simple(client, folder, 4, first=10 * n, flags=("\\Seen",))
        client.append(folder, shared, ("\\Flagged",) if n else ("kept",), DATE)
        client.append(folder, b"Received: by %d.example.net\r\n" % n + alike, (), DATE)
        client.append(folder, nameless, (), DATE)


@pytest.fixture
def meeting(make_pair, mm):
    made = make_pair(folders=MEET)
    with made.at_origin() as client:
        fill_meeting(client)
    mm.start()
    return made


def assert_met(pair):
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        assert keyed(theirs, "Mail/All of it") == keyed(ours, *MEETING)
        assert not set(MEETING) & set(theirs.folders())


def test_two_origins(meeting):
    code, events, done = meeting.mm.run_json(meeting.account)
    assert (code, done["copied"], done["failed"]) == (0, 14, 0)
    assert any("\"Sent\" and \"Sent Items\" go to one" in t for t in notes(events)), notes(events)
    assert_met(meeting)

    done = meeting.run()
    assert (done["copied"], done["present"], done["flags_updated"]) == (0, 14, 0)
    idle = done["round_trips"]
    with meeting.at_origin() as client:
        corpus.simple(client, "Sent", 2, first=100)
        corpus.simple(client, "Sent Items", 1, first=200)
        uid = client.messages("Sent Items")[0].uid
        client.store("Sent Items", uid, "+FLAGS", "\\Answered")
    done = meeting.run()
    assert (done["copied"], done["flags_updated"]) == (3, 1)
    assert_met(meeting)
    done = meeting.run()
    assert (done["copied"], done["round_trips"]) == (0, idle)


def test_two_origins_without_state(meeting):
    """What is there is recognised, each as the one that it is."""
    meeting.run()
    for _ in range(2):
        lose_state(meeting.mm, meeting.account)
        done = meeting.run()
        assert (done["copied"], done["present"]) == (0, 14)
        assert_met(meeting)
    # Of two with one header only the other one is missing.
    with meeting.at_destination() as client:
        gone = [m for m in client.messages("Mail/All of it")
                if b"Received: by 0." in client.body("Mail/All of it", m.uid)]
        client.expunge("Mail/All of it", gone[0].uid)
    lose_state(meeting.mm, meeting.account)
    assert meeting.run()["copied"] == 1
    with meeting.at_origin() as ours, meeting.at_destination() as theirs:
        assert digests(theirs, "Mail/All of it") == digests(ours, *MEETING)


def test_two_origins_renumbered(meeting):
    """Both find their messages under the new UIDs, in whatever order they are looked at."""
    meeting.run()
    with meeting.at_destination() as client:
        renumber(client, "Mail/All of it")
    assert meeting.run()["copied"] == 0
    with meeting.at_origin() as client:
        corpus.simple(client, "Sent Items", 2, first=300)
    with meeting.at_destination() as client:
        renumber(client, "Mail/All of it")
    assert meeting.run()["copied"] == 2
    assert_met(meeting)
    assert meeting.run()["copied"] == 0


def test_news_of_the_other_are_not_read_again(make_pair, mm, destination):
    """What one folder has put there costs the other one nothing."""
    with Quirky(destination, Script([])) as heard:
        made = make_pair(via_destination=heard, folders=MEET, limits={"connections": 1})
        with made.at_origin() as client:
            corpus.simple(client, "Sent", 3)
            corpus.simple(client, "Sent Items", 30, first=100)
        mm.start()
        made.run()
        with made.at_origin() as client:
            corpus.simple(client, "Sent", 1, first=50)
        heard.heard.clear()
        assert made.run()["copied"] == 1
        assert not [h for h in heard.heard if "BODY.PEEK" in h], heard.heard
        mm.terminate()


def test_many_origins_side_by_side(make_pair, mm):
    """With many connections too only one at a time writes to the folder."""
    folders = ["F%d" % n for n in range(8)]
    made = make_pair(folders={"map": [[f, "One"] for f in folders]}, limits={"connections": 8})
    with made.at_origin() as client:
        rng = random.Random(4)
        twin = corpus.plain(60, rng)
        for n, folder in enumerate(folders):
            corpus.simple(client, folder, 15, first=100 * n)
            client.append(folder, twin, (), DATE)
    mm.start()
    assert made.run()["copied"] == 8 * 16
    with made.at_origin() as ours, made.at_destination() as theirs:
        assert digests(theirs, "One") == digests(ours, *folders)
    assert made.run()["copied"] == 0


# ---- a mapping that changed ----

def configure(pair, **folders):
    pair.mm.accounts[-1]["folders"] = folders
    pair.mm.write_config()
    assert pair.mm.ctl("reload").rc == 0


def test_changed_mapping(make_pair, mm):
    made = make_pair(folders={"map": [["Lists", "A"]]})
    with made.at_origin() as client:
        corpus.simple(client, "Lists", 3)
        corpus.simple(client, "Lists/x", 2, first=10)
    mm.start()
    assert made.run()["copied"] == 5
    with made.at_destination() as client:
        before = client.counts()
    configure(made, map=[["Lists", "B"], ["Lists/x", "B/y"]])

    for args in ((), ("--dry-run",)):
        code, _, done = mm.run_json(made.account, args=args)
        assert code == 8
        texts = [(e["folder"], e["text"], e["advice"]) for e in done["errors"]]
        assert len(texts) == 3, texts
        assert texts[0][0] == "Lists"
        assert "went to \"A\" (3 messages), would go to \"B\" (map" in texts[0][1]
        assert "run --confirm-mapping %s" % made.account in texts[2][2]
        with made.at_destination() as client:
            assert client.counts() == before

    done = made.run("--confirm-mapping")
    assert done["copied"] == 5
    with made.at_destination() as client:
        assert client.counts() == {**before, "B": 3, "B/y": 2}
    # It is confirmed once and for all, until it changes again. What was there is still known.
    with made.at_origin() as client:
        corpus.simple(client, "Lists", 1, first=20)
    assert made.run()["copied"] == 1
    configure(made, map=[["Lists", "A"], ["Lists/x", "B/y"]])
    assert mm.run_json(made.account)[0] == 8
    assert made.run("--confirm-mapping")["copied"] == 1
    with made.at_destination() as client:
        assert client.counts() == {**before, "A": 4, "B": 4, "B/y": 2}
    assert made.run()["copied"] == 0


@pytest.mark.parametrize("before, after, rc", [
    ({}, {"rewrite": ["s/^Li/Ol/"]}, 8),
    ({}, {"into": "Old"}, 8),
    ({}, {"map": [["Lists", "Lists"]]}, 0),              # the same place
    ({"into": "Old"}, {"rewrite": ["s#^#Old/#"]}, 0),    # likewise
    ({"rewrite": ["s/^Li/Ol/"]}, {}, 8),
    ({}, {"exclude": ["Lists"]}, 0),
    ({"automap": False}, {"automap": True}, 0),          # a name that means nothing
])
def test_which_changes_count(make_pair, mm, before, after, rc):
    made = make_pair(folders=before)
    with made.at_origin() as client:
        client.create("Lists", subscribe=True)
        corpus.simple(client, "Lists", 2)
    mm.start()
    assert made.run()["copied"] == 2
    configure(made, **after)
    code, _, done = mm.run_json(made.account)
    assert (code, done["copied"]) == (rc, 0), done
    configure(made, **before)
    assert made.run()["copied"] == 0


def test_destination_folder_gone(make_pair, mm):
    """Renamed there, and no rule has changed: the folder is made anew, as it would be."""
    made = make_pair()
    with made.at_origin() as client:
        corpus.simple(client, "Lists", 2)
    mm.start()
    made.run()
    with made.at_destination() as client:
        rename(client, "Lists", "Elsewhere")
    assert made.run()["copied"] == 2
    assert made.run()["copied"] == 0


# ---- names ----

class Refusing:
    """A destination that answers some commands as it is told."""

    def __init__(self, make_pair, mm, destination, *script, **keys):
        self.bad = Quirky(destination, Script(script))
        self.pair = make_pair(via_destination=self.bad, **keys)
        self.mm = mm

    def run(self, rc=0):
        code, events, done = self.mm.run_json(self.pair.account)
        assert code == rc, done
        return events, done

    def creates(self):
        found = [h for h in self.bad.heard if " CREATE " in h]
        self.bad.heard.clear()
        return found

    def counts(self):
        with self.pair.at_destination() as client:
            return {f: n for f, n in client.counts().items() if n > 0}


@pytest.fixture
def refusing(make_pair, mm, destination):
    made = []

    def make(*script, **keys):
        made.append(Refusing(make_pair, mm, destination, *script, **keys))
        return made[-1]

    yield make
    mm.terminate()
    for m in made:
        m.bad.stop()


def test_escaped(refusing, mm):
    """A name that is refused is tried escaped, and the folder stays there."""
    r = refusing("on CREATE .*[?|]", "send $tag NO [CANNOT] Character not allowed")
    with r.pair.at_origin() as client:
        corpus.simple(client, "Who? Me|", 3)
        corpus.simple(client, "Who? Me|/Why?", 2, first=10)
    mm.start()
    events, done = r.run()
    assert done["copied"] == 5
    assert r.counts() == {"Who%3F Me%7C": 3, "Who%3F Me%7C/Why%3F": 2}
    assert any("folder \"Who? Me|\" goes to \"Who%3F Me%7C\": the destination refuses the name" in t
               for t in notes(events)), notes(events)
    r.creates()
    with r.pair.at_origin() as client:
        corpus.simple(client, "Who? Me|", 1, first=20)
    _, done = r.run()
    assert (done["copied"], r.creates()) == (1, [])
    # Also where a run ended between the making and the state, or the state is lost.
    lose_state(mm, r.pair.account)
    _, done = r.run()
    assert (done["copied"], done["present"]) == (0, 6)
    assert len(r.creates()) == 2
    assert r.counts() == {"Who%3F Me%7C": 4, "Who%3F Me%7C/Why%3F": 2}


def test_no_children(refusing, mm):
    """INBOX without folders below it (iCloud, Domino): they go beside it."""
    r = refusing("on CREATE .*INBOX/", "send $tag NO cannot create below INBOX")
    with r.pair.at_origin() as client:
        corpus.simple(client, "INBOX", 1)
        corpus.simple(client, "INBOX/a", 2, first=10)
        corpus.simple(client, "INBOX/a/b", 3, first=20)
    mm.start()
    _, done = r.run()
    assert done["copied"] == 6
    assert r.counts() == {"INBOX": 1, "INBOX%2Fa": 2, "INBOX%2Fa%2Fb": 3}
    _, done = r.run()
    assert done["copied"] == 0


def test_no_children_known(refusing, mm):
    """The same where the server lists it: it is in the plan, and nothing is tried in vain."""
    r = refusing("on LIST", "edit ^(\\* LIST \\()([^)]*\\) \"/\" INBOX\\r) => $1\\\\Noinferiors $2",
                 "pass", "on CREATE .*INBOX/", "send $tag NO cannot create below INBOX")
    with r.pair.at_origin() as client:
        corpus.simple(client, "INBOX/a", 2)
    mm.start()
    _, events, _ = mm.run_json(r.pair.account, args=("--dry-run",))
    event = next(e for e in events if e["event"] == "folder" and e["folder"] == "INBOX/a")
    assert event["destination"] == "INBOX%2Fa"
    assert "would refuse \"INBOX/a\"" in event["note"]
    r.run()
    assert r.counts() == {"INBOX%2Fa": 2}
    assert len(r.creates()) == 1


@pytest.mark.parametrize("code", ["[ALREADYEXISTS] ", "Mailbox already exists: "])
def test_other_letters(refusing, mm, destination, code):
    """A destination that takes "lists" and "Lists" for one."""
    r = refusing("on CREATE .*lists", "send $tag NO %sit is there" % code)
    with r.pair.at_origin() as ours, Client(destination, r.pair.user) as theirs:
        corpus.simple(ours, "LISTS", 2)
        corpus.simple(ours, "Other", 1, first=5)
        corpus.simple(ours, "lists", 3, first=10)
        theirs.create("Lists", subscribe=True)
    mm.start()
    events, done = r.run()
    assert done["copied"] == 6
    assert r.counts() == {"Lists": 5, "Other": 1}
    assert any("knows it in these letters" in t for t in notes(events)), notes(events)
    _, done = r.run()
    assert (done["copied"], done["failed"]) == (0, 0)
    with r.pair.at_origin() as ours, r.pair.at_destination() as theirs:
        assert digests(theirs, "Lists") == digests(ours, "LISTS", "lists")


def test_exchange_ignores_case(refusing, mm):
    """Known by its greeting: nothing is tried in vain."""
    r = refusing("send * OK The Microsoft Exchange IMAP4 service is ready.")
    with r.pair.at_origin() as ours, r.pair.at_destination() as theirs:
        corpus.simple(ours, "lists", 2)
        corpus.simple(ours, "Files", 1, first=5)
        corpus.simple(ours, "Trailing ", 1, first=8)
        theirs.create("Lists", subscribe=True)
    mm.start()
    r.run()
    assert r.counts() == {"Lists": 2, "%46iles": 1, "Trailing%20": 1}
    assert len(r.creates()) == 2


def test_refused_whatever_name(refusing, mm):
    """Then the folder alone has failed, with the server's first reason."""
    r = refusing("once CREATE .*a:b", "send $tag NO the first reason",
                 "on CREATE .*a%", "send $tag NO another reason")
    with r.pair.at_origin() as client:
        corpus.simple(client, "a:b", 2)
        corpus.simple(client, "fine", 1, first=5)
    mm.start()
    _, done = r.run(rc=1)
    assert (done["copied"], done["failed"]) == (1, 2)
    assert "the first reason" in done["errors"][0]["text"]


# ---- roles ----

def test_role_refused(refusing, mm):
    """CREATE with USE, where that is offered; what is refused is made without."""
    r = refusing("edit CAPABILITY IMAP4rev1 => CAPABILITY IMAP4rev1 CREATE-SPECIAL-USE",
                 "on CREATE .*\\(USE", "send $tag NO [USEATTR] not this one")
    with r.pair.at_origin() as client:
        corpus.simple(client, "Archive", 2)
    mm.start()
    _, done = r.run()
    assert done["copied"] == 2
    assert [h.split(" ", 1)[1] for h in r.creates()] == \
        ["CREATE \"Archive\" (USE (\\Archive))", "CREATE \"Archive\""]
    assert r.counts() == {"Archive": 2}


def test_xlist(make_pair, mm, origin):
    """Gmail's old command: roles in its words, and INBOX under a name of the user's language."""
    script = ["without SPECIAL-USE LIST-EXTENDED LIST-STATUS NAMESPACE",
              "edit CAPABILITY IMAP4rev1 => CAPABILITY IMAP4rev1 XLIST",
              "on XLIST", "ask XLIST => LIST", "edit ^\\* LIST => * XLIST",
              "edit \\([^)]*\\) \"/\" INBOX\\r => (\\\\Inbox) \"/\" Eingang\\r",
              "edit \\([^)]*\\) \"/\" Reklame\\r => (\\\\Spam) \"/\" Reklame\\r", "pass"]
    with Quirky(origin, Script(script)) as old:
        made = make_pair(via_origin=old)
        with made.at_origin() as client, made.at_destination() as theirs:
            corpus.simple(client, "INBOX", 2)
            corpus.simple(client, "Reklame", 3, first=10)
            theirs.create("Junk")
        mm.start()
        assert made.run()["copied"] == 5
        with made.at_destination() as client:
            assert {f: n for f, n in client.counts().items() if n} == {"INBOX": 2, "Junk": 3}
        mm.terminate()


def test_roles_without_list_extended(make_pair, mm, origin):
    with Quirky(origin, Script(["without LIST-EXTENDED LIST-STATUS", "on LIST \\(SPECIAL-USE\\)",
                                "send * LIST (\\\\Junk) \"/\" Reklame", "send $tag OK"])) as old:
        made = make_pair(via_origin=old)
        with made.at_origin() as client, made.at_destination() as theirs:
            corpus.simple(client, "Reklame", 3)
            theirs.create("Junk")
        mm.start()
        assert made.run()["copied"] == 3
        with made.at_destination() as client:
            assert client.count("Junk") == 3
        mm.terminate()
