# SPDX-License-Identifier: Apache-2.0
"""Asks a mail server what it holds. Thin over imaplib; nothing of the programs under test."""

import base64
import calendar
import collections
import datetime
import hashlib
import imaplib
import re
import socket
import ssl

imaplib._MAXLINE = 16 * 1024 * 1024  # pylint: disable=protected-access

BATCH = 100  # messages in one FETCH

Message = collections.namedtuple("Message", "uid sha256 size flags date message_id")


def encode_name(name):
    """Modified UTF-7 (RFC 3501, 5.1.3)."""
    out, run = [], []

    def flush():
        if run:
            text = base64.b64encode("".join(run).encode("utf-16-be")).decode().rstrip("=")
            out.append("&" + text.replace("/", ",") + "-")
            run.clear()

    for char in name:
        if " " <= char <= "~":
            flush()
            out.append("&-" if char == "&" else char)
        else:
            run.append(char)
    flush()
    return "".join(out)


def decode_name(raw):
    """The other way; raises ValueError for what is not modified UTF-7."""
    def one(match):
        text = match.group(1)
        if not text:
            return "&"
        text = text.replace(",", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-16-be")

    return re.sub(r"&([A-Za-z0-9+,]*)-", one, raw)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _instant(text):
    """Seconds since 1970 of an INTERNALDATE, whatever zone it is written in."""
    m = re.fullmatch(r" ?(\d+)-(\w{3})-(\d+) (\d+):(\d+):(\d+) ([+-])(\d\d)(\d\d)", text)
    day, month, year, hour, minute, second = m.group(1, 2, 3, 4, 5, 6)
    month = list(calendar.month_abbr).index(month)
    when = datetime.datetime(int(year), month, int(day), int(hour), int(minute), int(second))
    zone = (int(m.group(8)) * 60 + int(m.group(9))) * (1 if m.group(7) == "+" else -1)
    return int((when - datetime.datetime(1970, 1, 1)).total_seconds()) - zone * 60


def fingerprint(octets):
    return hashlib.sha256(octets).hexdigest()


class ServerSaysNo(Exception):
    pass


class Client:
    """One connection, logged in. Folder names are canonical: UTF-8, "/" between levels, without
    the prefix of the personal namespace."""

    def __init__(self, server, user, password=None, tls=False):
        if password is None:
            password = server.users[user]
        if isinstance(password, str):
            password = password.encode()
        if tls:
            context = ssl.create_default_context(cafile=server.ca_file)
            self.imap = imaplib.IMAP4_SSL(server.host, server.tls_port, ssl_context=context)
        else:
            self.imap = imaplib.IMAP4("127.0.0.1", server.port)
        self.imap.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if "AUTH=PLAIN" in self.imap.capabilities:
                self.imap.authenticate("PLAIN", lambda _: b"\0" + user.encode() + b"\0" + password)
            else:
                self.imap.login(user, password.decode())
            self.prefix, self.separator = self._namespace()
        except BaseException:
            self.imap.shutdown()
            raise

    def close(self):
        try:
            self.imap.logout()
        except (imaplib.IMAP4.error, OSError):
            self.imap.shutdown()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    # ---- commands ----

    def command(self, name, *args, literal=None, responses=None):
        """Send one command; untagged data of `responses` (default: name). No LF is touched."""
        if literal is not None:
            self.imap.literal = literal
        kind, data = self.imap._simple_command(name, *args)  # pylint: disable=protected-access
        if kind != "OK":
            raise ServerSaysNo("%s %s: %s" % (name, args, data))
        got = self.imap.untagged_responses.pop(responses or name, [])
        return [x for x in got if x is not None]

    def _namespace(self):
        data = self.command("NAMESPACE")
        m = re.match(rb'\(\("((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"', data[0])
        unescape = re.compile(r"\\(.)").sub
        return (decode_name(unescape(r"\1", m.group(1).decode())), unescape(r"\1", m.group(2).decode()))

    def raw_name(self, folder):
        """As the server writes it."""
        if folder.upper() == "INBOX":
            return "INBOX"
        return encode_name(self.prefix + folder.replace("/", self.separator))

    def canonical(self, raw):
        name = decode_name(raw)
        if name.upper() == "INBOX":
            return "INBOX"
        if self.prefix and (name + self.separator).startswith(self.prefix):
            name = name[len(self.prefix):]
        return name.replace(self.separator, "/")

    # ---- questions ----

    def _list(self, verb):
        found = {}
        for item in self.command(verb, '""', '"*"'):
            line, literal = item if isinstance(item, tuple) else (item, None)
            if line in (b"", b")"):
                continue
            m = re.match(rb'\(([^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (.*)', line, re.S)
            attributes = {a.lower() for a in m.group(1).decode().split()}
            raw = literal if literal is not None else m.group(2)
            if literal is None and raw.startswith(b'"'):
                raw = re.sub(rb"\\(.)", rb"\1", raw[1:-1])
            found[self.canonical(raw.decode("ascii"))] = attributes
        return found

    def folders(self):
        """Names of all that can be selected, sorted; not the root of the namespace itself."""
        return sorted(n for n, a in self._list("LIST").items()
                      if n and not a & {"\\noselect", "\\nonexistent"})

    def roles(self):
        """Folder → SPECIAL-USE role, where it has one."""
        known = {"\\sent", "\\drafts", "\\junk", "\\trash", "\\archive", "\\all", "\\flagged"}
        return {n: (a & known).pop() for n, a in self._list("LIST").items() if a & known}

    def subscribed(self):
        return sorted(self._list("LSUB"))

    def examine(self, folder):
        """Select without writing. Returns the number of messages."""
        return self._enter("EXAMINE", folder)

    def _enter(self, verb, folder):
        self.imap.untagged_responses.clear()
        self.imap.is_readonly = verb == "EXAMINE"  # or imaplib takes READ-ONLY for an accident
        data = self.command(verb, quoted(self.raw_name(folder)), responses="EXISTS")
        self.imap.state = "SELECTED"
        return int(data[-1])

    def messages(self, folder, first=1):
        """All of a folder (from the first-th on), in the order of UIDs."""
        n = self.examine(folder)
        out = []
        for at in range(first, n + 1, BATCH):
            data = self.command("FETCH", "%d:%d" % (at, min(n, at + BATCH - 1)),
                                "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
            out += [self.noted(*_message(item)) for item in _joined(data)]
        out.sort(key=lambda m: m.uid)
        if len(out) != max(0, n - first + 1):
            raise AssertionError("%s: %d messages said, %d sent" % (folder, n, len(out)))
        return out

    def noted(self, message, octets):  # pylint: disable=unused-argument
        """For those who want to keep the octets, too."""
        return message

    def body(self, folder, uid):
        self.examine(folder)
        for item in _joined(self.command("UID", "FETCH", str(uid), "(BODY.PEEK[])",
                                         responses="FETCH")):
            return item[1]
        return None

    def count(self, folder):
        data = self.command("STATUS", quoted(self.raw_name(folder)), "(MESSAGES)")
        line = b"".join(x if isinstance(x, bytes) else x[0] for x in data)
        return int(re.search(rb"MESSAGES (\d+)", line).group(1))

    def counts(self):
        return {f: self.count(f) for f in self.folders()}

    def uid_validity(self, folder):
        data = self.command("STATUS", quoted(self.raw_name(folder)), "(UIDVALIDITY)")
        line = b"".join(x if isinstance(x, bytes) else x[0] for x in data)
        return int(re.search(rb"UIDVALIDITY (\d+)", line).group(1))

    def everything(self):
        """Folder → list of Message: the whole mailbox."""
        return {f: self.messages(f) for f in self.folders()}

    # ---- changes ----

    def create(self, folder, subscribe=False):
        self.command("CREATE", quoted(self.raw_name(folder)))
        if subscribe:
            self.command("SUBSCRIBE", quoted(self.raw_name(folder)))

    def subscribe(self, folder):
        self.command("SUBSCRIBE", quoted(self.raw_name(folder)))

    def append(self, folder, octets, flags=(), date=None):
        """date: as in the protocol, "01-Feb-2003 04:05:06 +0000"."""
        args = [quoted(self.raw_name(folder))]
        if flags:
            args.append("(%s)" % " ".join(flags))
        if date:
            args.append('"%s"' % date)
        self.command("APPEND", *args, literal=octets)

    def select(self, folder):
        return self._enter("SELECT", folder)

    def store(self, folder, uid, how, *flags):
        """how: "+FLAGS", "-FLAGS" or "FLAGS"."""
        self.select(folder)
        self.command("UID", "STORE", str(uid), how + ".SILENT", "(%s)" % " ".join(flags),
                     responses="FETCH")
        self.command("CLOSE")
        self.imap.state = "AUTH"

    def expunge(self, folder, uid):
        self.select(folder)
        self.command("UID", "STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)", responses="FETCH")
        self.command("UID", "EXPUNGE", str(uid), responses="EXPUNGE")


def _joined(data):
    """imaplib's pieces of FETCH answers as (line, body or None), one a message."""
    out = []
    for item in data:
        if isinstance(item, tuple):
            out.append((item[0], item[1]))
        elif item.strip().startswith(b")") or not re.match(rb"\d+ \(", item):
            out[-1] = (out[-1][0] + b" " + item, out[-1][1])
        else:
            out.append((item, None))
    return out


def _message(item):
    line, body = item
    if body is None:  # the server sent it as a quoted string, or NIL
        m = re.search(rb'BODY\[\] (?:"((?:[^"\\]|\\.)*)"|NIL)', line)
        body = re.sub(rb"\\(.)", rb"\1", m.group(1) or b"")
    uid = int(re.search(rb"\bUID (\d+)", line).group(1))
    size = int(re.search(rb"RFC822\.SIZE (\d+)", line).group(1))
    flags = re.search(rb"FLAGS \(([^)]*)\)", line).group(1).decode("utf-8", "replace").split()
    date = re.search(rb'INTERNALDATE "([^"]*)"', line).group(1).decode()
    head = body[:65536].split(b"\r\n\r\n")[0]
    found = re.search(rb"(?im)^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)", head)
    return Message(uid, fingerprint(body), size,
                   tuple(sorted(f for f in flags if f.lower() != "\\recent")), _instant(date),
                   found.group(1).decode("latin-1") if found else None), body


# ---- comparing ----

def _describe(m):
    sha, size, flags, date = m
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=date)
    return "%s %d octets %s %s" % (sha[:12], size, when.isoformat(),
                                   " ".join(flags) or "(no flags)")


def _key(message, flags):
    shown = message.flags if flags else ()
    return (message.sha256, message.size, shown, message.date)


def compare_folder(folder, ours, theirs, flags=True, order=True, extra=False):
    """Differences of two lists of Message, as lines. `extra`: the second may hold more."""
    a = [_key(m, flags) for m in ours]
    b = [_key(m, flags) for m in theirs]
    missing = collections.Counter(a) - collections.Counter(b)
    more = collections.Counter(b) - collections.Counter(a)
    out = ["%s: missing %d x %s" % (folder, n, _describe(k)) for k, n in missing.items()]
    if not extra:
        out += ["%s: unexpected %d x %s" % (folder, n, _describe(k)) for k, n in more.items()]
    if order and not out and not extra and a != b:
        at = next(i for i, pair in enumerate(zip(a, b)) if pair[0] != pair[1])
        out.append("%s: order differs at message %d" % (folder, at + 1))
    return out


def compare(origin, destination, flags=True, order=True, extra=False, subscribed=True):
    """All differences between two mailboxes (Clients), as lines; empty when equal. A folder
    that only the destination has must be empty, unless `extra`."""
    a, b = origin.everything(), destination.everything()
    out = []
    for folder in a:
        if folder not in b:
            out.append("%s: the folder is missing" % folder)
            continue
        out += compare_folder(folder, a[folder], b[folder], flags, order, extra)
    if not extra:
        out += ["%s: unexpected folder with %d messages" % (f, len(b[f]))
                for f in b if f not in a and b[f]]
    if subscribed:
        theirs = set(destination.subscribed())
        out += ["%s: not subscribed" % f for f in origin.subscribed()
                if f in a and f in b and f not in theirs]
    return out
