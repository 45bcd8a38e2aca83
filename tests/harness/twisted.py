# SPDX-License-Identifier: Apache-2.0
"""A private IMAP server of Twisted's (22.4) in a root of its own.

Beside the three it stands for all small implementations: IMAP4rev1, NAMESPACE, IDLE and nothing
else. GNU Mailutils' imap4d (3.15) was tried first: it gives the last message of a Maildir a new UID
in each session, shows one message of an mbox, changes messages of MH when a flag is set, drops
flags and date of an APPEND and refuses half of the zones there are. Nothing can be kept in step
with that."""

import os
import shutil

from .jail import Jailed

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "twisted_imapd.py")


class Twisted(Jailed):
    """Mailboxes live in memory: they end with it."""

    kind = "twisted"
    packages = ("python3-twisted",)

    def prepare(self):
        for name, source in (("cert.pem", self.cert), ("key.pem", self.key),
                             ("imapd.py", PROGRAM)):
            shutil.copy(source, self.path(name))
        self.write("passwd", "")

    def command(self):
        return ("python3", "-B", "/srv/imapd.py", str(self.port), str(self.tls_port), "/srv")

    def add_user(self, user, password="secret"):
        """Another user, at once."""
        self.users[user] = password
        self.write("passwd", "".join("%s:%s\n" % item for item in self.users.items()))
