# SPDX-License-Identifier: Apache-2.0
"""The first run over a destination that another tool has filled: only what is missing is copied,
whatever the list of witnesses and whatever the tool did to the messages."""

import collections
import re
import shutil
import subprocess

import pytest

from harness import changes, corpus, earlier, scratch
from harness.quirky import Quirky, Script

SHARES = {"INBOX": 14, "Archive": 4, "Lists/dev": 2}  # of 20
OWN = 50  # messages that only the destination has


def split(pairs):
    """Folder → pairs."""
    out, at = {}, 0
    for folder, share in SHARES.items():
        end = at + len(pairs) * share // sum(SHARES.values())
        out[folder] = pairs[at:end]
        at = end
    out["INBOX"] += pairs[at:]
    return out


def fill(pair, n):
    """Both sides. The destination's have other flags and dates, and another order."""
    mail = split(earlier.mailbox(n))
    earlier.write(pair.origin, pair.user,
                  {f: [m for p in pairs for m in p.ours] for f, pairs in mail.items()})
    theirs = {f: [m for p in pairs for m in p.theirs][::-1] for f, pairs in mail.items()}
    theirs["INBOX"] += [earlier.message(900000 + i, i % 2 == 0) for i in range(OWN)]
    earlier.write(pair.destination, pair.user, theirs, flags="F", when=1500000000)
    return [p for pairs in mail.values() for p in pairs]


def tokens(client):
    """How often each message is there, by the word in its text."""
    found = collections.Counter()
    for folder in client.folders():
        n = client.examine(folder)
        if n:
            data = client.command("FETCH", "1:%d" % n, "(BODY.PEEK[TEXT]<0.20>)")
            for item in data:
                if isinstance(item, tuple):
                    found[re.match(rb"token-(\d+)", item[1]).group(1)] += 1
    return found


def token(octets):
    return re.search(rb"token-(\d+)", octets).group(1)


def expected(pairs, name):
    """What the destination has afterwards."""
    out = collections.Counter(b"%06d" % (900000 + i) for i in range(OWN))
    for p in pairs:
        out[token(p.ours[0])] += len(p.theirs) + len(p.ours) - earlier.known(p, name)
    return out


def run_list(make_pair, mm, name, n):
    witnesses = earlier.LISTS[name]
    pair = make_pair(**({"match": witnesses} if witnesses else {}))
    pairs = fill(pair, n)
    total = sum(len(p.ours) for p in pairs)
    wanted = earlier.to_copy(pairs, name)
    mm.start()

    plan = pair.run("--dry-run")
    assert (plan["copied"], plan["present"], plan["failed"]) == (wanted, total - wanted, 0)
    done = pair.run()
    assert (done["copied"], done["present"], done["failed"]) == (wanted, total - wanted, 0)
    assert done["flags_updated"] == total - wanted
    with pair.at_destination() as client:
        assert tokens(client) == expected(pairs, name)
    again = pair.run()
    assert (again["copied"], again["present"], again["flags_updated"]) == (0, total, 0)
    return pair, pairs, done


@pytest.mark.limit(120)
def test_two_thousand(make_pair, mm):
    pair, pairs, done = run_list(make_pair, mm, "default", 2000)
    assert done["copied"] < 300
    with pair.at_destination() as client:
        messages = client.everything()
    # What was there keeps its date and its flags, and gets what the origin has beside them.
    old = [m for f in messages.values() for m in f if m.date < 1550000000]
    assert len(old) == OWN + sum(len(p.theirs) for p in pairs)
    assert sum(m.flags == ("\\Flagged", "\\Seen") for m in old) == len(old) - OWN
    assert sum(m.flags == ("\\Flagged",) for m in old) == OWN
    # and who wants to know is told by what they were recognised
    counts = re.findall(r"of (\d+) messages (\d+) are there already: (\d+) by their header, "
                        r"(\d+) by their content, (\d+) by their text", mm.log())
    assert len(counts) == 2 * len(SHARES)
    told = [sum(int(c[i]) for c in counts) // 2 for i in range(5)]
    assert told[0] == sum(len(p.ours) for p in pairs)
    assert told[1] == sum(told[2:]) == done["present"]
    assert min(told[2:]) > 50


@pytest.mark.limit(120)
@pytest.mark.parametrize("name", [n for n in earlier.LISTS if n != "default"])
def test_each_list(make_pair, mm, name):
    run_list(make_pair, mm, name, 250)


def reload(mm):
    mm.write_config()
    if mm.daemon is None:
        mm.start()
    else:
        assert mm.ctl("reload").rc == 0


# match, the header fields that are asked for, whether sizes are, whether texts are
NEEDED = (
    (["message-id"], "Message-ID", False, False),
    (["received", "size", "message-id"], "Message-ID Received", True, False),
    (["size"], "", True, True),
    (["body"], "", False, True),
)


def test_nothing_more_is_asked_for_than_needed(make_pair, mm, user, destination):
    mails = {"INBOX": [earlier.message(i) for i in range(1, 20)]}
    for number, (witnesses, fields, size, text) in enumerate(NEEDED):
        with Quirky(destination, Script([])) as far:
            pair = make_pair(user="%s-%d" % (user, number), account="needed%d" % number,
                             via_destination=far, match=witnesses)
            for server in (pair.origin, pair.destination):
                earlier.write(server, pair.user, mails)
            reload(mm)
            done = pair.run()
            mm.terminate()
        assert (done["copied"], done["present"]) == (0, 19)
        listing, = [c for c in far.heard if " UID FETCH 1:* " in c]
        assert ("RFC822.SIZE" in listing) == size
        assert re.findall(r"HEADER\.FIELDS \(([^)]*)\)", listing) == ([fields] if fields else [])
        assert any("BODY.PEEK[]" in c for c in far.heard) == text


def round_trips(make_pair, mm, user, n):
    pair = make_pair(user="%s-%d" % (user, n), account="trips%d" % n)
    mails = {"INBOX": [earlier.message(i) for i in range(1, n + 1)]}
    for server in (pair.origin, pair.destination):
        earlier.write(server, pair.user, mails)
    reload(mm)
    done = pair.run()
    assert (done["copied"], done["present"]) == (0, n)
    return done["round_trips"]


def test_round_trips_do_not_follow_the_number(make_pair, mm, user):
    few, many = (round_trips(make_pair, mm, user, n) for n in (20, 2000))
    assert many <= few + 4, (few, many)


@pytest.mark.parametrize("found", ["copied", "adopted"])
def test_a_list_that_is_changed_later(make_pair, mm, found):
    """What the state knows is known by what it remembers, whatever the list says now."""
    pair = make_pair(match=["subject", "received"])
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        corpus.simple(ours, "Box", 6)
        if found == "adopted":
            corpus.simple(theirs, "Box", 6)
    mm.start()
    assert pair.run()[{"copied": "copied", "adopted": "present"}[found]] == 6
    mm.accounts[0]["match"] = ["body", "date"]
    reload(mm)
    with pair.at_origin() as client:
        changes.renumber(client, "Box")
    assert pair.run()["copied"] == 0
    with pair.at_destination() as client:
        changes.renumber(client, "Box")
    done = pair.run()
    assert (done["copied"], done["present"]) == (0, 6)
    with pair.at_destination() as client:
        assert client.count("Box") == 6


def test_two_folders_in_one(make_pair, mm):
    """A message to oneself is in two folders that go to one: the same Message-ID and text, and
    another header. The one that is there is not taken for the other."""
    pair = make_pair(folders={"map": [["INBOX", "Everything"], ["Sent", "Everything"]]})
    sent = earlier.strip_received(earlier.message(1)).replace(b"\n", b"\r\n")
    came = earlier.message(1).replace(b"\n", b"\r\n")
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        for client, folder in ((ours, "Sent"), (theirs, "Everything")):
            client.create(folder)
            client.append(folder, sent)
        ours.append("INBOX", came)
    mm.start()
    done = pair.run()
    assert (done["copied"], done["present"]) == (1, 1)
    with pair.at_destination() as client:
        octets = {client.body("Everything", m.uid) for m in client.messages("Everything")}
    assert octets == {sent, came}


def test_after_mbsync(make_pair, mm, origin, destination):
    """A real one: isync has copied the mailbox, with a field of its own in each header. Then there
    was more mail."""
    pair = make_pair()
    # Of what has no text, or says nothing of itself, nobody can tell that it is the same.
    mails = [m for m in corpus.all_kinds(big=0, ordinary=2)
             if re.match(rb"(?ism).*?^(from|subject|date|message-id):.*?\r\n\r\n.*\S", m.octets)
             or m.folder != "Odd"]
    with pair.at_origin() as client:
        stored, _ = corpus.fill(client, mails)
    path = scratch.directory()
    try:
        rc = path + "/rc"
        with open(rc, "w", encoding="utf-8") as out:
            out.write("SyncState %s/state-\n" % path)
            for name, server in (("origin", origin), ("destination", destination)):
                out.write("IMAPAccount {0}\nHost localhost\nPort {1}\nUser {2}\nPass secret\n"
                          "SSLType IMAPS\nSystemCertificates no\nCertificateFile {3}\n\n"
                          "IMAPStore {0}\nAccount {0}\n\n".format(
                              name, server.tls_port, pair.user, server.ca_file))
            out.write("Channel all\nFar :origin:\nNear :destination:\nPatterns *\nCreate Near\n"
                      "Expunge None\nSync Pull New Flags\n")
        got = subprocess.run([shutil.which("mbsync"), "-c", rc, "-a"], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, check=False, timeout=60,
                             env={"HOME": path, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    finally:
        scratch.remove(path)
    with pair.at_destination() as client:
        there = sum(client.counts().values())
        assert stored - 10 < there <= stored, got.stdout.decode()
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 5, first=8000)
    mm.start()
    done = pair.run()
    assert (done["copied"], done["present"], done["failed"]) == (stored + 5 - there, there, 0)
    with pair.at_destination() as client:
        assert sum(client.counts().values()) == stored + 5
    assert pair.run()["copied"] == 0
