# SPDX-License-Identifier: Apache-2.0
"""A private Cyrus IMAP (3.6) in a root of its own."""

import imaplib
import os

from .jail import Jailed

IMAPD = """
servername: {name}.example
configdirectory: /srv/lib
sievedir: /srv/sieve
partition-default: /srv/mail
proc_path: /srv/proc
mboxname_lockpath: /srv/lock
defaultpartition: default
altnamespace: {altnamespace}
unixhierarchysep: {unixhierarchysep}
admins: cyrus
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: /srv/secrets/db
tls_server_cert: /srv/cert.pem
tls_server_key: /srv/key.pem
syslog_prefix: cyrus
"""

MASTER = """
START {{
	recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -r"
}}
SERVICES {{
	imap cmd="imapd -U 100" listen="127.0.0.1:{port}" prefork=1 maxchild=200
	imaps cmd="imapd -s -U 100" listen="127.0.0.1:{tls_port}" prefork=1 maxchild=200
}}
"""


BEGIN = """
/usr/sbin/runuser -u cyrus -- /usr/lib/cyrus/bin/makedirs
exec /usr/sbin/cyrmaster -D -M /srv/cyrus.conf -p /run/cyrmaster.pid
"""

SET_PASSWORD = """
saslpasswd2 -p -c -f /srv/secrets/db -u "$1" "$2"
chown cyrus /srv/secrets/db
"""

ADMIN = "adminsecret"


class Cyrus(Jailed):
    """altnamespace: folders beside INBOX, without the prefix "INBOX."; unixhierarchysep: "/"
    between levels. Neither is set in Debian's configuration."""

    kind = "cyrus"
    packages = ("cyrus-imapd", "sasl2-bin")
    binds = (("imapd.conf", "/etc/imapd.conf"),)

    def __init__(self, users=None, ca=None, name=None, altnamespace=False, unixhierarchysep=False):
        self.altnamespace = altnamespace
        self.unixhierarchysep = unixhierarchysep
        super().__init__(users, ca, name)

    def prepare(self):
        uid, gid = self.ids("cyrus")
        yes = ("no", "yes")
        self.write("imapd.conf", IMAPD.format(name=self.name, altnamespace=yes[self.altnamespace],
                                              unixhierarchysep=yes[self.unixhierarchysep]))
        for source, name in ((self.cert, "cert.pem"), (self.key, "key.pem")):
            with open(source, encoding="ascii") as text:
                self.write(name, text.read(), 0o640)
            os.chown(self.path(name), uid, gid)
        for directory in ("lib", "mail", "proc", "lock", "sieve", "secrets"):
            os.mkdir(self.path(directory), 0o755)
            os.chown(self.path(directory), uid, gid)
        self._set_password("cyrus", ADMIN)

    def configure(self):
        self.write("cyrus.conf", MASTER.format(port=self.port, tls_port=self.tls_port))

    def command(self):
        return "sh", "-ec", BEGIN

    def start(self):
        super().start()
        self._make_inboxes(self.users)
        return self

    def add_user(self, user, password="secret"):
        """Another user, at once."""
        self._set_password(user, password)
        self.users[user] = password
        if self.process is not None:
            self._make_inboxes([user])

    # ---- inside ----

    def _set_password(self, user, password):
        octets = password if isinstance(password, bytes) else password.encode()
        self.run("sh", "-ec", SET_PASSWORD, "set", self.name + ".example", user, given=octets)

    def _make_inboxes(self, users):
        admin = imaplib.IMAP4("127.0.0.1", self.port)
        with admin:
            admin.login("cyrus", ADMIN)
            for user in users:
                kind, said = admin.create("user" + "./"[self.unixhierarchysep] + user)
                if kind != "OK" and b"already exists" not in said[0]:
                    raise RuntimeError("%s: %s" % (user, said))
