# SPDX-License-Identifier: Apache-2.0
"""A mailbox and what another tool has made of it at the destination: some of it as it was, some
changed in the ways that tools and servers have, some not at all."""

import base64
import collections
import itertools
import os
import quopri
import random
import re

from . import corpus

Pair = collections.namedtuple("Pair", "ours theirs kind")  # messages, lists of them

# Lists for the key `match`.
ID, DATE, FROM, SUBJECT, RECEIVED, SIZE, BODY = (
    "message-id", "date", "from", "subject", "received", "size", "body")
LISTS = {
    "default": None,
    "message-id": [ID],
    "imapsync's": [ID, RECEIVED],
    "no message-id": [DATE, FROM, SUBJECT],
    "subject alone": [SUBJECT],
    "size": [ID, DATE, FROM, SUBJECT, SIZE],
    "every octet": [ID, DATE, FROM, SUBJECT, BODY],
    "body alone": [BODY],
}

_HEAD = (b"Received: from mx%d.example.org by imap.example.net with ESMTP id %d;\n"
         b"\tFri, 1 Jan 2021 %02d:%02d:%02d +0000\n"
         b"From: Sender %d <sender%d@example.org>\nTo: user@example.net\n"
         b"Subject: a subject that is long enough to be folded, number %d\n"
         b"Date: Fri, 1 Jan 2021 %02d:%02d:%02d +0000\n")


def message(number, message_id=True, more=b""):
    """With LF alone: as it lies in a Maildir. Its text has a word of its own."""
    when = (number // 3600, number // 60 % 60, number % 60)
    head = _HEAD % ((number % 5, number) + when + (number % 17, number % 17, number) + when)
    if message_id:
        head += b"Message-ID: <%d.earlier@example.org>\n" % number
    rng = random.Random(number)
    text = b"token-%06d\n" % number + corpus.lines(rng, rng.choice((100, 600, 3000)))
    return head + more + b"\n" + text.replace(b"\r\n", b"\n")


def _split(octets):
    head, _, text = octets.partition(b"\n\n")
    return head + b"\n", text


def add_field(octets):
    return b"X-Imported-By: an earlier tool\nX-UID: 4711\n" + octets


def fold(octets):
    """Other folding, other case of names, another order."""
    head, text = _split(octets)
    fields = re.findall(rb"[^\n]+\n(?:[ \t][^\n]*\n)*", head)
    fields = [re.sub(rb"\n[ \t]+", b" ", f) for f in fields[::-1]]
    fields = [f.split(b":", 1)[0].upper() + b":" + re.sub(rb", ", b",\n\t ", f.split(b":", 1)[1])
              for f in fields]
    return b"".join(fields) + b"\n" + text


def add_message_id(octets):
    """imapsync --addheader."""
    head, text = _split(octets)
    return head + b"Message-Id: <%d@imapsync>\n" % len(octets) + b"\n" + text


def encode_subject(octets):
    return re.sub(rb"Subject: (.*)\n", lambda m: b"Subject: =?utf-8?B?" + base64.b64encode(
        "Grüße".encode() + b" " + m.group(1)) + b"?=\n", octets, count=1)


def decode_subject(octets):
    return re.sub(rb"=\?utf-8\?B\?(.*)\?=", lambda m: base64.b64decode(m.group(1)), octets)


def quote_subject(octets):
    """The same in another coding, in two words."""
    def one(match):
        words = base64.b64decode(match.group(1)).split(b" ", 1)
        first, rest = (quopri.encodestring(w, header=True).replace(b"=\n", b"") for w in words)
        return b"=?UTF-8?Q?%s?=\n =?UTF-8?Q?_%s?=" % (first, rest)

    return re.sub(rb"=\?utf-8\?B\?(.*)\?=", one, octets)


def disarm(octets):
    return octets.replace(b"\nDisposition-Notification-To:", b"\nX-Disposition-Notification-To:")


def rewrite_from(octets):
    return re.sub(rb"\nFrom: (.*) <(.*)>", rb"\nFrom: \2", octets)


def strip_received(octets):
    return re.sub(rb"^Received: .*\n\t.*\n", b"", octets)


def serialise_anew(octets):
    """Exchange: the text is another one."""
    head, text = _split(octets)
    return head + b"X-MS-Has-Attach:\n\n" + text.replace(b"\n", b" \n", 1)


def same(octets):
    return octets


# kind: (weight, how the origin's message is made, what became of it, lists that recognise it)
_ALL = set(LISTS)
_HEADER = _ALL - {"size", "every octet", "body alone"}
KINDS = {
    "as it was": (100, {}, same, _ALL),
    "a field more": (10, {}, add_field, _HEADER),
    "folded anew": (10, {}, fold, _HEADER),
    "Message-ID made": (10, {"message_id": False}, add_message_id, _HEADER - {"message-id"}),
    "no Message-ID": (10, {"message_id": False}, same, _ALL),
    "no Message-ID, a field more": (5, {"message_id": False}, add_field,
                                    _HEADER - {"message-id"}),
    "subject decoded": (5, {"make": encode_subject}, decode_subject, _HEADER),
    "subject coded": (5, {"make": encode_subject}, quote_subject, _HEADER),
    "receipt disarmed": (5, {"more": b"Disposition-Notification-To: <a@b>\n"}, disarm, _HEADER),
    "From rewritten": (5, {}, rewrite_from, _HEADER - {"no message-id"}),
    "Received lost": (5, {}, strip_received, _HEADER),
    "text rewritten": (5, {}, serialise_anew, _HEADER - {"subject alone"}),
    "twins": (4, {"copies": 3, "there": 2}, same, _ALL),
    "twins, a field more": (4, {"copies": 3, "there": 2}, add_field, _HEADER),
    "missing": (20, {"there": 0}, same, set()),
}


def mailbox(n):
    """At least n messages of the origin, in order, as Pairs; of each kind some."""
    numbers = itertools.count(1)
    kinds = [k for k, v in KINDS.items() for _ in range(v[0])]
    random.Random(3).shuffle(kinds)
    kinds = list(KINDS) + kinds
    out, total = [], 0
    for kind in itertools.cycle(kinds):
        how, change = KINDS[kind][1:3]
        made = message(next(numbers), how.get("message_id", True), how.get("more", b""))
        made = how.get("make", same)(made)
        copies = how.get("copies", 1)
        out.append(Pair([made] * copies, [change(made)] * how.get("there", copies), kind))
        total += copies
        if total >= n:
            return out


def _size(octets):
    """As IMAP counts."""
    return len(octets) + octets.count(b"\n")


def known(pair, name):
    """How many a run recognises with the list of this name."""
    if name == "size" and pair.theirs and _size(pair.ours[0]) == _size(pair.theirs[0]):
        name = "default"  # some changes keep it
    return len(pair.theirs) if name in KINDS[pair.kind][3] else 0


def to_copy(pairs, name):
    return sum(len(p.ours) - known(p, name) for p in pairs)


# ---- as files ----

def write(server, user, folders, flags="S", when=1600000000):
    """Put messages (folder → list of octets with LF) into a Maildir++ that nobody has used."""
    root = server.mail_root(user)
    number = 0
    for folder, messages in folders.items():
        path = root if folder == "INBOX" else os.path.join(root, "." + folder.replace("/", "."))
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(path, sub), mode=0o700)
        for octets in messages:
            number += 1
            name = os.path.join(path, "cur", "%d.M%dP1.earlier:2,%s" % (when, number, flags))
            with open(name, "wb") as out:
                out.write(octets)
            os.utime(name, (when + number, when + number))
    server.own(os.path.dirname(root))
