# SPDX-License-Identifier: Apache-2.0
"""tests/dialogues/*.dlg: a server's quirk each. The run against such a server ends with the right
exit code and clear lines, never crashes or hangs; then a run against the healthy server finishes
the job, and nothing is lost or doubled.

A dialogue begins with the case, a line each:

    side origin|destination      which server is bad (default: destination)
    tls none|implicit|starttls   how it is reached (default: none)
    there FOLDER N               the first N messages of the folder (-N: the last ones) are at the
                                 destination already, without flags
    large N                      a message of N MiB more in INBOX at the origin
    long                         only where long tests are wanted (MAILMIG_LONG)
    attempts N                   in a row, before a run is given up (default: 2)
    global KEY VALUE             of the configuration; account KEY VALUE of the account; server
                                 KEY VALUE of the bad server's entry
    rule KEY VALUE               of the account's `messages`, in the runs against the bad server
    mark FOLDER FLAG…            flags that only the destination has, on all that is there already
    extra                        the destination may hold more than the origin, in the end
    lost-flags                   and other flags
    changed N                    so many messages are other ones there
    by-hand                      before the last run somebody copies by hand what is still missing
    new-only                     not where there is other mail at the destination already

Then `run` begins each run against the bad server: its rules (harness/quirky.py) and

    expect exit N                and copied, present, skipped, failed, flags_updated N
    expect errors N              how many lines of trouble
    expect error TEXT            one of them holds it
    expect note TEXT             a log event holds it
    expect heard N REGEX         so many commands match
    expect seconds N             it took at least so long
    expect result WORD           as status shows it
    expect until LOW HIGH        it says that it goes on so many seconds after its end
    forget                       before the run: the state is lost
    keep N                       before the run: all but N messages of each folder are lost at the
                                 destination
    change                       before the run: more mail and other flags at the origin

and `finish` what the healthy run after them must bring (exit 0 and all of the above).

At the origin there are 5 messages in INBOX (numbers 1 to 5), 3 in Archive (11 to 13) and 4 in
Twins: two equal ones (21), and two equal ones without Message-ID (22)."""

import collections
import datetime
import os
import pathlib
import random
import re
import shlex
import ssl
import subprocess
import time

import pytest

from harness import corpus, scratch
from harness.imapclient import Client, compare, fingerprint
from harness.mailmig import build_dir
from harness.quirky import Quirky, Script

DIALOGUES = pathlib.Path(__file__).resolve().parents[1] / "dialogues"
TIMEOUT = 50
# Whatever a server says. AddressSanitizer has a shadow and a quarantine of its own.
PEAK_MAX = (1024 if "asan" in str(build_dir()) else 64) * 1024 * 1024
FOREIGN = b"Subject: was here before\r\nMessage-ID: <foreign@example.net>\r\n\r\nx\r\n"
DATE = "01-Jan-2018 10:00:00 +0000"
COUNTERS = ("copied", "present", "skipped", "failed", "flags_updated")


def mailbox():
    """Folder → [(octets, flags)] of the origin."""
    rng = random.Random(5)
    out = {"INBOX": [(corpus.plain(n, rng), ("\\Seen",) if n % 2 else ())
                     for n in range(1, 6)],
           "Archive": [(corpus.plain(n, rng), ("\\Flagged", "kept")) for n in range(11, 14)]}
    twin, nameless = corpus.plain(21, rng), corpus.plain(22, rng, message_id=False)
    out["Twins"] = [(twin, ()), (twin, ()), (nameless, ()), (nameless, ())]
    return out


class Step:
    """One run: what the server does, and what has to come of it."""

    def __init__(self):
        self.script_lines = []
        self.expected = {}
        self.errors = []
        self.notes = []
        self.heard = []
        self.change = self.forget = False
        self.seconds = 0
        self.result = self.until = None
        self.change, self.keep = False, None

    def add(self, line):
        word, _, rest = line.partition(" ")
        if word == "change":
            self.change = True
        elif word == "forget":
            self.forget = True
        elif word == "keep":
            self.keep = int(rest)
        elif word != "expect":
            self.script_lines.append(line)
        elif rest.startswith("error "):
            self.errors.append(rest[6:])
        elif rest.startswith("note "):
            self.notes.append(rest[5:])
        elif rest.startswith("heard "):
            n, _, regex = rest[6:].partition(" ")
            self.heard.append((int(n), re.compile(regex, re.I | re.S)))
        elif rest.startswith("seconds "):
            self.seconds = float(rest[8:])
        elif rest.startswith("result "):
            self.result = rest[7:]
        elif rest.startswith("until "):
            self.until = [int(n) for n in rest[6:].split()]
        else:
            what, n = rest.split()
            assert what in COUNTERS + ("exit", "errors"), line
            self.expected[what] = int(n)


class Dialogue:
    def __init__(self, path):
        self.keys = {"side": "destination", "tls": "none"}
        self.there, self.options, self.steps = [], [], []
        self.marks = []
        self.changed = 0
        self.attempts, self.large = 2, 0
        self.words = set()
        self.finish = Step()
        step = None
        for line in path.read_text(encoding="utf-8").splitlines():
            line = line.strip()
            word, _, rest = line.partition(" ")
            if not line or line.startswith("#"):
                continue
            if word == "run":
                step = Step()
                self.steps.append(step)
            elif word == "finish":
                step = self.finish
            elif step:
                step.add(line)
            elif word in self.keys:
                self.keys[word] = rest
            elif word == "there":
                folder, n = rest.split()
                self.there.append((folder, int(n)))
            elif word == "mark":
                folder, *flags = rest.split()
                self.marks.append((folder, flags))
            elif word == "changed":
                self.changed = int(rest)
            elif word == "attempts":
                self.attempts = int(rest)
            elif word == "large":
                self.large = int(rest)
            elif word in ("extra", "lost-flags", "by-hand", "new-only", "long"):
                self.words.add(word)
            else:
                self.options.append((word, *shlex.split(rest)))
        assert self.steps, "no run"


class Case:
    """Both servers with their mail, and the configuration."""

    def __init__(self, dialogue, mm, origin, destination, user, ca, occupied=False):
        self.dialogue, self.mm, self.user, self.ca = dialogue, mm, user, ca
        self.servers = {"origin": origin, "destination": destination}
        for server in self.servers.values():
            server.add_user(user)
        with self.at("origin") as ours, self.at("destination") as theirs:
            for folder, messages in mailbox().items():
                fill(ours, folder, messages)
            if dialogue.large:
                fill(ours, "INBOX", [(corpus.plain(41, random.Random(7)) +
                                      (b"x" * 70 + b"\r\n") * 14563 * dialogue.large, ())])
            if occupied:
                for folder in mailbox():
                    fill(theirs, folder, [(FOREIGN, ())])
            for folder, n in dialogue.there:
                there = mailbox()[folder][:n] if n > 0 else mailbox()[folder][n:]
                fill(theirs, folder, [(octets, ()) for octets, _ in there])
            for folder, flags in dialogue.marks:
                for message in theirs.messages(folder):
                    theirs.store(folder, message.uid, "+FLAGS", *flags)
        mm.globals["retry"] = {"attempts": dialogue.attempts, "max_delay": "1s"}
        self.account = {"limits": {"connections": 1}}
        self.rules = {key: value for where, key, value in dialogue.options if where == "rule"}
        for where, key, value in dialogue.options:
            if where == "global":
                mm.globals[key] = value
            elif where == "account":
                self.account["limits"][key] = int(value)

    def at(self, side):
        return Client(self.servers[side], self.user)

    def configure(self, bad=None):
        """`bad` (or nobody) stands before the side of the dialogue."""
        mm = self.mm
        mm.servers, mm.accounts = [], []
        ends = []
        for side, server in self.servers.items():
            keys, tls = {"timeout": "20s"}, "none"
            if bad and side == self.dialogue.keys["side"]:
                server, tls = bad, self.dialogue.keys["tls"]
                keys.update({k: v for w, k, v in self.dialogue.options if w == "server"})
            mm.add_server(side, server, tls, **keys)
            ends.append(mm.endpoint(side, self.user))
        rules = {"messages": self.rules} if bad and self.rules else {}
        mm.add_account(self.user, *ends, **self.account, **rules)
        mm.write_config()

    def run(self, step, bad=None):
        self.configure(bad)
        if step.change:
            self.change()
        if step.forget:
            for path in pathlib.Path(self.mm.state, "accounts").iterdir():
                path.unlink()
        began = time.monotonic()
        if step.keep is not None:
            self.lose(step.keep)
        code, events, done = self.mm.run_json(self.user, args=("--local",), timeout=TIMEOUT)
        assert self.peak() < PEAK_MAX
        got = {"exit": code, "errors": len(done["errors"]),
               **{c: done[c] for c in COUNTERS}}
        shown = "%s\n%s" % (got, "\n".join(str(e) for e in done["errors"] + events[-3:-1]))
        for error in done["errors"]:
            assert error["text"] and error["advice"], shown
            assert not re.search(r"[\x00-\x1f\x7f]", error["text"] + error["advice"]), shown
        assert {k: got[k] for k in step.expected} == step.expected, shown
        assert time.monotonic() - began >= step.seconds, shown
        assert step.result in (None, done["result"]), shown
        if step.until:
            ahead = seconds_until(done["errors"][-1]["until"])
            assert step.until[0] <= ahead <= step.until[1], shown
        for text in step.errors:
            assert any(text in e["text"] for e in done["errors"]), "%s: %s" % (text, shown)
        logged = [e["text"] for e in events if e["event"] == "log"]
        for text in step.notes:
            assert any(text in line for line in logged), "%s: %s" % (text, logged)
        if bad:
            for n, regex in step.heard:
                found = [h for h in bad.heard if regex.search(h)]
                assert len(found) == n, "%d x %s\n%s" % (len(found), regex.pattern,
                                                         "\n".join(h[:150] for h in bad.heard))
        assert done["result"] == "cancelled" or code != 0 or \
            done["copied"] + done["present"] + done["skipped"] + done["failed"] == self.total(), shown

    def peak(self):
        """Octets of memory that the largest process of the last run had at its height."""
        with open(self.mm.wrapper[1], encoding="ascii") as f:
            return int(f.read()) * 1024

    def total(self):
        with self.at("origin") as client:
            return sum(client.counts().values())

    def change(self):
        rng = random.Random(6)
        with self.at("origin") as client:
            for folder in mailbox():
                uid = client.messages(folder)[0].uid
                client.store(folder, uid, "+FLAGS", "\\Answered", "later")
                client.append(folder, corpus.plain(31, rng), (), DATE)

    def lose(self, kept):
        with self.at("destination") as client:
            for folder in mailbox():
                for message in client.messages(folder)[kept:]:
                    client.expunge(folder, message.uid)

    def assert_not_doubled(self):
        """No message is more often there than it was at the origin."""
        with self.at("origin") as ours, self.at("destination") as theirs:
            a, b = ours.everything(), theirs.everything()
        for folder, messages in b.items():
            n = collections.Counter(m.sha256 for m in messages)
            n.subtract(m.sha256 for m in a.get(folder, ()))
            n.subtract([fingerprint(FOREIGN)])
            assert "extra" in self.dialogue.words or self.dialogue.changed or \
                max(n.values(), default=0) <= 0, \
                "doubled in %s: %s" % (folder, n)

    def assert_equal(self):
        with self.at("origin") as ours, self.at("destination") as theirs:
            found = compare(ours, theirs, order=False, extra="extra" in self.dialogue.words,
                            flags="lost-flags" not in self.dialogue.words and
                            not self.dialogue.marks)
            for folder, flags in self.dialogue.marks:
                found += ["%s: lost its own flags: %s" % (folder, m)
                          for m in theirs.messages(folder) if not set(flags) <= set(m.flags)]
        found = [f for f in found if "unexpected 1 x " + fingerprint(FOREIGN)[:12] not in f]
        assert len(found) == 2 * self.dialogue.changed, "\n".join(found)

    def by_hand(self):
        """Copy what is missing, as a person would."""
        with self.at("origin") as ours, self.at("destination") as theirs:
            for folder, messages in mailbox().items():
                there = collections.Counter(m.sha256 for m in theirs.messages(folder))
                for (octets, flags), m in zip(messages, ours.messages(folder)):
                    if there[m.sha256] > 0:
                        there[m.sha256] -= 1
                    else:
                        theirs.append(folder, octets, flags, DATE)


def seconds_until(rfc3339):
    until = datetime.datetime.strptime(rfc3339, "%Y-%m-%dT%H:%M:%SZ")
    return (until - datetime.datetime.utcnow()).total_seconds()


def fill(client, folder, messages):
    if folder != "INBOX" and folder not in client.folders():
        client.create(folder, subscribe=True)
    for octets, flags in messages:
        client.append(folder, octets, flags, DATE)


def context(ca):
    certificate = os.path.join(ca.dir, "valid.pem")
    key = os.path.join(ca.dir, "valid.key")
    if not os.path.exists(certificate):
        certificate, key = ca.valid()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made


@pytest.fixture(scope="module")
def peak():
    """peak.c, built."""
    path = scratch.directory()
    program = os.path.join(path, "peak")
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-D_GNU_SOURCE", "-o", program,
                    str(DIALOGUES.parent / "harness" / "peak.c")], check=True)
    yield program
    scratch.remove(path)


# Where there is mail already, a first run goes another way.
@pytest.mark.parametrize("occupied", [False, True], ids=["new", "occupied"])
@pytest.mark.parametrize("path", sorted(DIALOGUES.glob("*.dlg")), ids=lambda p: p.stem)
def test_dialogue(path, occupied, mm, origin, destination, user, ca, peak):
    mm.wrapper = [peak, os.path.join(mm.dir, "peak")]
    dialogue = Dialogue(path)
    if occupied and "new-only" in dialogue.words:
        pytest.skip("for an empty destination only")
    if "long" in dialogue.words and not os.environ.get("MAILMIG_LONG"):
        pytest.skip("long")
    case = Case(dialogue, mm, origin, destination, user, ca, occupied)
    server = case.servers[dialogue.keys["side"]]
    tls = dialogue.keys["tls"]
    for step in dialogue.steps:
        with Quirky(server, Script(step.script_lines), tls=context(ca) if tls != "none" else None,
                    implicit=tls == "implicit", ca_file=ca.file) as bad:
            case.run(step, bad)
            assert tls == "none" or not any("secret" in text for text in bad.in_clear)
        case.assert_not_doubled()
    if "by-hand" in dialogue.words:
        case.by_hand()
    dialogue.finish.expected.setdefault("exit", 0)
    case.run(dialogue.finish)
    case.assert_equal()
    # And now there is nothing to do.
    nothing = Step()
    nothing.expected = {"exit": 0, "copied": 0, "failed": 0, "flags_updated": 0}
    case.run(nothing)
    case.assert_equal()
