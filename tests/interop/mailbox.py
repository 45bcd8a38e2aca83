# SPDX-License-Identifier: Apache-2.0
"""A small mailbox with all that real ones hold, and what happens to it later.

Folder names are as `eye.Eye` has them."""

import random

from harness import corpus
from harness.corpus import Mail
from harness.imapclient import ServerSaysNo

# Those that a server has a role for, in words of several scripts, nested, empty, and with the
# separator of other servers in them.
FOLDERS = ("Sent", "Drafts", "Trash", "Junk", "Entwürfe", "Archiv/2019/Ältere", "слон/Кит", "R&D",
           "Leer", "v1.2", "and%2For", "Odd", "Twins", "Big")
UNSUBSCRIBED = {"Junk", "R&D"}
LATER = "später/neu"

FLAGS = (("\\Seen",), (), ("\\Seen", "\\Answered"), ("\\Flagged",), ("\\Draft",),
         ("\\Seen", "$Forwarded"), ("NonJunk", "\\Seen"), ("custom-tag_1.2", "\\Flagged"))
DATES = ("01-Jan-2000 00:00:00 -1200", "29-Feb-2004 12:00:00 +0530", "09-Sep-2001 01:46:40 +0000",
         "28-Oct-2018 02:30:00 +0200", "28-Oct-2018 02:30:00 +0100", " 3-Mar-2021 09:08:07 +0000",
         "31-Dec-2016 23:59:59 -0900", "05-Feb-1983 06:07:08 -0330")
DATE = "17-Apr-2015 18:19:20 +0200"
BIG = 3 * 1024 * 1024


def _odd():
    head = b"From: a@b\r\nTo: c@d\r\nSubject: odd\r\nDate: Mon, 1 Jan 2018 10:00:00 +0000\r\n"
    with_id = head + b"Message-ID: <odd.%d@example.org>\r\n"
    return (
        "Subject: ünïcödé ✉\r\nFrom: Jörg <j@x>\r\n\r\nUTF-8: привет\r\n".encode(),
        b"Subject: \xe9\xe8 latin1\r\nFrom: J\xf6rg <j@x>\r\n\r\n8 bit \x80\xff\r\n",
        with_id % 1 + b"Content-Transfer-Encoding: 8bit\r\n\r\n\x80\x81 8-bit \xfe\xff body\r\n",
        with_id % 2 + b"\r\n" + b"long" * 5000 + b"\r\n",
        with_id % 3 + b"X-Long: " + b"y" * 4000 + b"\r\n\r\nlong header\r\n",
        with_id % 4 + b"\r\n" + bytes(b for b in range(1, 256) if b not in b"\r\n") + b"\r\n",
        with_id % 5 + b"\r\nbare LF\nin the\nbody\r\n",
        with_id % 6 + b"\r\nno line end",
        with_id % 7 + b"\r\n",
        with_id % 8 + b"\r\n.\r\n..\r\n) A1 OK done\r\n{100}\r\n* BYE\r\nFrom here\r\n",
        with_id % 9 + b"Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\r\nnever ended",
        head + b"\r\nno Message-ID\r\n",
        b"no header at all, and no line end",
        b"Subject: no line end",
        b"Message-ID: <folded\r\n @x>\r\nSubject: folded\r\n lines\r\n\r\nbody\r\n",
    )


def mails():
    rng = random.Random(5)
    out = [Mail("INBOX", corpus.plain(i, rng), flags, date)
           for i, (flags, date) in enumerate(zip(FLAGS, DATES))]
    for i, folder in enumerate(("Sent", "Drafts", "Archiv/2019/Ältere", "слон/Кит", "v1.2",
                                "and%2For", "R&D", "Junk")):
        out += [Mail(folder, corpus.plain(20 + 2 * i + n, rng, 4000), FLAGS[n], DATES[n])
                for n in range(2)]
    out += [Mail("Odd", octets, ("\\Seen",), DATE) for octets in _odd()]
    twin, nameless = corpus.plain(50, rng), corpus.plain(51, rng, message_id=False)
    out += [Mail("Twins", octets, flags, DATE) for octets in (twin, nameless)
            for flags in ((), ("\\Seen",))]
    out.append(Mail("Big", corpus.plain(60, rng, BIG), ("\\Seen",), DATE))
    return out


def fill(eye):
    """Put it there. What this server does not take (a name, a message, a keyword) it does not
    hold: it is asked afterwards what it does."""
    made = {"INBOX"}
    for folder in FOLDERS:
        try:
            eye.create(folder, subscribe=folder not in UNSUBSCRIBED)
        except ServerSaysNo:
            if folder not in eye.folders():
                continue
        made.add(folder)
    for mail in mails():
        if mail.folder in made:
            put(eye, *mail)


def put(eye, folder, octets, flags, date):
    """False: refused."""
    kept = [f for f in flags if f.startswith("\\") or eye.server_takes(f)]
    try:
        eye.append(folder, octets, kept, date)
    except ServerSaysNo:
        return False
    return True


def change(eye):
    """More mail, other flags, a deletion, a new folder. Returns how many messages came."""
    rng = random.Random(6)
    came = put(eye, "INBOX", corpus.plain(70, rng), ("\\Seen",), DATE)
    came += put(eye, "Twins", corpus.plain(71, rng, message_id=False), (), DATE)
    eye.create(LATER, subscribe=True)
    came += put(eye, LATER, corpus.plain(72, rng), ("\\Answered",), DATE)
    first, second, third = eye.messages("INBOX")[:3]
    eye.store("INBOX", first.uid, "-FLAGS", "\\Seen")
    eye.store("INBOX", second.uid, "+FLAGS", "\\Flagged")
    if eye.server_takes("later"):
        eye.store("INBOX", second.uid, "+FLAGS", "later")
    eye.delete("INBOX", third.uid)
    return came
