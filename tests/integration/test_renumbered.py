# SPDX-License-Identifier: Apache-2.0
"""UIDVALIDITY has changed between two runs, at the origin, at the destination or on both sides:
messages are recognised by what they are, nothing is copied again, the run goes on, and what was
changed on either side since the last run is neither lost nor undone."""

import collections
import random

import pytest

from harness import changes, corpus
from harness.imapclient import Client, fingerprint
from harness.quirky import Quirky, Script

DATE = "01-Jan-2018 10:00:00 +0000"
RNG = random.Random(77)
PLAIN = [corpus.plain(n, RNG) for n in range(8)]
TWIN, NAMELESS = corpus.plain(50, RNG), corpus.plain(51, RNG, message_id=False)
OWN = corpus.plain(60, RNG)
NEW = corpus.plain(70, RNG)
FOLDERS = ("INBOX", "Work")

WAYS = ("made anew", "uidlist lost")


def flags_of(client, folder):
    """Digest → the sets of flags of its messages, sorted."""
    out = collections.defaultdict(list)
    for m in client.messages(folder):
        out[m.sha256].append(sorted(m.flags))
    return {k: sorted(v) for k, v in out.items()}


def uid_of(client, folder, octets, nth=0):
    return [m.uid for m in client.messages(folder) if m.sha256 == fingerprint(octets)][nth]


@pytest.fixture
def filled(make_pair, mm):
    """Two folders, once synced; the destination has a message of its own."""
    pair = make_pair()
    with pair.at_origin() as client:
        client.create("Work", subscribe=True)
        for folder in FOLDERS:
            for octets in PLAIN + [TWIN, NAMELESS]:
                client.append(folder, octets, ("\\Seen", "shared"), DATE)
            for octets in (TWIN, NAMELESS):
                client.append(folder, octets, ("\\Flagged",), DATE)
    mm.write_config()
    run(pair)
    with pair.at_destination() as client:
        for folder in FOLDERS:
            client.append(folder, OWN, ("own",), DATE)
    return pair


def run(pair, *args):
    code, events, done = pair.mm.run_json(pair.account, args=("--local",) + args)
    assert code == 0, done
    assert not done["errors"]
    return done


def change_both(pair):
    """Changed since the last run: flags on both sides, and more mail at the origin."""
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        for folder in FOLDERS:
            def at(client, octets, how, *flags, nth=0, folder=folder):
                client.store(folder, uid_of(client, folder, octets, nth), how, *flags)

            at(ours, PLAIN[0], "+FLAGS", "\\Flagged", "later")  # set at the origin
            at(ours, PLAIN[1], "-FLAGS", "\\Seen", "shared")    # taken away there
            at(theirs, PLAIN[2], "+FLAGS", "\\Answered", "own")  # set at the destination
            at(theirs, PLAIN[3], "-FLAGS", "\\Seen")            # taken away there
            at(ours, PLAIN[4], "+FLAGS", "\\Draft")             # both
            at(theirs, PLAIN[4], "FLAGS", "own")
            at(ours, TWIN, "+FLAGS", "\\Answered")              # of two equal ones
            at(ours, NAMELESS, "-FLAGS", "\\Seen")
            ours.append(folder, NEW, (), DATE)


EXPECTED = {fingerprint(octets): [sorted(f) for f in flags] for octets, flags in (
    (PLAIN[0], [{"\\Seen", "shared", "\\Flagged", "later"}]),
    (PLAIN[1], [set()]),
    (PLAIN[2], [{"\\Seen", "shared", "\\Answered", "own"}]),
    (PLAIN[3], [{"shared"}]),
    (PLAIN[4], [{"own", "\\Draft"}]),
    (PLAIN[5], [{"\\Seen", "shared"}]),
    (PLAIN[6], [{"\\Seen", "shared"}]),
    (PLAIN[7], [{"\\Seen", "shared"}]),
    (TWIN, [{"\\Answered", "\\Seen", "shared"}, {"\\Flagged"}]),
    (NAMELESS, [{"\\Flagged"}, {"shared"}]),
    (OWN, [{"own"}]),
    (NEW, [set()]),
)}


def assert_as_expected(pair):
    with pair.at_destination() as client:
        for folder in FOLDERS:
            assert flags_of(client, folder) == EXPECTED, folder


def renumber(pair, sides, way):
    for side in sides:
        server = pair.origin if side == "origin" else pair.destination
        with Client(server, pair.user) as client:
            for folder in FOLDERS:
                if way == "made anew" and folder != "INBOX":  # which cannot be deleted
                    changes.renumber(client, folder)
                else:
                    changes.forget_uids(server, pair.user, folder)


SIDES = {"origin": ("origin",), "destination": ("destination",), "both": ("origin", "destination")}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sides", SIDES)
def test_renumbered(filled, sides, way):
    change_both(filled)
    renumber(filled, SIDES[sides], way)
    done = run(filled)
    # Of two equal messages the one that did not change is recognised as such.
    assert (done["copied"], done["present"], done["flags_updated"]) == (2, 24, 10)
    assert_as_expected(filled)
    done = run(filled)
    assert (done["copied"], done["present"], done["flags_updated"]) == (0, 26, 0)
    assert_as_expected(filled)


@pytest.mark.parametrize("sides", SIDES)
def test_renumbered_again_and_again(filled, sides):
    change_both(filled)
    for n in range(3):
        renumber(filled, SIDES[sides], "made anew")
        assert run(filled)["copied"] == (0 if n else 2)
        assert_as_expected(filled)
    assert (run(filled)["flags_updated"], run(filled)["copied"]) == (0, 0)


def test_what_a_dry_run_tells(filled):
    renumber(filled, SIDES["both"], "made anew")
    done = run(filled, "--dry-run")
    assert (done["copied"], done["present"]) == (0, 24)
    done = run(filled)
    assert (done["copied"], done["present"], done["flags_updated"]) == (0, 24, 0)


def test_filled_again_slowly(filled):
    """The first run after it sees half of the folder, and with that an empty one."""
    with filled.at_origin() as client:
        mail = changes.take_out(client, "Work")
        changes.delete(client, "Work")
        client.create("Work")
        assert run(filled)["copied"] == 0
        for part in (mail[7:], mail[:7]):
            for octets, flags, date in part:
                client.append("Work", octets, flags, date)
            assert run(filled)["copied"] == 0
        changes.rename(client, "Work", "Elsewhere")
        client.create("Work")
        assert run(filled)["copied"] == len(mail)  # a folder never seen before
        changes.delete(client, "Work")
        changes.rename(client, "Elsewhere", "Work")
        assert run(filled)["copied"] == 0
    with filled.at_destination() as client:
        assert client.count("Work") == len(mail) + 1


def test_put_there_by_another_tool(filled):
    """A message that the state does not know is recognised too, under whatever new UID."""
    with filled.at_origin() as client:
        client.append("Work", NEW, ("\\Seen",), DATE)
    with filled.at_destination() as client:
        mail = changes.take_out(client, "Work")
        changes.delete(client, "Work")
        client.create("Work")
        client.append("Work", NEW, (), DATE)
        for octets, flags, date in mail:
            client.append("Work", octets, flags, date)
    done = run(filled)
    assert (done["copied"], done["present"], done["flags_updated"]) == (0, 25, 1)


def test_what_was_deleted_at_the_destination(filled):
    """It stays deleted when the origin is renumbered; where the destination is, nobody can tell it
    from a message that was lost."""
    with filled.at_destination() as client:
        client.expunge("Work", uid_of(client, "Work", PLAIN[1]))
    renumber(filled, SIDES["origin"], "made anew")
    assert run(filled)["copied"] == 0
    with filled.at_destination() as client:
        assert fingerprint(PLAIN[1]) not in flags_of(client, "Work")
    renumber(filled, SIDES["destination"], "made anew")
    assert run(filled)["copied"] == 1
    assert run(filled)["copied"] == 0


@pytest.mark.parametrize("sides", ["origin", "both"])
def test_another_version_of_a_draft(filled, sides):
    """The same header, another text: no copy of it is at the destination."""
    first = b"From: a@b\r\nSubject: draft\r\nMessage-ID: <draft@x>\r\n\r\nOne thing\r\n"
    second = first.replace(b"One thing", b"Two things")
    third = first.replace(b"One thing", b"One thang")  # even of the same length, but not alone
    with filled.at_origin() as client:
        client.append("Work", first, (), DATE)
        run(filled)
        client.expunge("Work", uid_of(client, "Work", first))
        changes.leave(client)
        renumber(filled, SIDES[sides], "made anew")
        client.append("Work", second, (), DATE)
        assert run(filled)["copied"] == 1
        client.append("Work", first, (), DATE)
        client.append("Work", third, (), DATE)
        changes.leave(client)
        renumber(filled, SIDES[sides], "made anew")
        assert run(filled)["copied"] == 1
    with filled.at_destination() as client:
        found = flags_of(client, "Work")
        assert all(len(found[fingerprint(octets)]) == 1 for octets in (first, second, third))


def test_same_validity_but_uids_begin_anew(make_pair, mm, origin, destination, user):
    """Folders made within one second have one UIDVALIDITY on some servers."""
    for server in (origin, destination):
        server.add_user(user)
    script = [r"edit UIDVALIDITY \d+ => UIDVALIDITY 42"]
    with Quirky(origin, Script(script)) as bad, Client(origin, user) as client:
        corpus.simple(client, "Work", 5)
        pair = make_pair(via_origin=bad, user=user)
        mm.write_config()
        run(pair)
        changes.delete(client, "Work")
        corpus.simple(client, "Work", 3, first=100)
        done = run(pair)
        assert (done["copied"], done["present"]) == (3, 0)
        assert run(pair)["copied"] == 0
        pair.assert_equal(extra=True, order=False, subscribed=False)
