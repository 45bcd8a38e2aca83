# SPDX-License-Identifier: Apache-2.0
"""propagate_deletes: what is gone at the origin is deleted at the destination, if mailmig put it
there, and nothing else ever is."""

import glob
import os
import threading

import pytest

from harness import corpus
from harness.changes import delete, rename, renumber
from harness.imapclient import quoted
from harness.proxy import Proxy

FOREIGN = b"From: somebody@example.org\r\nSubject: foreign %d\r\n\r\nnot of mailmig\r\n"
# Known by all of its octets alone.
NAMELESS = b"Subject: nameless\r\n\r\nfound there\r\n"
WITHOUT = {"full": [], "no-condstore": ["CONDSTORE", "QRESYNC"], "no-qresync": ["QRESYNC"],
           "no-status": ["LIST-STATUS"]}


def uids(client, folder):
    return [m.uid for m in client.messages(folder)]


def digests(client, folder):
    return sorted(m.sha256 for m in client.messages(folder))


def mark_deleted(client, folder, *which):
    """Without the CLOSE that would expunge."""
    client.select(folder)
    for uid in which:
        client.command("UID", "STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)",
                       responses="FETCH")
    client.command("UNSELECT")
    client.imap.state = "AUTH"


def expunge(client, folder, which):
    for uid in which:
        client.expunge(folder, uid)


def move(client, folder, uid, to):
    client.select(folder)
    client.command("UID", "MOVE", str(uid), quoted(client.raw_name(to)), responses="EXPUNGE")


def brake_of(done):
    return [e for e in done["errors"] if e["class"] == "safety"]


@pytest.fixture
def deleting(make_pair, mm):
    """An account that propagates deletions; nothing is copied yet."""
    made = make_pair(propagate_deletes=True)
    mm.start()
    return made


@pytest.mark.parametrize("kind", WITHOUT)
def test_only_what_mailmig_put_there(make_pair, mm, origin, destination, kind):
    """Messages of others, those marked \\Deleted by them, and those found there stay."""
    near, far = (Proxy(s, without=WITHOUT[kind]) for s in (origin, destination))
    try:
        pair = make_pair(via_origin=near, via_destination=far, propagate_deletes=True)
        with pair.at_origin() as ours, pair.at_destination() as theirs:
            corpus.simple(ours, "INBOX", 20)
            corpus.simple(ours, "Archive/2020", 10, first=100)
            found = [ours.body("INBOX", uid) for uid in uids(ours, "INBOX")[:2]]
            ours.append("INBOX", NAMELESS)
            for octets in [NAMELESS, *found]:
                theirs.append("INBOX", octets)
            for n in range(3):
                theirs.append("INBOX", FOREIGN % n)
            mark_deleted(theirs, "INBOX", uids(theirs, "INBOX")[-1])
        mm.start()
        done = pair.run()
        assert (done["copied"], done["present"]) == (28, 3)
        with pair.at_destination() as theirs:
            mark_deleted(theirs, "INBOX", uids(theirs, "INBOX")[-1])  # ours, marked there
        with pair.at_origin() as ours:
            mail = uids(ours, "INBOX")
            gone = [ours.body("INBOX", mail[i]) for i in (5, 7)]
            # two that were found at the destination, two of ours, one of another folder
            expunge(ours, "INBOX", [mail[1], mail[5], mail[7], mail[20]])
            expunge(ours, "Archive/2020", uids(ours, "Archive/2020")[-1:])
            mark_deleted(ours, "INBOX", mail[9])  # marked is not gone
            corpus.simple(ours, "INBOX", 1, first=500)
        done = pair.run()
        assert (done["copied"], done["deleted"], done["errors"]) == (1, 3, [])
        assert "2 messages are gone at the origin and stay" in mm.log()
        with pair.at_origin() as ours, pair.at_destination() as theirs:
            expected = digests(ours, "INBOX") + [m.sha256 for m in theirs.messages("INBOX")
                                                 if theirs.body("INBOX", m.uid) in
                                                 (found[1], NAMELESS)
                                                 or b"foreign" in theirs.body("INBOX", m.uid)]
            assert digests(theirs, "INBOX") == sorted(expected)
            assert len(expected) == 18 + 2 + 3
            assert not [u for u in uids(theirs, "INBOX") if theirs.body("INBOX", u) in gone]
            assert digests(theirs, "Archive/2020") == digests(ours, "Archive/2020")
        before = pair.snapshot()
        _, events, done = mm.run_json(pair.account)
        folders = [e for e in events if e["event"] == "folder"]
        assert done["deleted"] == 0
        assert all(f["unchanged"] for f in folders) or kind == "no-condstore"
        assert pair.snapshot() == before
        assert not near.violations and not far.violations
    finally:
        far.stop()
        near.stop()


def test_without_uidplus_messages_are_marked_and_stay(make_pair, mm, destination):
    far = Proxy(destination, without=["UIDPLUS"])
    try:
        pair = make_pair(via_destination=far, propagate_deletes=True)
        with pair.at_origin() as ours:
            corpus.simple(ours, "INBOX", 20)
        mm.start()
        pair.run()
        with pair.at_destination() as theirs:
            theirs.append("INBOX", FOREIGN % 0)
            mark_deleted(theirs, "INBOX", uids(theirs, "INBOX")[-1])
        with pair.at_origin() as ours:
            gone = uids(ours, "INBOX")[3]
            octets = ours.body("INBOX", gone)
            expunge(ours, "INBOX", [gone])
        assert pair.run()["deleted"] == 1
        assert "cannot remove single messages" in mm.log()
        with pair.at_destination() as theirs:
            marked = [theirs.body("INBOX", m.uid) for m in theirs.messages("INBOX")
                      if "\\Deleted" in m.flags]
            assert sorted(marked) == sorted([octets, FOREIGN % 0])
            assert theirs.count("INBOX") == 21
        assert pair.run()["deleted"] == 0
        assert not far.violations
    finally:
        far.stop()


def test_moved_at_the_origin_is_first_in_its_new_place(deleting):
    with deleting.at_origin() as ours:
        corpus.simple(ours, "INBOX", 20)
        corpus.simple(ours, "Zoo", 1, first=100)
    deleting.run()
    with deleting.at_origin() as ours:
        ours.create("Archive", subscribe=True)
        for uid, to in zip(uids(ours, "INBOX")[:4], ("Archive", "Zoo", "Archive", "Zoo")):
            move(ours, "INBOX", uid, to)
    done = deleting.run()
    assert (done["copied"], done["deleted"]) == (4, 4)
    deleting.assert_equal()


def test_moved_meanwhile(make_pair, mm, origin):
    """From a folder that is listed later to one that was listed before: its old copy stays until
    the new one is there."""
    moved = threading.Event()

    def move_one():
        with pair.at_origin() as ours:
            move(ours, "INBOX", uids(ours, "INBOX")[2], "Large")
        moved.set()

    near = Proxy(origin)
    try:
        pair = make_pair(via_origin=near, propagate_deletes=True, limits={"connections": 1})
        with pair.at_origin() as ours:
            corpus.simple(ours, "INBOX", 20)
            corpus.simple(ours, "Large", 40, first=100)
        mm.start()
        pair.run()
        with pair.at_origin() as ours:  # so that both have changed
            expunge(ours, "INBOX", uids(ours, "INBOX")[:1])
            corpus.simple(ours, "Large", 1, first=300)
        near.at_line = ("EXAMINE .*INBOX", move_one)
        done = pair.run()
        assert moved.is_set()
        assert (done["copied"], done["deleted"]) == (1, 0)
        with pair.at_destination() as theirs:
            assert theirs.counts() == {"INBOX": 20, "Large": 41}
        done = pair.run()
        assert (done["copied"], done["deleted"]) == (1, 2)
        pair.assert_equal()
    finally:
        near.stop()


def test_brake(deleting, mm):
    """Too many at once: nothing is deleted anywhere, the copying stands, and a person says what
    is right, once."""
    with deleting.at_origin() as ours:
        corpus.simple(ours, "INBOX", 60)
        corpus.simple(ours, "Other", 10, first=100)
    deleting.run()
    with deleting.at_origin() as ours:
        expunge(ours, "INBOX", uids(ours, "INBOX")[10:17])
        expunge(ours, "Other", uids(ours, "Other")[:1])
        corpus.simple(ours, "INBOX", 2, first=300)
    before = deleting.snapshot()
    plan = deleting.run("--dry-run", rc=8)
    assert (plan["copied"], plan["deleted"]) == (2, 8)
    assert deleting.snapshot() == before
    for had in (60, 62):
        done = deleting.run(rc=8)
        assert (done["result"], done["deleted"]) == ("failed", 0)
        (told,) = brake_of(done)
        assert told["folder"] == "INBOX"
        assert told["text"] == \
            "7 of %d messages are gone at the origin; nothing was deleted" % had
        assert told["advice"] == "if that is right: mailmigctl run --confirm-deletes %s" \
            % deleting.account
    status = mm.account_status(deleting.account)
    assert (status["state"], status["last_run"]["exit_code"]) == ("failed", 8)
    shown = mm.ctl("status", deleting.account)
    assert "7 of 62 messages are gone" in shown.out and "--confirm-deletes" in shown.out
    with deleting.at_destination() as theirs:
        assert (theirs.count("INBOX"), theirs.count("Other")) == (62, 10)
    plan = deleting.run("--dry-run", "--confirm-deletes")
    assert plan["deleted"] == 8
    done = deleting.run("--confirm-deletes")
    assert (done["deleted"], done["result"]) == (8, "ok")
    deleting.assert_equal()
    with deleting.at_origin() as ours:  # it was said of that run alone
        expunge(ours, "INBOX", uids(ours, "INBOX")[:20])
    assert len(brake_of(deleting.run(rc=8))) == 1


def test_what_was_deleted_counts_once(deleting):
    """Also what somebody has deleted at both sides: it does not add up to what the brake holds."""
    with deleting.at_origin() as ours:
        corpus.simple(ours, "INBOX", 20)
    deleting.run()
    for n, at_both, deleted in ((5, 0, 5), (4, 4, 0), (4, 1, 3)):
        with deleting.at_origin() as ours, deleting.at_destination() as theirs:
            expunge(ours, "INBOX", uids(ours, "INBOX")[:n])
            expunge(theirs, "INBOX", uids(theirs, "INBOX")[:at_both])
        assert deleting.run()["deleted"] == deleted
        deleting.assert_equal()


def test_brake_over_all_folders(make_pair, mm):
    pair = make_pair(propagate_deletes=True, absence_max="50% 6")
    with pair.at_origin() as ours:
        for i, folder in enumerate(("INBOX", "A", "B")):
            corpus.simple(ours, folder, 10, first=100 * i)
    mm.start()
    pair.run()
    with pair.at_origin() as ours:
        for folder in ("INBOX", "A", "B"):
            expunge(ours, folder, uids(ours, folder)[:3])
    before = pair.snapshot()
    (told,) = brake_of(pair.run(rc=8))
    assert told["text"] == "9 messages in 3 folders are gone at the origin; nothing was deleted"
    assert told["folder"] is None
    assert pair.snapshot() == before


def test_a_folder_that_seems_empty_is_a_persons_to_say(make_pair, mm):
    pair = make_pair(propagate_deletes=True, absence_max="100%")
    with pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 5)
        corpus.simple(ours, "Few", 3, first=100)
    mm.start()
    pair.run()
    with pair.at_origin() as ours:
        expunge(ours, "Few", uids(ours, "Few"))
    (told,) = brake_of(pair.run(rc=8))
    assert told["text"] == "the folder is empty at the origin and had 3 messages; " \
        "nothing was deleted"
    with pair.at_destination() as theirs:
        assert theirs.count("Few") == 3
    assert pair.run("--confirm-deletes")["deleted"] == 3
    with pair.at_destination() as theirs:
        assert (theirs.count("Few"), theirs.count("INBOX")) == (0, 5)


def test_a_folder_that_is_gone_or_renamed_deletes_nothing(deleting):
    with deleting.at_origin() as ours:
        corpus.simple(ours, "INBOX", 5)
        corpus.simple(ours, "Gone", 3, first=100)
        corpus.simple(ours, "Old", 3, first=200)
    deleting.run()
    with deleting.at_origin() as ours:
        delete(ours, "Gone")
        rename(ours, "Old", "New")
    done = deleting.run("--confirm-deletes")
    assert (done["copied"], done["deleted"]) == (3, 0)
    with deleting.at_destination() as theirs:
        assert theirs.counts() == {"INBOX": 5, "Gone": 3, "Old": 3, "New": 3}


def test_two_folders_that_meet_lose_nothing(make_pair, mm):
    pair = make_pair(propagate_deletes=True, folders={"map": [["A", "Same"], ["B", "Same"]]})
    with pair.at_origin() as ours:
        for i, folder in enumerate(("A", "B", "INBOX")):
            corpus.simple(ours, folder, 10, first=100 * i)
    mm.start()
    pair.run()
    with pair.at_origin() as ours:
        for folder in ("A", "B", "INBOX"):
            expunge(ours, folder, uids(ours, folder)[:1])
    assert pair.run("--confirm-deletes")["deleted"] == 1
    with pair.at_destination() as theirs:
        assert theirs.counts() == {"INBOX": 9, "Same": 20}


@pytest.mark.parametrize("side", ["origin", "destination"])
def test_new_uids_delete_nothing(deleting, side):
    with deleting.at_origin() as ours:
        corpus.simple(ours, "INBOX", 12)
        corpus.simple(ours, "Box", 20, first=100)
    deleting.run()
    with deleting.at_origin() as ours:
        expunge(ours, "Box", uids(ours, "Box")[:1])
        expunge(ours, "INBOX", uids(ours, "INBOX")[:1])
    with deleting.at_origin() if side == "origin" else deleting.at_destination() as client:
        renumber(client, "Box")
    done = deleting.run("--confirm-deletes")
    assert (done["copied"], done["deleted"]) == (0, 0)
    with deleting.at_destination() as theirs:
        assert theirs.counts() == {"INBOX": 12, "Box": 20}
    # The copies are known by the octets that were put there, under whatever UID.
    deleted = deleting.run()["deleted"]
    assert deleted == (1 if side == "origin" else 2)


def test_a_lost_state_deletes_nothing(deleting, mm):
    with deleting.at_origin() as ours:
        corpus.simple(ours, "INBOX", 20)
    deleting.run()
    for path in glob.glob(os.path.join(mm.state, "accounts", deleting.account + ".db*")):
        os.unlink(path)
    assert deleting.run()["present"] == 20
    with deleting.at_origin() as ours:
        expunge(ours, "INBOX", uids(ours, "INBOX")[:2])
    assert deleting.run("--confirm-deletes")["deleted"] == 0
    with deleting.at_destination() as theirs:
        assert theirs.count("INBOX") == 20


def test_switched_on_later(make_pair, mm):
    """What was deleted while nobody propagated it is due as well."""
    pair = make_pair()
    with pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 20)
    mm.start()
    pair.run()
    with pair.at_origin() as ours:
        expunge(ours, "INBOX", uids(ours, "INBOX")[:2])
    assert pair.run()["deleted"] == 0
    mm.accounts[0]["propagate_deletes"] = True
    mm.write_config()
    assert mm.ctl("reload").rc == 0
    assert pair.run()["deleted"] == 2
    pair.assert_equal()


def test_nothing_is_deleted_after_a_trouble(make_pair, mm):
    """A message that could not be copied may be one that was moved."""
    pair = make_pair(propagate_deletes=True, folders={"create": False})
    with pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 20)
    mm.start()
    pair.run()
    with pair.at_origin() as ours:
        ours.create("Missing")
        move(ours, "INBOX", uids(ours, "INBOX")[0], "Missing")
    done = pair.run(rc=1)
    assert done["deleted"] == 0
    assert "not everything went well" in mm.log()
    with pair.at_destination() as theirs:
        assert theirs.counts() == {"INBOX": 20}
        theirs.create("Missing")
    done = pair.run()
    assert (done["copied"], done["deleted"]) == (1, 1)
    pair.assert_equal()
