# SPDX-License-Identifier: Apache-2.0
"""Looks at any of the servers: names that mean the same are the same, and what a server does to
a plain APPEND is known.

Folder names here are levels with "/" between them, whatever the server writes between them; a
"/" or "%" within a level is %2F or %25. A level that the server holds with %XX or =XX in it
(mailmig's escapes for what it does not take) is the level it stands for."""

import collections
import imaplib
import random
import re

from harness import corpus
from harness.imapclient import Client, ServerSaysNo, decode_name, encode_name, fingerprint

Stored = collections.namedtuple("Stored", "sha256 date")

PROBE = "probe"
PROBE_DATE = "17-Apr-2015 18:19:20 +0200"
PROBE_INSTANT = 1429287560


def _plain(level):
    return re.sub("[%=]([0-9A-F]{2})", lambda m: chr(int(m.group(1), 16)), level)


class Eye(Client):
    """facts: of this server (Facts), or None while they are found out."""

    def __init__(self, server, user, facts=None):
        self.facts = facts
        self.octets = {}  # SHA-256 → the message
        self._raw = {}
        super().__init__(server, user)

    def command(self, *args, **keys):
        """BAD is a no like any other."""
        try:
            return super().command(*args, **keys)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as e:
            raise ServerSaysNo(str(e)) from e

    # ---- names ----

    def canonical(self, raw):
        name = decode_name(raw)
        if name.upper() == "INBOX":
            return "INBOX"
        if self.prefix and name.startswith(self.prefix):
            name = name[len(self.prefix):]
        levels = [_plain(level) for level in name.split(self.separator)]
        name = "/".join(level.replace("%", "%25").replace("/", "%2F") for level in levels)
        self._raw[name] = raw
        return name

    def raw_name(self, folder):
        if folder.upper() == "INBOX":
            return "INBOX"
        if folder in self._raw:
            return self._raw[folder]
        levels = [_plain(level) for level in folder.split("/")]
        if any(self.separator in level for level in levels):
            raise ServerSaysNo("%s cannot be a name with separator %s" % (folder, self.separator))
        return encode_name(self.prefix + self.separator.join(levels))

    def subscribed(self):
        # \Noselect: a parent of what is (RFC 3501, 6.3.9).
        return sorted(n for n, a in self._list("LSUB").items() if n and "\\noselect" not in a)

    def create(self, folder, subscribe=False):
        super().create(folder)
        if subscribe:
            self.subscribe(folder)

    # ---- messages ----

    def noted(self, message, octets):
        self.octets[message.sha256] = octets
        return message

    def append(self, folder, octets, flags=(), date=None):
        if self.imap.state == "SELECTED":  # Courier takes nothing for a folder that it shows
            self.command("CLOSE")
            self.imap.state = "AUTH"
        super().append(folder, octets, flags, date)

    def delete(self, folder, uid):
        """The only one of the folder that is marked: a plain EXPUNGE takes no other."""
        self.select(folder)
        self.command("UID", "STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)", responses="FETCH")
        self.command("EXPUNGE")
        self.command("CLOSE")
        self.imap.state = "AUTH"

    def server_takes(self, keyword):
        return self.facts is None or self.facts.keeps(keyword)


class Facts:
    """What a server does to what a plain APPEND brings. Asked once for each message and flag, in a
    mailbox of its own."""

    def __init__(self, server):
        self.server = server
        server.add_user("facts")
        self.eye = Eye(server, "facts")
        self.eye.create(PROBE)
        self.offered = b" ".join(self.eye.command("CAPABILITY")).decode().split()
        self._stored = {}
        self._kept = {}
        self._names = {}

    def close(self):
        self.eye.close()

    def learn(self, mails):
        """What becomes of these messages, in one go."""
        taken = []
        for octets in mails:
            sha256 = fingerprint(octets)
            if sha256 in self._stored:
                continue
            self._stored[sha256] = None
            try:
                self.eye.append(PROBE, octets, (), PROBE_DATE)
                taken.append(sha256)
            except ServerSaysNo:
                pass
        if taken:
            there = self.eye.messages(PROBE)
            for sha256, found in zip(taken, there[-len(taken):]):
                self._stored[sha256] = Stored(found.sha256, found.date == PROBE_INSTANT)

    def offers(self, capability):
        return capability in self.offered

    def stored(self, sha256, octets):
        """Stored, or None where it is refused."""
        if sha256 not in self._stored:
            self.learn([octets])
        return self._stored[sha256]

    def takes_name(self, folder):
        """Is it a folder's name, here?"""
        if folder not in self._names:
            try:
                self.eye.create(folder)
                self._names[folder] = True
            except ServerSaysNo:
                self._names[folder] = folder in self.eye.folders()
        return self._names[folder]

    def keeps(self, flag):
        if flag not in self._kept:
            self._kept[flag] = False
            try:
                self.eye.append(PROBE, corpus.plain(99, random.Random(flag)), (flag,), PROBE_DATE)
                found = self.eye.messages(PROBE, self.eye.examine(PROBE))[-1]
                self._kept[flag] = flag.lower() in {f.lower() for f in found.flags}
            except ServerSaysNo:
                pass
        return self._kept[flag]
