# SPDX-License-Identifier: Apache-2.0
"""An IMAP server of Twisted's, with mailboxes in memory. Runs in the root of harness/twisted.py:
twisted_imapd.py PORT TLS_PORT DIRECTORY, where DIRECTORY has passwd, cert.pem and key.pem."""

import email.utils
import io
import itertools
import sys
import time

from twisted.cred import checkers, portal
from twisted.internet import defer, protocol, reactor, ssl
from twisted.mail import imap4
from zope.interface import implementer


@implementer(imap4.IMessage, imap4.IMessageFile)
class Message:
    def __init__(self, uid, octets, flags, date):
        self.uid, self.octets, self.flags, self.date = uid, octets, flags, date

    def getUID(self):
        return self.uid

    def getFlags(self):
        return list(self.flags)

    def getInternalDate(self):
        return self.date

    def getSize(self):
        return len(self.octets)

    def open(self):
        return io.BytesIO(self.octets)

    def getHeaders(self, negate, *names):
        wanted = {n.decode() if isinstance(n, bytes) else n for n in names}
        wanted = {n.lower() for n in wanted}
        # Twisted sends no other characters.
        head = self.octets.split(b"\r\n\r\n", 1)[0].decode("ascii", "replace")
        head = head.replace("\ufffd", "?")
        found, last = {}, None
        for line in head.split("\r\n"):
            if line[:1] in (" ", "\t") and last:
                found[last] += "\r\n" + line
            elif ":" in line:
                last, _, value = line.partition(":")
                found[last] = value.lstrip()
        return {n.lower(): v for n, v in found.items() if (n.lower() in wanted) != negate}

    def getBodyFile(self):
        return io.BytesIO(self.octets.partition(b"\r\n\r\n")[2])

    def isMultipart(self):
        return False


@implementer(imap4.IMailbox)
class Mailbox:
    validities = itertools.count(int(time.time()))

    def __init__(self):
        self.messages, self.listeners = [], []
        self.next, self.validity = 1, next(self.validities)

    def getFlags(self):
        return ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "\\*"]

    def getHierarchicalDelimiter(self):
        return "/"

    def getUIDValidity(self):
        return self.validity

    def getUIDNext(self):
        return self.next

    def getUID(self, number):
        return self.messages[number - 1].uid

    def getMessageCount(self):
        return len(self.messages)

    def getRecentCount(self):
        return 0

    def getUnseenCount(self):
        return sum("\\Seen" not in m.flags for m in self.messages)

    def isWriteable(self):
        return True

    def requestStatus(self, names):
        return imap4.statusRequestHelper(self, names)

    def addListener(self, listener):
        self.listeners.append(listener)

    def removeListener(self, listener):
        self.listeners.remove(listener)

    def destroy(self):
        pass

    def addMessage(self, body, flags=(), date=None):
        when = email.utils.parsedate_tz(date.decode()) if date else None
        stamp = email.utils.mktime_tz(when) if when else time.time()
        shown = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(stamp))
        self.messages.append(Message(self.next, body.read(), set(flags), shown))
        self.next += 1
        for listener in self.listeners:
            listener.newMessages(len(self.messages), None)
        return defer.succeed(self.next - 1)

    def expunge(self):
        gone = [i for i, m in enumerate(self.messages, 1) if "\\Deleted" in m.flags]
        self.messages = [m for m in self.messages if "\\Deleted" not in m.flags]
        return reversed(gone)

    def _chosen(self, numbers, uid):
        last = self.next - 1 if uid else len(self.messages)
        numbers.last = last
        wanted = set(numbers)
        return [(i, m) for i, m in enumerate(self.messages, 1)
                if (m.uid if uid else i) in wanted]

    def fetch(self, numbers, uid):
        return self._chosen(numbers, uid)

    def store(self, numbers, flags, mode, uid):
        out = {}
        for number, message in self._chosen(numbers, uid):
            given = set(flags)
            message.flags = {-1: message.flags - given, 0: given,
                             1: message.flags | given}[mode]
            out[number] = sorted(message.flags)
        return out


@implementer(imap4.IAccount, imap4.INamespacePresenter)
class Account:
    def __init__(self):
        self.boxes, self.subscribed = {"INBOX": Mailbox()}, set()

    @staticmethod
    def _name(name):
        return "INBOX" if name.upper() == "INBOX" else name.rstrip("/")

    def getPersonalNamespaces(self):
        return [[b"", b"/"]]

    def getSharedNamespaces(self):
        return None

    def getUserNamespaces(self):
        return None

    def addMailbox(self, name, mbox=None):
        raise imap4.MailboxException("no")

    def create(self, path):
        if self._name(path) in self.boxes:
            raise imap4.MailboxCollision(path)
        self.boxes[self._name(path)] = Mailbox()
        return True

    def select(self, name, rw=True):
        return self.boxes.get(self._name(name))

    def delete(self, name):
        del self.boxes[self._name(name)]

    def rename(self, oldname, newname):
        self.boxes[self._name(newname)] = self.boxes.pop(self._name(oldname))

    def isSubscribed(self, name):
        return self._name(name) in self.subscribed

    def subscribe(self, name):
        self.subscribed.add(self._name(name))

    def unsubscribe(self, name):
        self.subscribed.discard(self._name(name))

    def listMailboxes(self, ref, wildcard):
        pattern = imap4.wildcardToRegexp(wildcard, "/")
        return [(n, b) for n, b in sorted(self.boxes.items()) if pattern.match(n)]


@implementer(portal.IRealm)
class Realm:
    def __init__(self):
        self.accounts = {}

    def requestAvatar(self, avatarId, mind, *interfaces):
        account = self.accounts.setdefault(avatarId, Account())
        return imap4.IAccount, account, lambda: None


def main(port, tls_port, directory):
    files = checkers.FilePasswordDB(directory + "/passwd", caseSensitive=True)
    gate = portal.Portal(Realm(), [files])

    class Server(imap4.IMAP4Server):
        theContext = ssl.DefaultOpenSSLContextFactory(directory + "/key.pem",
                                                      directory + "/cert.pem")

        def __init__(self):
            # Logging in without TLS is allowed, as on the other servers of these tests.
            super().__init__(contextFactory=None)
            self.portal = gate

        def do_APPEND(self, tag, mailbox, flags, date, message):
            """Twisted 22.4 answers BAD where no flags are given."""
            super().do_APPEND(tag, mailbox, flags or (), date, message)

        auth_APPEND = select_APPEND = (do_APPEND, *imap4.IMAP4Server.auth_APPEND[1:])

    factory = protocol.Factory.forProtocol(Server)
    reactor.listenTCP(int(port), factory, interface="127.0.0.1")
    reactor.listenSSL(int(tls_port), factory, Server.theContext, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
