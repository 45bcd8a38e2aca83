# SPDX-License-Identifier: Apache-2.0
"""What a later run does: new mail, changed flags, half-filled destinations, lost state."""

import glob
import os
import random

import pytest

from harness import corpus
from harness.imapclient import ServerSaysNo, fingerprint
from harness.proxy import Proxy


def uids(client, folder):
    return [m.uid for m in client.messages(folder)]


def flags(client, folder):
    return [set(m.flags) for m in client.messages(folder)]


def test_new_messages(pair):
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 5)
        corpus.simple(client, "Archive/2020", 5, first=100)
        assert pair.run()["copied"] == 10
        corpus.simple(client, "INBOX", 3, first=200)
        corpus.simple(client, "New/Folder", 2, first=300)
        done = pair.run()
        assert (done["copied"], done["present"]) == (5, 10)
        pair.assert_equal()
        assert pair.run()["copied"] == 0


@pytest.fixture(params=["condstore", "scan"])
def seven(request, make_pair, mm, origin, destination):
    """Seven messages on both sides, on servers with and without CONDSTORE."""
    if request.param == "condstore":
        made = make_pair()
    else:
        lacking = ["CONDSTORE", "QRESYNC"]
        near, far = Proxy(origin, without=lacking), Proxy(destination, without=lacking)
        request.addfinalizer(far.stop)
        request.addfinalizer(near.stop)
        made = make_pair(via_origin=near, via_destination=far)
    with made.at_origin() as client:
        corpus.simple(client, "INBOX", 7, flags=("\\Seen", "shared"))
    mm.start()
    made.run()
    yield made
    mm.terminate()


def test_flags_are_merged(seven):
    """The origin's changes are carried over; what the destination did for itself stays."""
    with seven.at_origin() as ours, seven.at_destination() as theirs:
        o, d = uids(ours, "INBOX"), uids(theirs, "INBOX")
        ours.store("INBOX", o[0], "+FLAGS", "\\Flagged", "$Forwarded")  # set at the origin
        ours.store("INBOX", o[1], "-FLAGS", "\\Seen", "shared")         # taken away there
        theirs.store("INBOX", d[2], "+FLAGS", "\\Answered", "own")      # set at the destination
        theirs.store("INBOX", d[3], "-FLAGS", "\\Seen")                 # taken away there
        ours.store("INBOX", o[4], "+FLAGS", "\\Flagged")                # both at once
        theirs.store("INBOX", d[4], "FLAGS", "own")
        ours.store("INBOX", o[5], "+FLAGS", "\\Draft")                  # the same on both sides
        theirs.store("INBOX", d[5], "+FLAGS", "\\Draft")
    done = seven.run()
    assert (done["copied"], done["present"]) == (0, 7)
    assert done["flags_updated"] == 4  # \\Draft too: nobody looks whether it is there already
    expected = [
        {"\\Seen", "shared", "\\Flagged", "$Forwarded"},
        set(),
        {"\\Seen", "shared", "\\Answered", "own"},
        {"shared"},
        {"own", "\\Flagged"},
        {"\\Seen", "shared", "\\Draft"},
        {"\\Seen", "shared"},
    ]
    with seven.at_destination() as theirs:
        assert flags(theirs, "INBOX") == expected
        before = theirs.everything()
    assert seven.run()["flags_updated"] == 0
    with seven.at_destination() as theirs:
        assert theirs.everything() == before


def test_flags_and_new_mail_in_one_run(seven):
    with seven.at_origin() as ours:
        for uid in uids(ours, "INBOX"):
            ours.store("INBOX", uid, "FLAGS", "\\Flagged")
        corpus.simple(ours, "INBOX", 4, first=50)
    done = seven.run()
    assert (done["copied"], done["flags_updated"]) == (4, 7)
    seven.assert_equal()


def test_what_was_deleted_at_the_destination_stays_deleted(seven):
    with seven.at_destination() as theirs:
        theirs.expunge("INBOX", uids(theirs, "INBOX")[3])
    assert seven.run()["copied"] == 0
    with seven.at_origin() as ours, seven.at_destination() as theirs:
        corpus.simple(ours, "INBOX", 1, first=70)
        assert theirs.count("INBOX") == 6
    assert seven.run()["copied"] == 1
    with seven.at_destination() as theirs:
        assert theirs.count("INBOX") == 7


def test_what_was_deleted_at_the_origin_is_kept(seven):
    with seven.at_origin() as ours:
        ours.expunge("INBOX", uids(ours, "INBOX")[0])
        ours.expunge("INBOX", uids(ours, "INBOX")[-1])
    done = seven.run()
    assert (done["copied"], done["deleted"]) == (0, 0)
    with seven.at_destination() as theirs:
        assert theirs.count("INBOX") == 7


def test_own_mail_of_the_destination_is_left_alone(seven):
    with seven.at_destination() as theirs:
        corpus.simple(theirs, "INBOX", 2, first=900, flags=("own",))
        corpus.simple(theirs, "Only here", 2, first=910)
    before = seven.snapshot()
    assert seven.run()["copied"] == 0
    assert seven.snapshot() == before


def test_half_filled_destination(make_pair, mm, origin, destination):
    """A message the state does not know is recognised: only what is missing is copied, and real
    duplicates are as many as at the origin."""
    pair = make_pair()
    mails = [m for m in corpus.all_kinds(big=0, ordinary=2) if m.octets]
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        corpus.fill(ours, mails)
        there, _ = corpus.fill(theirs, mails[::2])
    mm.start()
    done = pair.run()
    assert (done["copied"], done["present"], done["failed"]) == (len(mails) - there, there, 0)
    # which of two equal messages was there already, nobody can tell: dates aside
    assert all(line.startswith("Doubles: ") for line in pair.differences(order=False))
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        assert sorted(m.sha256 for m in ours.messages("Doubles")) == \
            sorted(m.sha256 for m in theirs.messages("Doubles"))
    before = pair.snapshot()
    assert pair.run()["copied"] == 0
    assert pair.snapshot() == before


def test_one_of_three_equal_messages_is_there(pair):
    mail = b"From: a@b\r\nMessage-ID: <x@y>\r\nDate: Mon, 1 Jan 2018 10:00:00 +0000\r\n\r\nx\r\n"
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        for _ in range(3):
            ours.append("INBOX", mail, date="01-Jan-2018 10:00:00 +0000")
        theirs.append("INBOX", mail, date="01-Jan-2018 10:00:00 +0000")
    done = pair.run()
    assert (done["copied"], done["present"]) == (2, 1)
    pair.assert_equal()


def test_same_message_id_but_another_message(pair):
    """A Message-ID is a hint, not an identity: the destination's other message is no copy."""
    head = b"From: a@b\r\nMessage-ID: <same@y>\r\nSubject: %s\r\n\r\n%s\r\n"
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        ours.append("INBOX", head % (b"one", b"1"))
        theirs.append("INBOX", head % (b"two", b"2"))
    assert pair.run()["copied"] == 1
    pair.assert_equal(extra=True)
    with pair.at_destination() as theirs:
        assert theirs.count("INBOX") == 2


def lose_state(mm, pair):
    found = glob.glob(os.path.join(mm.state, "accounts", pair.account + ".db*"))
    assert found
    for path in found:
        os.unlink(path)


def test_lost_state(make_pair, mm, origin):
    pair = make_pair()
    stored, _ = corpus.fill_all_kinds(origin, pair.user, big=0, ordinary=2)
    mm.start()
    pair.run()
    lose_state(mm, pair)
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 2, first=7000)
    done = pair.run()
    assert (done["copied"], done["present"]) == (2, stored)
    pair.assert_equal()


def test_destination_folder_made_anew(pair):
    """Another UIDVALIDITY there, and nothing in it: all of it is copied again."""
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        corpus.simple(ours, "Moved", 4)
        pair.run()
        before = theirs.uid_validity("Moved")
        theirs.command("DELETE", '"Moved"')
        theirs.create("Moved")
        if theirs.uid_validity("Moved") == before:
            pytest.skip("the server gave the same UIDVALIDITY again")
    assert pair.run()["copied"] == 4
    pair.assert_equal(subscribed=False)
    assert pair.run()["copied"] == 0


def test_origin_folder_made_anew(pair):
    """Another UIDVALIDITY at the origin, with the same mail: nothing is copied twice, and what was
    deleted at the destination is still known to be deleted."""
    mails = [corpus.plain(i, random.Random(i)) for i in range(4)]

    def make(client):
        client.create("Moved")
        for octets in mails:
            client.append("Moved", octets, date="01-Jan-2018 10:00:00 +0000")

    with pair.at_origin() as ours, pair.at_destination() as theirs:
        make(ours)
        pair.run()
        theirs.expunge("Moved", uids(theirs, "Moved")[1])
        before = ours.uid_validity("Moved")
        ours.command("DELETE", '"Moved"')
        make(ours)
        if ours.uid_validity("Moved") == before:
            pytest.skip("the server gave the same UIDVALIDITY again")
        mails.append(corpus.plain(10, random.Random(10)))
        ours.append("Moved", mails[-1])
    done = pair.run()
    assert (done["copied"], done["present"]) == (1, 4)
    with pair.at_destination() as theirs:
        assert [m.sha256 for m in theirs.messages("Moved")] == [
            fingerprint(octets) for octets in mails[:1] + mails[2:]]
    assert pair.run()["copied"] == 0


def test_folder_without_messages_becomes_a_parent(pair):
    """A name that only has children at first, and mail of its own later."""
    with pair.at_origin() as ours:
        corpus.simple(ours, "Parent/Child", 1)
        pair.run()
        try:
            ours.create("Parent")
        except ServerSaysNo:
            pass
        corpus.simple(ours, "Parent", 1, first=10)
    pair.run()
    pair.assert_equal()
