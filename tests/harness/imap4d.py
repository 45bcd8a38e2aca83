# SPDX-License-Identifier: Apache-2.0
"""A private imap4d of GNU Mailutils (3.15) in a root of its own."""

import os
import shutil
import subprocess

from .jail import Jailed

CONFIG = """
mode daemon;
foreground yes;
max-children 200;
logging {{ syslog no; }}
auth {{ authentication generic:system; authorization system; }}
mailbox {{
  mail-spool "/srv/spool";
  mailbox-pattern "maildir:///srv/spool/${{user}}";
  mailbox-type maildir;
}}
namespace personal {{
  prefix "" {{ directory "/srv/mail/$user"; delimiter "/"; mailbox-type maildir; }}
}}
tls-file-checks {{ key-file none; cert-file none; }}
tls {{
  ssl-certificate-file "/srv/cert.pem";
  ssl-key-file "/srv/key.pem";
}}
server 127.0.0.1:{port} {{ tls-mode ondemand; }}
server 127.0.0.1:{tls_port} {{ tls-mode connection; }}
"""

class Imap4d(Jailed):
    kind = "imap4d"
    packages = ("mailutils-imap4d",)
    binds = (("passwd", "/etc/passwd"), ("shadow", "/etc/shadow"))
    sasl = False  # its answer to AUTHENTICATE ends with a bare LF
    uid, gid = 999, 8

    def prepare(self):
        for name in ("passwd", "shadow"):
            shutil.copy(self.root / "etc" / name, self.path(name))
        for name, source in (("cert.pem", self.cert), ("key.pem", self.key)):
            shutil.copy(source, self.path(name))
        os.mkdir(self.path("mail"), 0o755)
        os.mkdir(self.path("spool"), 0o777)
        os.chmod(self.path("spool"), 0o1777)

    def configure(self):
        self.write("imap4d.conf", CONFIG.format(port=self.port, tls_port=self.tls_port))

    def command(self):
        return "imap4d", "--config-file=/srv/imap4d.conf"

    def add_user(self, user, password="secret"):
        """Another user, at once."""
        octets = password if isinstance(password, bytes) else password.encode()
        made = subprocess.run(["openssl", "passwd", "-5", "-stdin"], input=octets, check=True,
                              stdout=subprocess.PIPE)
        os.mkdir(self.path("mail", user), 0o700)
        os.chown(self.path("mail", user), self.uid, self.gid)
        for name, line in (("passwd", "%s:x:%d:%d::/srv/mail/%s:/bin/sh\n" % (user, self.uid, self.gid, user)),
                           ("shadow", "%s:%s:1:0:99999:7:::\n" % (user, made.stdout.decode().strip()))):
            with open(self.path(name), "a", encoding="utf-8") as out:
                out.write(line)
        self.users[user] = password
