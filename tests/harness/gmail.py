# SPDX-License-Identifier: Apache-2.0
"""A mailbox like Gmail's, since none is in reach: folders are labels, a message is one object that
may be in many of them and is in All Mail besides, X-GM-EXT-1 tells its number and its labels, and
what is appended a second time only gets one more label."""

import base64
import hashlib
import itertools
import re

from .imapclient import decode_name, encode_name
from .listener import Listener
from .wire import LITERAL

LINE_MAX = 1024 * 1024

# Role → name. Labels of the system have other words.
ENGLISH = {"\\All": "All Mail", "\\Sent": "Sent Mail", "\\Drafts": "Drafts", "\\Flagged": "Starred",
           "\\Important": "Important", "\\Junk": "Spam", "\\Trash": "Trash"}
GERMAN = {"\\All": "Alle Nachrichten", "\\Sent": "Gesendet", "\\Drafts": "Entwürfe",
          "\\Flagged": "Markiert", "\\Important": "Wichtig", "\\Junk": "Spam",
          "\\Trash": "Papierkorb"}
LABELS = {"\\Inbox": "INBOX", "\\Sent": "\\Sent", "\\Draft": "\\Drafts", "\\Starred": "\\Flagged",
          "\\Important": "\\Important"}
HIDING = ("\\Junk", "\\Trash")  # not in All Mail

CAPABILITIES = ("IMAP4rev1 UNSELECT NAMESPACE ID CHILDREN X-GM-EXT-1 UIDPLUS ENABLE CONDSTORE "
                "LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584 UTF8=ACCEPT "
                "SASL-IR AUTH=PLAIN")
SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "\\Seen")


class Mail:
    """One message."""

    def __init__(self, number, octets, flags, date):
        self.number, self.octets, self.date = number, octets, date
        self.flags = set(flags)
        self.labels = set()  # names of folders
        self.modseq = 0


class Folder:
    def __init__(self, name, role, validity):
        self.name, self.role, self.validity = name, role, validity
        self.uids = {}  # uid → Mail, ascending
        self.next = 1
        self.modseq = 1
        self.subscribed = True

    def uid_of(self, mail):
        return next((u for u, m in self.uids.items() if m is mail), None)


class Gmail(Listener):
    """names: ENGLISH or GERMAN. root: "[Gmail]" or "[Google Mail]".

    users (name → password), host, port: as of any server. heard: all commands, as text."""

    def __init__(self, users=None, names=None, root="[Gmail]", utf8=True):
        self.users = dict(users or {"alice": "secret"})
        self.root = root
        self.capabilities = CAPABILITIES if utf8 else CAPABILITIES.replace("UTF8=ACCEPT ", "")
        self.heard = []
        self.mails = []
        self._modseq = itertools.count(2)
        self._validity = itertools.count(1)
        self.folders = {}
        self.roles = {role: "%s/%s" % (root, name) for role, name in (names or ENGLISH).items()}
        self._add_folder("INBOX", None)
        for role, name in self.roles.items():
            self._add_folder(name, role)
        super().__init__()

    # ---- the mailbox ----

    def add_user(self, user, password="secret"):
        self.users[user] = password

    def _add_folder(self, name, role=None):
        self.folders[name] = Folder(name, role, next(self._validity))

    def add(self, octets, labels=(), flags=(), date="01-Feb-2020 03:04:05 +0000"):
        """A message with these labels (names of folders, or roles). Returns it."""
        with self.lock:
            mail = Mail(len(self.mails) + 1, octets, flags, date)
            self.mails.append(mail)
            self._label(mail, {self.roles.get(x, x) for x in labels})
            return mail

    def label(self, mail, labels):
        """Other labels instead of those it had."""
        with self.lock:
            self._label(mail, {self.roles.get(x, x) for x in labels})

    def remove_folder(self, name):
        with self.lock:
            for mail in self.mails:
                if name in mail.labels:
                    self._label(mail, mail.labels - {name})
            del self.folders[name]

    def _label(self, mail, labels):
        if "\\Flagged" in mail.flags:
            labels = labels | {self.roles["\\Flagged"]}
        for name in labels:
            if name not in self.folders:
                self._add_folder(name)
        mail.labels = set(labels)
        there = set(labels)
        if not any(self.roles[r] in labels for r in HIDING):
            there.add(self.roles["\\All"])
        mail.modseq = next(self._modseq)
        for folder in self.folders.values():
            uid = folder.uid_of(mail)
            if folder.name in there and uid is None:
                folder.uids[folder.next] = mail
                folder.next += 1
            elif folder.name not in there and uid is not None:
                del folder.uids[uid]
            if folder.name in there or uid is not None:
                folder.modseq = mail.modseq

    def _append(self, folder, octets, flags, date):
        """UID of a new message, or of the one that it is."""
        same = hashlib.sha256(octets).digest()
        mail = next((m for m in self.mails if hashlib.sha256(m.octets).digest() == same), None)
        if mail is None:
            mail = Mail(len(self.mails) + 1, octets, flags, date)
            self.mails.append(mail)
        if folder.role == "\\All":
            self._label(mail, mail.labels)
        else:
            self._label(mail, mail.labels | {folder.name})
        return folder.uid_of(mail)

    # ---- the protocol ----

    def serve(self, sock, number):
        try:
            _Session(self, sock).serve()
        except OSError:
            pass
        finally:
            self.release(sock)


class _Session:
    def __init__(self, box, sock):
        self.box, self.sock = box, sock
        self.lines = sock.makefile("rb")
        self.folder = None
        self.utf8 = False

    def say(self, text):
        self.sock.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")

    def name(self, folder):
        wire = folder if self.utf8 else encode_name(folder)
        return '"%s"' % wire.replace("\\", "\\\\").replace('"', '\\"')

    def find(self, wire):
        return self.box.folders.get(self._canonical(wire))

    def _canonical(self, wire):
        text = wire.decode() if self.utf8 else decode_name(wire.decode())
        return "INBOX" if text.upper() == "INBOX" else text

    def serve(self):
        with self.lines:
            self.say("* OK Gimap ready for requests")
            while True:
                words = self.command()
                if words is None:
                    return
                tag, verb = words[0].decode(), words[1].decode().upper()
                if verb == "UID":
                    verb += " " + words[2].decode().upper()
                    words = words[:1] + words[2:]
                todo = getattr(self, "do_" + verb.lower().replace(" ", "_"), None)
                if todo is None:
                    self.say(tag + " BAD unknown command")
                    continue
                with self.box.lock:
                    answer = todo(words[2:]) or "OK done"
                self.say("%s %s" % (tag, answer))
                if verb == "LOGOUT":
                    return

    def command(self):
        """One command as words: strings unquoted, lists in parentheses as they are."""
        text, literals = b"", []
        while True:
            line = self.lines.readline(LINE_MAX)
            if not line.endswith(b"\n"):
                return None
            m = LITERAL.search(line)
            if not m:
                text += line.rstrip(b"\r\n")
                break
            if not m.group(2):
                self.say("+ go ahead")
            literals.append(self.lines.read(int(m.group(1))))
            text += line[:m.start()] + b"\x01"
        self.box.heard.append(text.decode("latin-1"))
        words, source = [], iter(literals)
        for m in re.finditer(rb'"((?:[^"\\]|\\.)*)"|(\([^()]*(?:\([^()]*\)[^()]*)*\))|'
                             rb'\x01|[^\s"()]+(?:\[[^\]]*\]\S*)?', text):
            if m.group(0) == b"\x01":
                words.append(next(source))
            elif m.group(1) is not None:
                words.append(re.sub(rb"\\(.)", rb"\1", m.group(1)))
            else:
                words.append(m.group(0))
        return words

    # ---- without a folder ----

    def do_capability(self, _):
        self.say("* CAPABILITY " + self.box.capabilities)

    def do_noop(self, _):
        return None

    do_id = do_unselect = do_close = do_noop

    def do_logout(self, _):
        self.say("* BYE see you")

    def do_authenticate(self, words):
        if len(words) < 2:
            self.say(b"+ \r\n")
            words = [words[0], self.lines.readline(LINE_MAX).strip()]
        _, user, password = base64.b64decode(words[1]).split(b"\0")
        if self.box.users.get(user.decode()) != password.decode():
            return "NO [AUTHENTICATIONFAILED] Invalid credentials"
        return "OK [CAPABILITY %s] hello" % self.box.capabilities

    def do_enable(self, words):
        if b"UTF8=ACCEPT" in [w.upper() for w in words]:
            self.utf8 = True
            self.say("* ENABLED UTF8=ACCEPT")

    def do_namespace(self, _):
        self.say('* NAMESPACE (("" "/")) NIL NIL')

    def do_list(self, words):
        ask = b" ".join(words).upper()
        status = re.search(rb"STATUS \(([^)]*)\)", ask)
        if words[-1] == b"":
            self.say('* LIST (\\Noselect) "/" ""')
            return
        self.say('* LIST (\\HasChildren \\Noselect) "/" %s' % self.name(self.box.root))
        for folder in self.box.folders.values():
            marks = ["\\HasNoChildren"] + [folder.role] * bool(folder.role)
            if b"SUBSCRIBED" in ask and folder.subscribed:
                marks.append("\\Subscribed")
            self.say('* LIST (%s) "/" %s' % (" ".join(marks), self.name(folder.name)))
            if status:
                self._status(folder, status.group(1).decode().split())

    def do_lsub(self, _):
        for folder in self.box.folders.values():
            if folder.subscribed:
                self.say('* LSUB () "/" %s' % self.name(folder.name))

    def _status(self, folder, items):
        values = {"MESSAGES": len(folder.uids), "UIDNEXT": folder.next, "UNSEEN": 0, "RECENT": 0,
                  "UIDVALIDITY": folder.validity, "HIGHESTMODSEQ": folder.modseq,
                  "APPENDLIMIT": 35651584}
        self.say("* STATUS %s (%s)" % (self.name(folder.name), " ".join(
            "%s %d" % (i, values[i]) for i in items if i in values)))

    def do_status(self, words):
        folder = self.find(words[0])
        if folder is None:
            return "NO [NONEXISTENT] Unknown Mailbox"
        self._status(folder, words[1].decode().upper().strip("()").split())
        return None

    def do_create(self, words):
        name = self._canonical(words[0])
        if name != name.strip() or "  " in name or "^" in name:
            return "NO [CANNOT] Invalid folder"
        if name in self.box.folders:
            return "NO [ALREADYEXISTS] Duplicate folder"
        self.box._add_folder(name)  # pylint: disable=protected-access
        return None

    def do_subscribe(self, words):
        self.find(words[0]).subscribed = True

    def do_append(self, words):
        folder = self.find(words[0])
        if folder is None:
            return "NO [TRYCREATE] No folder"
        flags = next((w for w in words[1:-1] if w.startswith(b"(")), b"()").decode().strip("()")
        date = next((w.decode() for w in words[1:-1] if not w.startswith(b"(")),
                    "01-Jan-2021 00:00:00 +0000")
        uid = self.box._append(folder, words[-1], flags.split(), date)  # pylint: disable=protected-access
        if folder is self.folder:
            self.say("* %d EXISTS" % len(folder.uids))
        return "OK [APPENDUID %d %d] done" % (folder.validity, uid)

    # ---- in a folder ----

    def do_select(self, words, verb="READ-WRITE"):
        self.folder = folder = self.find(words[0])
        if folder is None:
            return "NO [NONEXISTENT] Unknown Mailbox"
        self.say("* FLAGS (%s)" % " ".join(SYSTEM_FLAGS))
        self.say("* OK [PERMANENTFLAGS (%s \\*)] ok" % " ".join(SYSTEM_FLAGS))
        self.say("* OK [UIDVALIDITY %d] ok" % folder.validity)
        self.say("* %d EXISTS" % len(folder.uids))
        self.say("* 0 RECENT")
        self.say("* OK [UIDNEXT %d] ok" % folder.next)
        self.say("* OK [HIGHESTMODSEQ %d]" % folder.modseq)
        return "OK [%s] done" % verb

    def do_examine(self, words):
        return self.do_select(words, "READ-ONLY")

    def _chosen(self, text, uid):
        """(number, uid, mail) of a set."""
        rows = list(enumerate(self.folder.uids.items(), 1))
        last = max((u for u in self.folder.uids), default=0) if uid else len(rows)
        ranges = []
        for part in text.split(","):
            a, _, b = part.partition(":")
            a, b = (last if x == "*" else int(x) for x in (a, b or a))
            ranges.append((min(a, b), max(a, b)))
        return [(n, u, m) for n, (u, m) in rows
                if any(a <= (u if uid else n) <= b for a, b in ranges)]

    def do_fetch(self, words, uid=False):
        ask = words[1].decode()
        since = re.search(r"CHANGEDSINCE (\d+)", " ".join(w.decode() for w in words[2:]))
        for number, one, mail in self._chosen(words[0].decode(), uid):
            if not since or mail.modseq > int(since.group(1)):
                self._tell(number, one, mail, ask)

    def do_uid_fetch(self, words):
        self.do_fetch(words, True)

    def _tell(self, number, uid, mail, ask):
        out = ["UID %d" % uid, "MODSEQ (%d)" % mail.modseq]
        if "FLAGS" in ask:
            out.append("FLAGS (%s)" % " ".join(sorted(mail.flags)))
        if "INTERNALDATE" in ask:
            out.append('INTERNALDATE "%s"' % mail.date)
        if "RFC822.SIZE" in ask:
            out.append("RFC822.SIZE %d" % len(mail.octets))
        if "X-GM-MSGID" in ask:
            out.append("X-GM-MSGID %d" % (1278455344230334000 + mail.number))
        if "X-GM-LABELS" in ask:
            out.append("X-GM-LABELS (%s)" % " ".join(self._labels(mail)))
        text = " ".join(out).encode()
        fields = re.search(r"HEADER\.FIELDS \(([^)]*)\)", ask)
        if fields:
            wanted = fields.group(1).lower().split()
            head = re.findall(rb"[^\n]+\n(?:[ \t][^\n]*\n)*", mail.octets.split(b"\r\n\r\n")[0] + b"\r\n")
            part = b"".join(h for h in head if h.split(b":")[0].strip().lower().decode("latin-1")
                            in wanted) + b"\r\n"
            text += b" BODY[HEADER.FIELDS (%s)] {%d}\r\n%s" % (fields.group(1).encode(), len(part),
                                                            part)
        if "BODY.PEEK[]" in ask:
            text += b" BODY[] {%d}\r\n%s" % (len(mail.octets), mail.octets)
        self.say(b"* %d FETCH (%s)\r\n" % (number, text))

    def _labels(self, mail):
        """All but that of the folder one is in."""
        system = {self.box.roles.get(v, v): k for k, v in LABELS.items()}
        for name in sorted(mail.labels):
            if name == self.folder.name:
                continue
            if name in system:
                yield '"\\%s"' % system[name] if len(name) % 2 else system[name]
            elif re.fullmatch(r"[A-Za-z0-9/]+", name):
                yield name
            else:
                yield self.name(name)

    def do_uid_store(self, words):
        how, flags = words[1].decode(), set(words[2].decode().strip("()").split())
        for _, _, mail in self._chosen(words[0].decode(), True):
            before = set(mail.flags)
            mail.flags = (mail.flags | flags if how[0] == "+" else
                          mail.flags - flags if how[0] == "-" else flags)
            labels = mail.labels
            if "\\Flagged" in before - mail.flags:
                labels = labels - {self.box.roles["\\Flagged"]}
            self.box._label(mail, labels)  # pylint: disable=protected-access
