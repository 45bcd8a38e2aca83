# SPDX-License-Identifier: Apache-2.0
"""Mailboxes for tests. The same call makes the same mailbox, octet for octet."""

import base64
import collections
import os
import random
import shutil

from .imapclient import Client, ServerSaysNo

Mail = collections.namedtuple("Mail", "folder octets flags date")

# Names in several languages, nested, with everything a quoting mistake trips over.
FOLDERS = (
    "Gesendete Objekte", "Entwürfe", "Отправленные", "Корзина", "已发送", "受信トレイ/アーカイブ",
    "Éléments envoyés", "Cafe\u0301", "Café", "البريد الصادر", "Archive/2019/Q1", "Archive/2019/Q2",
    "Archive/Ünïcödé/深い/Ende", "R&D", "Tom & Jerry/A&-B", "say \"hello\"", "back\\slash",
    "it's (not) {5} [x] 100%", "star*star", "trailing space ", " leading space", "Work", "work",
    "Mail 📬", "a/b/c/d/e/f/g/h", "Nicht wählbar/Kind", "Leer", "x" * 60, "Sent", "Junk", "Big",
    "Doubles", "Odd", "Dates", "Flags",
)
UNSUBSCRIBED = {"Junk", "Work", "star*star", "Archive/2019/Q2"}

FLAGS = (
    (), ("\\Seen",), ("\\Seen", "\\Answered"), ("\\Flagged",), ("\\Seen", "$Forwarded"),
    ("\\Draft",), ("\\Seen", "NonJunk"), ("$MDNSent", "\\Seen"), ("$label1", "\\Seen"), ("MixedCaseWord",),
    ("\\Seen", "\\Answered", "\\Flagged", "$Forwarded", "custom-tag_1.2"), ("Junk",),
)

# Dovecot 2.3 itself turns dates before 1970 into 2101 (from its cache) and dates to come into now.
DATES = (
    "01-Jan-1970 00:00:01 +0000", "05-Feb-1983 06:07:08 -0330", "31-Dec-1999 23:59:59 +1400",
    "01-Jan-2000 00:00:00 -1200", "29-Feb-2004 12:00:00 +0530", "09-Sep-2001 01:46:40 +0000",
    "28-Oct-2018 02:30:00 +0200", "28-Oct-2018 02:30:00 +0100", " 3-Mar-2021 09:08:07 +0000",
    "31-Dec-2016 23:59:59 -0900",
)

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def _date(rng):
    return "%02d-%s-%04d %02d:%02d:%02d %s" % (
        rng.randint(1, 28), rng.choice(MONTHS), rng.randint(1996, 2025), rng.randint(0, 23),
        rng.randint(0, 59), rng.randint(0, 59),
        rng.choice(["+0000", "+0100", "-0500", "+0530", "+0900"]))


def lines(rng, size):
    """Text of about `size` octets in lines with CRLF."""
    raw = base64.b64encode(rng.randbytes(max(size, 78) * 57 // 78))
    return b"\r\n".join(raw[i:i + 76] for i in range(0, len(raw), 76)) + b"\r\n"


def plain(number, rng, size=600, extra=b"", message_id=True):
    """An ordinary message."""
    head = [b"From: Sender %d <sender%d@example.org>" % (number, number % 17),
            b"To: someone@example.net",
            b"Subject: message number %d" % number,
            b"Date: Mon, 1 Jan 2018 10:%02d:%02d +0000" % (number // 60 % 60, number % 60)]
    if message_id:
        head.append(b"Message-ID: <%d.%08x@example.org>" % (number, rng.getrandbits(32)))
    return b"\r\n".join(head) + b"\r\n" + extra + b"\r\n" + lines(rng, size)


def odd(rng):
    """Mail that real mailboxes hold and standards forbid."""
    header = b"From: a@b\r\nSubject: odd\r\nMessage-ID: <odd.%d@x>\r\n"
    return [
        b"no header at all, and no line end",
        b"\r\nonly a body\r\n",
        b"Subject: only a header\r\n",
        b"Subject: header and blank line\r\n\r\n",
        b"Subject: no line end",
        b"\r\n",
        b"x",
        b"From nobody Mon Jan  1 00:00:00 2001\r\nSubject: mbox separator inside\r\n\r\nbody\r\n",
        header % 1 + b"\r\nbare LF\nin the\nbody\r\n",
        b"Subject: bare LF\nX-Header: too\n\nall of it\n",
        header % 2 + b"\r\nbare CR\rhere\r\n",
        header % 3 + b"\r\n" + b"long" * 5000 + b"\r\n",
        header % 4 + b"X-Long: " + b"y" * 12000 + b"\r\n\r\nlong header\r\n",
        b"Subject: \xe9\xe8 latin1 \xff\xfe\r\nFrom: J\xf6rg <j@x>\r\n\r\n"
        b"8 bit \x80\x81\xfe\xff body\r\n",
        "Subject: ünïcödé 深い ✉\r\nFrom: Jörg <j@x>\r\n\r\nUTF-8 body: привет\r\n".encode(),
        header % 5 + b"\r\n.\r\n..\r\n) A1 OK done\r\n{100}\r\n* BYE\r\n",
        header % 6 + b"Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\r\nnever ended",
        header % 7 + b"Content-Type: message/rfc822\r\n\r\n" + header % 8 + b"\r\ninner\r\n",
        b"Message-ID: \r\nSubject: empty id\r\n\r\nbody\r\n",
        b"Message-ID:\r\n <folded@x>\r\nSubject: folded\r\n id\r\n\r\nbody\r\n",
        b"Message-ID: <a b c\"\\@x>\r\nSubject: \"quotes\\\" in id\r\n\r\nbody\r\n",
        b"Date: never\r\nSubject: \r\n\r\n",
        header % 9 + b"\r\n" + bytes(range(1, 256)) + b"\r\n",
        header % 10 + b"\r\ntrailing blanks   \r\n\t\r\n \r\n\r\n\r\n",
        b": nothing before the colon\r\n\r\nx\r\n",
        header % 11 + b"X-Many: 1\r\n" * 900 + b"\r\nmany headers\r\n",
        b"",
    ]


def all_kinds(big=30 * 1024 * 1024, ordinary=8):
    """The mailbox of the demo: a few hundred messages of every kind, as Mail."""
    rng = random.Random(20240501)
    out = []
    number = 0

    def add(folder, octets, flags=(), date=None):
        out.append(Mail(folder, octets, flags, date or _date(rng)))

    for folder in ("INBOX",) + FOLDERS[:29]:
        if folder == "Leer":
            continue
        for _ in range(ordinary * 4 if folder == "INBOX" else ordinary):
            number += 1
            add(folder, plain(number, rng, rng.choice([200, 900, 4000, 30000])), rng.choice(FLAGS))
    for octets in odd(rng):
        add("Odd", octets)
    for i, date in enumerate(DATES):
        add("Dates", plain(9000 + i, rng), (), date)
    for i, flags in enumerate(FLAGS):
        add("Flags", plain(9100 + i, rng), flags)
    twin = plain(9200, rng)
    for flags in ((), ("\\Seen",), ()):  # three equal ones, of one moment
        add("Doubles", twin, flags, "02-Feb-2012 12:12:12 +0000")
    without_id = plain(9201, rng, message_id=False)
    add("Doubles", without_id)
    add("Doubles", without_id)
    add("Doubles", plain(9202, rng, message_id=False))
    same_id = b"Message-ID: <twice@example.org>\r\n"
    for i in range(4):  # four different ones under one Message-ID
        add("Doubles", plain(9203 + i, rng, extra=same_id, message_id=False))
    if big:
        add("Big", plain(9300, rng, big), ("\\Seen",))
    add("Big", plain(9301, rng, 1024 * 1024))
    return out


def fill(client, mails, folders=FOLDERS, unsubscribed=UNSUBSCRIBED):
    """Put them there through IMAP. What the server refuses is left out. Returns
    (messages stored, list of what was refused)."""
    refused = []
    made = {"INBOX"}
    for folder in folders:
        try:
            client.create(folder, subscribe=folder not in unsubscribed)
            made.add(folder)
        except ServerSaysNo as e:
            if "ALREADYEXISTS" in str(e):
                made.add(folder)
            else:
                refused.append("folder %s: %s" % (folder, e))
    stored = 0
    for mail in mails:
        if mail.folder not in made:
            refused.append("message for %s" % mail.folder)
            continue
        try:
            client.append(mail.folder, mail.octets, mail.flags, mail.date)
            stored += 1
        except ServerSaysNo as e:
            refused.append("message of %d octets in %s: %s" % (len(mail.octets), mail.folder, e))
    return stored, refused


def fill_all_kinds(server, user, big=30 * 1024 * 1024, ordinary=8):
    with Client(server, user) as client:
        return fill(client, all_kinds(big, ordinary))


def simple(client, folder, n, first=0, size=600, flags=()):
    """n ordinary messages, numbered from `first`."""
    rng = random.Random(first * 1000003 + n)
    if folder != "INBOX" and folder not in client.folders():
        client.create(folder, subscribe=True)
    for i in range(n):
        client.append(folder, plain(first + i, rng, size), flags, _date(rng))


def clone(server, user, new_user, password="secret"):
    """A second user with the same mail, UIDs and all."""
    server.add_user(new_user, password)
    source = os.path.dirname(server.mail_root(user))
    target = os.path.dirname(server.mail_root(new_user))
    shutil.copytree(source, target, symlinks=True)
    server.own(target)


# ---- the mailbox of the benchmark ----

BENCH_FOLDERS = ("INBOX", "Sent", "Drafts", "Junk", "Archive", "Archive/2021", "Archive/2022",
                 "Lists", "Lists/dev", "Projects", "Rechnungen", "Reisen")
BENCH_SHARES = (25, 15, 1, 4, 10, 10, 10, 5, 10, 5, 3, 2)
BENCH_MEDIAN = 8 * 1024
BENCH_SIGMA = 1.794          # mean = 5 x median
BENCH_MEAN_OCTETS = 45000    # 900 MB for 20,000
BENCH_MAX = 10 * 1024 * 1024


def bench_sizes(n, seed=7):
    """n sizes (octets with CRLF), log-normal, with the mean brought to BENCH_MEAN_OCTETS by its
    upper half alone, so that the median stays."""
    rng = random.Random(seed)
    sizes = sorted(min(BENCH_MAX, max(700, int(BENCH_MEDIAN * rng.lognormvariate(0, BENCH_SIGMA))))
                   for _ in range(n))
    low, high = sizes[:n // 2], sizes[n // 2:]
    for _ in range(20):
        wanted = BENCH_MEAN_OCTETS * n - sum(low)
        factor = wanted / sum(high)
        high = [min(BENCH_MAX, max(BENCH_MEDIAN, int(s * factor))) for s in high]
    sizes = low + high
    rng.shuffle(sizes)
    return sizes


def _bench_folders(n):
    """Folder of each message: shares as given, in runs."""
    total = sum(BENCH_SHARES)
    counts = [n * share // total for share in BENCH_SHARES]
    counts[0] += n - sum(counts)
    return list(zip(BENCH_FOLDERS, counts))


def bench_maildir(server, user, n=20000, seed=7):
    """Write the benchmark's mailbox straight into the (never used) Maildir++ of `user`. File
    names carry sizes (,S= and ,W=), so that the server need not read them. Returns (messages,
    octets as IMAP counts them)."""
    root = server.mail_root(user)
    if server.mail_format != "maildir" or server.layout or os.path.exists(root):
        raise ValueError("needs a Maildir++ nobody has used yet")
    rng = random.Random(seed)
    filler = base64.b64encode(rng.randbytes((BENCH_MAX + 65536) * 57 // 76))
    filler = b"\n".join(filler[i:i + 76] for i in range(0, len(filler), 76)) + b"\n"
    sizes = iter(bench_sizes(n, seed))
    number = octets = 0
    for folder, count in _bench_folders(n):
        path = root if folder == "INBOX" else os.path.join(root, "." + folder.replace("/", "."))
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(path, sub), mode=0o700)
        for _ in range(count):
            number += 1
            octets += _bench_write(os.path.join(path, "cur"), number, next(sizes), rng, filler)
    with open(os.path.join(root, "subscriptions"), "w", encoding="ascii") as out:
        out.write("".join(f.replace("/", ".") + "\n" for f in BENCH_FOLDERS))
    server.own(os.path.dirname(root))
    return number, octets


def _bench_write(directory, number, size, rng, filler):
    """One message of about `size` octets; returns its size with CRLF."""
    when = 1262304000 + number * 17389 % 500000000
    head = (b"Return-Path: <sender%d@example.org>\n"
            b"Received: from mx%d.example.org by imap.example.net; Fri, 1 Jan 2021 00:00:00 +0000\n"
            b"From: Sender <sender%d@example.org>\nTo: user@example.net\n"
            b"Subject: benchmark message %d\nDate: Fri, 1 Jan 2021 00:00:00 +0000\n"
            b"Message-ID: <%d.bench@example.org>\nMIME-Version: 1.0\n"
            b"Content-Type: text/plain; charset=us-ascii\n\n"
            % (number % 97, number % 5, number % 97, number, number))
    n_lines = max(1, (size - len(head) - 10) // 78)
    at = rng.randrange(512) * 77
    body = filler[at:at + n_lines * 77]
    physical = len(head) + len(body)
    virtual = physical + 10 + n_lines
    flags = ("S", "S", "S", "RS", "S", "FS", "S", "S", "", "S")[number % 10]
    name = "%d.M%dP1.bench,S=%d,W=%d:2,%s" % (when, number, physical, virtual, flags)
    path = os.path.join(directory, name)
    with open(path, "wb") as out:
        out.write(head)
        out.write(body)
    os.utime(path, (when, when))
    return virtual


def change(client, folders):
    """More mail and other flags: what a later run has to do."""
    rng = random.Random(2)
    for folder in folders:
        client.append(folder, plain(40, rng), (), "01-Jan-2018 10:00:00 +0000")
        client.append(folder, plain(41, rng, message_id=False), ("\\Seen",),
                      "01-Jan-2018 10:00:00 +0000")
        for message in client.messages(folder)[:2]:
            client.store(folder, message.uid, "+FLAGS", "\\Answered", "later")
