# SPDX-License-Identifier: Apache-2.0
"""Which folder goes where: what the rules of folders.* make of two real mailboxes."""

import contextlib

import pytest

from harness import corpus
from harness.checks import check
from harness.dovecot import Dovecot
from harness.imapclient import Client
from harness.quirky import Quirky, Script

GERMAN = {"Gesendete Elemente": "\\Sent", "Entwürfe": "\\Drafts", "Papierkorb": "\\Trash",
          "Spamverdacht": "\\Junk"}
FRENCH = {"Éléments envoyés": "\\Sent", "Brouillons": "\\Drafts", "Corbeille": "\\Trash",
          "Indésirables": "\\Junk", "Archives": "\\Archive"}
NO_ROLES = {"special_use": {}, "without": ["SPECIAL-USE"]}


def fill(server, user, folders):
    """Folders, each with a number of messages that tells it from the others."""
    with Client(server, user) as client:
        for n, folder in enumerate(folders, 1):
            if folder != "INBOX":
                client.create(folder, subscribe=True)
            corpus.simple(client, folder, n, first=100 * n)


def tree(client):
    """Folder → messages, of those with any."""
    return {f: n for f, n in client.counts().items() if n}


@contextlib.contextmanager
def servers(ca, origin=None, destination=None):
    with Dovecot(fsync="never", name="origin", ca=ca, users={}, **(origin or {})) as one, \
            Dovecot(fsync="never", name="destination", ca=ca, users={},
                    **(destination or {})) as other:
        yield {"origin": one, "destination": other}


def synced(pair, folders, **expected):
    """Fill the origin, run twice; the second time there is nothing to do."""
    fill(pair.origin, pair.user, folders)
    pair.mm.start()
    done = pair.run(**expected)
    with pair.at_destination() as client:
        found = tree(client)
    again = pair.run(**expected)
    assert again["copied"] == 0
    with pair.at_destination() as client:
        assert tree(client) == found
    return done, found


@pytest.mark.limit(60)
def test_roles_that_the_servers_tell(make_pair, ca):
    """From one language to another, INBOX. and dots to slashes, with what is below."""
    with servers(ca, {"special_use": GERMAN, "separator": ".", "prefix": "INBOX."},
                 {"special_use": FRENCH}) as ends:
        pair = make_pair(**ends)
        pair.destination.add_user(pair.user)
        with pair.at_destination() as client:
            for folder in FRENCH:
                client.create(folder)
        _, found = synced(pair, ["INBOX", "Gesendete Elemente", "Entwürfe", "Papierkorb",
                                 "Spamverdacht", "Gesendete Elemente/2019", "Work",
                                 "Papierkorb/Alt/Mai"])
        assert found == {"INBOX": 1, "Éléments envoyés": 2, "Brouillons": 3, "Corbeille": 4,
                         "Indésirables": 5, "Éléments envoyés/2019": 6, "Work": 7,
                         "Corbeille/Alt/Mai": 8}


@pytest.mark.limit(60)
def test_roles_by_name_alone(make_pair, ca):
    """Nobody tells anything: the names do, in all languages; and what means two things stays."""
    with servers(ca, NO_ROLES, NO_ROLES) as ends:
        pair = make_pair(**ends)
        pair.destination.add_user(pair.user)
        with pair.at_destination() as client:
            client.create("Отправленные")
            client.create("Trash")
            client.create("迷惑メール")
        _, found = synced(pair, ["INBOX", "Sent to clients", "GÖNDERİLMİŞ ÖĞELER", "ごみ箱",
                                 "Junk Messages", "Postausgang", "Work/Sent",
                                 "ごみ箱/2019"])
        assert found == {"INBOX": 1, "Sent to clients": 2, "Отправленные": 3, "Trash": 4,
                         "迷惑メール": 5, "Postausgang": 6, "Work/Sent": 7, "Trash/2019": 8}


@pytest.mark.limit(60)
def test_the_destinations_language(make_pair, ca):
    """What has no folder there gets the name that fits the others."""
    with servers(ca, {"special_use": GERMAN}, NO_ROLES) as ends:
        pair = make_pair(**ends)
        pair.destination.add_user(pair.user)
        with pair.at_destination() as client:
            client.create("Sent")
            client.create("Drafts")
        _, found = synced(pair, list(GERMAN))
        assert found == {"Sent": 1, "Drafts": 2, "Trash": 3, "Junk": 4}


@pytest.mark.limit(60)
@pytest.mark.parametrize("keys,expected", [
    ({"automap": False}, {"INBOX": 1, "Sent Items": 2, "Lists/a": 3, "Lists/b/c": 4, "Misc": 5,
                          "Spam": 6, "2019": 7}),
    ({}, {"INBOX": 1, "Sent": 2, "Lists/a": 3, "Lists/b/c": 4, "Misc": 5, "Junk": 6, "2019": 7}),
    ({"include": ["\\Sent", "Lists/*", "/^20/"], "exclude": ["Lists/?"]},
     {"Sent": 2, "Lists/b/c": 4, "2019": 7}),
    ({"exclude": ["\\Junk", "inbox", "/S\\/./i"]}, {"Sent": 2, "Misc": 5, "2019": 7}),
    ({"map": [["Misc", "Old/Misc"], ["INBOX", "Old/Inbox"], ["Spam", "Sent"]],
      "rewrite": ["s#^Lists/(.*)#Archive/\\1 (list)#", "s/^(20\\d\\d)$/Archive\\/$1/"]},
     {"Old/Inbox": 1, "Sent": 8, "Archive/a (list)": 3, "Archive/b/c (list)": 4, "Old/Misc": 5,
      "Archive/2019": 7}),
    ({"into": "Old mail", "map": [["Misc", "Misc"]]},
     {"Old mail/INBOX": 1, "Old mail/Sent Items": 2, "Old mail/Lists/a": 3,
      "Old mail/Lists/b/c": 4, "Misc": 5, "Old mail/Spam": 6, "Old mail/2019": 7}),
], ids=["names", "roles", "include", "exclude", "map-rewrite", "into"])
def test_rules(make_pair, keys, expected):
    pair = make_pair(folders=keys)
    pair.destination.add_user(pair.user)
    with pair.at_destination() as client:
        client.create("Junk")
        client.create("Sent")
    _, found = synced(pair, ["INBOX", "Sent Items", "Lists/a", "Lists/b/c", "Misc", "Spam", "2019"])
    assert found == expected


def test_only_what_is_subscribed(make_pair):
    pair = make_pair(folders={"subscribed_only": True})
    fill(pair.origin, pair.user, ["INBOX", "A"])
    with pair.at_origin() as client:
        client.create("B")
        corpus.simple(client, "B", 3)
    pair.mm.start()
    assert pair.run()["copied"] == 3
    with pair.at_destination() as client:
        assert tree(client) == {"INBOX": 1, "A": 2}
        assert "B" not in client.folders()


def test_what_a_rule_cannot_do_fails_alone(make_pair):
    """A name that is none, and an expression that would never end."""
    pair = make_pair(folders={"rewrite": ["s/^A$//", "s/^(a+)+$/b/"]})
    slow = "a" * 40 + "!"
    fill(pair.origin, pair.user, ["INBOX", "A", slow])
    pair.mm.start()
    for _ in range(2):
        done = pair.run(rc=1)
        assert done["failed"] == 5
        texts = sorted(e["text"] for e in done["errors"])
        assert texts[0].startswith('folders.rewrite "s/^(a+)+$/b/" needs too many steps')
        assert texts[1] == ('folders.rewrite makes "" of "A", which is no name for a folder: it '
                            'is empty')
        assert all(e["advice"] for e in done["errors"])
        with pair.at_destination() as client:
            assert tree(client) == {"INBOX": 1}
            assert not {"A", slow} & set(client.folders())


def test_check_tells_of_the_map(make_pair):
    pair = make_pair(folders={"map": [["Snet", "Sent"]], "exclude": ["A"]})
    fill(pair.origin, pair.user, ["INBOX", "A", "B"])
    pair.mm.start()
    found = check(pair.mm, pair.account)
    result, text = found.line(pair.account, "folder map")
    assert result == "warn"
    assert text.startswith("2 folders, 1 to be created at the destination; 1 left out; "
                           'folders.map: the origin has no folder "Snet" to be copied; ')
    assert found.rc == 0


EXCHANGE = ["send * OK The Microsoft Exchange IMAP4 service is ready."]


@pytest.mark.parametrize("include,expected,left_out", [
    ((), {"INBOX": 1, "Work": 2}, 3),
    (("*", "Kontakte"), {"INBOX": 1, "Work": 2, "Kontakte": 4}, 2),
], ids=["left-out", "by-name"])
def test_what_exchange_lists_and_is_no_mail(make_pair, origin, include, expected, left_out):
    """Known by its greeting, in a run as in a check; it is copied where its name is given."""
    with Quirky(origin, Script(EXCHANGE)) as server:
        pair = make_pair(via_origin=server, folders={"include": include})
        fill(pair.origin, pair.user, ["INBOX", "Work", "Calendar", "Kontakte", "Sync Issues/a"])
        pair.mm.start()
        found = check(pair.mm, pair.account)
        assert "; %d left out" % left_out in found.line(pair.account, "folder map")[1]
        pair.run()
        with pair.at_destination() as client:
            assert tree(client) == expected
            assert "Calendar" not in client.folders()
        pair.mm.terminate()
