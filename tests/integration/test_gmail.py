# SPDX-License-Identifier: Apache-2.0
"""Folders that are labels: each message is where IMAP shows it, and all mail does not multiply it."""

import random
import re

import pytest

from harness import corpus, gmail
from harness.gmail import Gmail

def mail(number, **keys):
    return corpus.plain(number, random.Random(number), 300, **keys)


# number → labels: names of folders, roles
LABELLED = {
    1: ["INBOX"],
    2: ["INBOX", "Work"],
    3: ["Work", "Lists/dev", "Ärger & Freude"],
    4: ["\\Sent"],
    5: ["INBOX", "\\Sent", "\\Important"],
    6: ["\\Drafts"],
    7: ["Ärger & Freude"],
    8: ["\\Junk"],
    9: ["\\Trash"],
    10: [],                     # archived
    11: ["\\Important"],        # archived, and seen in a view
    12: ["\\Flagged"],          # archived, with a star
    13: ["INBOX", "\\Flagged"],
    14: ["say \"hello\""],
    15: ["Work"],
}
ARCHIVED = {10, 11, 12}


def fill(box):
    out = {}
    for number, labels in LABELLED.items():
        starred = "\\Flagged" in labels
        out[number] = box.add(mail(number), [x for x in labels if x != "\\Flagged"],
                              ["\\Seen"] + ["\\Flagged"] * starred)
    return out


def number_of(octets):
    return int(re.search(rb"Subject: message number (\d+)", octets).group(1))


def where(client):
    """Folder → numbers of its messages."""
    out = {}
    for folder in client.folders():
        numbers = sorted(number_of(client.body(folder, m.uid)) for m in client.messages(folder))
        if numbers:
            out[folder] = numbers
    return out


def name_of(box, label):
    return box.roles.get(label, label)


def expected(box, all_mail=None, labelled=None):
    """As the labels say; in all mail only these."""
    out = {}
    for number, labels in (labelled or LABELLED).items():
        for label in labels:
            if label not in ("\\Flagged", "\\Important"):
                out.setdefault(name_of(box, label), []).append(number)
    rest = sorted(ARCHIVED if all_mail is None else all_mail)
    if rest:
        out[name_of(box, "\\All")] = rest
    return out


@pytest.fixture(params=["english", "german-utf7"])
def box(request):
    german = request.param != "english"
    with Gmail({}, names=gmail.GERMAN if german else gmail.ENGLISH, utf8=not german,
               root="[Google Mail]" if german else "[Gmail]") as server:
        yield server


@pytest.fixture
def make(box, make_pair, mm):
    """An account from it; the daemon runs."""
    def build(**keys):
        keys.setdefault("folders", {"automap": False})
        pair = make_pair(origin=box, via_origin=box, **keys)
        mm.start()
        return pair

    yield build
    mm.terminate()


def label_questions(box, since=0):
    """The folders in which labels were asked for."""
    found, folder = [], None
    for command in box.heard[since:]:
        m = re.match(r'\S+ (?:EXAMINE|SELECT) "?([^"]*)"?$', command)
        folder = m.group(1) if m else folder
        if "X-GM-LABELS" in command:
            found.append(folder)
    return found


def test_each_message_where_its_labels_are(box, make):
    fill(box)
    pair = make()
    in_all = sum(not {"\\Junk", "\\Trash"} & set(v) for v in LABELLED.values())
    wanted = expected(box)
    done = pair.run("--dry-run")
    assert done["copied"] == sum(len(v) for v in wanted.values())
    done = pair.run()
    assert (done["copied"], done["failed"]) == (sum(len(v) for v in wanted.values()), 0)
    assert done["skipped"] == in_all - len(ARCHIVED)
    with pair.at_destination() as client:
        assert where(client) == wanted
        starred = [m for f in client.folders() for m in client.messages(f) if "\\Flagged" in m.flags]
        assert len(starred) == 2  # the flag travels
        assert not [f for f in client.folders() if "Starred" in f or "Markiert" in f]
    assert len(label_questions(box)) == 2

    mark = len(box.heard)
    again = pair.run()
    assert (again["copied"], again["failed"]) == (0, 0)
    assert not label_questions(box, mark)
    assert not [c for c in box.heard[mark:] if " FETCH " in c]


def test_labels_that_change(box, make):
    """Archived: it is in all mail now, and its copy stays where it was. Labelled: it is in that
    folder now, and its copy in all mail stays. Nothing is copied twice to one place."""
    mails = fill(box)
    pair = make()
    pair.run()
    box.label(mails[1], [])
    box.label(mails[10], ["Work", "New"])
    box.label(mails[15], ["Lists/dev"])
    done = pair.run()
    assert (done["copied"], done["failed"]) == (4, 0)
    wanted = expected(box, ARCHIVED | {1})
    wanted["Work"] = sorted(wanted["Work"] + [10])
    wanted["New"] = [10]
    wanted["Lists/dev"] = sorted(wanted["Lists/dev"] + [15])
    with pair.at_destination() as client:
        assert where(client) == wanted
    assert pair.run()["copied"] == 0


def test_a_label_that_goes(box, make):
    """Its messages that have no other one are only in all mail now."""
    fill(box)
    pair = make()
    pair.run()
    box.remove_folder("Work")
    assert pair.run()["copied"] == 1
    with pair.at_destination() as client:
        assert where(client) == expected(box, ARCHIVED | {15})
    assert pair.run()["copied"] == 0


def test_new_mail(box, make):
    fill(box)
    pair = make()
    pair.run()
    box.add(mail(100), ["INBOX", "Work"])
    box.add(mail(101))
    assert pair.run()["copied"] == 3
    with pair.at_destination() as client:
        there = where(client)
    assert (there["INBOX"][-1], there["Work"][-1]) == (100, 100)
    assert there[box.roles["\\All"]] == sorted(ARCHIVED | {101})


def test_the_plan_says_so(box, make, mm):
    fill(box)
    pair = make(folders={"automap": True})
    got = mm.ctl("plan", pair.account)
    print(got.out)
    assert 0


@pytest.mark.parametrize("box", ["english"], indirect=True)
def test_nothing_is_lost_where_labels_are_not_told(box, make, monkeypatch):
    """A server that offers the extension and answers without labels: all of it is copied."""
    fill(box)
    monkeypatch.setattr(gmail._Session, "_labels",  # pylint: disable=protected-access
                        lambda self, mail: iter(()))
    pair = make()
    done = pair.run()
    with pair.at_destination() as client:
        assert len(where(client)[box.roles["\\All"]]) == len(LABELLED) - 2
    assert done["failed"] == 0
