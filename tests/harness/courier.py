# SPDX-License-Identifier: Apache-2.0
"""A private Courier IMAP (5) in a root of its own."""

import os
import shutil
import subprocess

from .jail import Jailed

# Debian's configuration as it is, but for where things are and how many may come.
IMAPD = """
ADDRESS=127.0.0.1
PORT={port}
MAXDAEMONS=400
MAXPERIP=400
"""
IMAPD_SSL = """
SSLADDRESS=127.0.0.1
SSLPORT={tls_port}
TLS_CERTFILE=/srv/cert.pem
TLS_PRIVATE_KEYFILE=/srv/key.pem
TLS_TRUSTCERTS=/srv/cert.pem
TLS_CACHEFILE=
"""
AUTHDAEMONRC = """
authmodulelist="authuserdb"
"""

# What the scripts of the packages do, without leaving the foreground.
BEGIN = """
mkdir -p /run/courier/authdaemon
chown courier:courier /run/courier /run/courier/authdaemon
( set -a; . /etc/courier/authdaemonrc; exec /usr/lib/courier/courier-authlib/authdaemond ) &
makeimapaccess
set -a
sbindir=/usr/sbin bindir=/usr/bin
( . /etc/courier/imapd; . /etc/courier/imapd-ssl; ulimit -v $IMAP_ULIMITD; IMAP_TLS=1
exec couriertcpd -address=$SSLADDRESS -maxprocs=$MAXDAEMONS -maxperip=$MAXPERIP \
	-access=$IMAPACCESSFILE.dat $TCPDOPTS $SSLPORT $COURIERTLS -server -tcpd -user=courier \
	/usr/lib/courier/courier/imaplogin /usr/bin/imapd $MAILDIRPATH ) &
. /etc/courier/imapd-ssl; . /etc/courier/imapd; ulimit -v $IMAP_ULIMITD; IMAP_STARTTLS=$IMAPDSTARTTLS
exec couriertcpd -address=$ADDRESS -maxprocs=$MAXDAEMONS -maxperip=$MAXPERIP \
	-access=$IMAPACCESSFILE.dat $TCPDOPTS $PORT \
	/usr/lib/courier/courier/imaplogin /usr/bin/imapd $MAILDIRPATH
"""


class Courier(Jailed):
    """Folders below INBOX, with the prefix "INBOX." and "." between levels, as it always has."""

    kind = "courier"
    packages = ("courier-imap", "courier-authlib-userdb")
    binds = (("etc", "/etc/courier"),)

    def prepare(self):
        self.uid, self.gid = self.ids("courier")
        shutil.copytree(self.root / "etc/courier", self.path("etc"), symlinks=True)
        for name, source in (("cert.pem", self.cert), ("key.pem", self.key)):
            shutil.copy(source, self.path(name))
            os.chown(self.path(name), self.uid, self.gid)
        self._add("etc/authdaemonrc", AUTHDAEMONRC)
        self._imapd = self._read("etc/imapd"), self._read("etc/imapd-ssl")
        os.mkdir(self.path("mail"), 0o755)

    def configure(self):
        imapd, imapd_ssl = self._imapd
        self.write("etc/imapd", imapd + IMAPD.format(port=self.port))
        self.write("etc/imapd-ssl", imapd_ssl + IMAPD_SSL.format(tls_port=self.tls_port))

    def command(self):
        return "sh", "-ec", BEGIN

    def add_user(self, user, password="secret"):
        """Another user, at once."""
        home = self.path("mail", user)
        for part in ("", "Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
            os.mkdir(os.path.join(home, part), 0o700)
            os.chown(os.path.join(home, part), self.uid, self.gid)
        octets = password if isinstance(password, bytes) else password.encode()
        made = subprocess.run(["openssl", "passwd", "-5", "-stdin"], input=octets, check=True,
                              stdout=subprocess.PIPE)
        self._add("etc/userdb", "%s\thome=/srv/mail/%s|uid=%d|gid=%d|systempw=%s\n" % (
            user, user, self.uid, self.gid, made.stdout.decode().strip()))
        os.chmod(self.path("etc", "userdb"), 0o600)
        self.run("makeuserdb")
        self.users[user] = password

    # ---- inside ----

    def _read(self, name):
        with open(self.path(name), encoding="utf-8") as text:
            return text.read()

    def _add(self, name, text):
        with open(self.path(name), "a", encoding="utf-8") as out:
            out.write(text)
