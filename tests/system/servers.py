# SPDX-License-Identifier: Apache-2.0
"""Mail servers inside a machine: Dovecots, each a unit of the test with an address of its own.

They speak TLS on port 993 under the names of the machine's /etc/hosts; their certificates are from
an authority that the machine trusts as it trusts the public ones."""

from harness import corpus
from harness.imapclient import Client

CONFIG = """
base_dir = /run/{name}
state_dir = /srv/{name}/state
instance_name = {name}
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
first_valid_uid = 1
mail_uid = mail
mail_gid = mail
mail_location = maildir:~/Maildir
mail_fsync = never
mail_max_userip_connections = 100
auth_mechanisms = plain
auth_username_format = %u
auth_failure_delay = 0
disable_plaintext_auth = no
ssl = yes
ssl_cert = </srv/{name}/cert.pem
ssl_key = </srv/{name}/key.pem
passdb {{
  driver = passwd-file
  args = username_format=%u /srv/{name}/users/%u
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home=/srv/{name}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    address = {address}
    port = 993
    ssl = yes
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""

UNIT = """[Unit]
Description=Mail server {host} of the test
[Service]
ExecStart=/usr/sbin/dovecot -F -c /srv/{name}/dovecot.conf
[Install]
WantedBy=multi-user.target
"""


class Server:
    """host and tls_port as mailmig sees it; port without TLS, on 127.0.0.1."""

    tls_port = 993

    def __init__(self, machine, ca, name, host, address, port):
        self.machine = machine
        self.name = name
        self.host = host
        self.port = port
        self.users = {}
        values = {"name": name, "host": host, "address": address, "port": port}
        cert, key = ca.issue(name, names=("DNS:" + host,))
        for path, content in (("cert.pem", open(cert, "rb").read()),
                              ("key.pem", open(key, "rb").read()),
                              ("dovecot.conf", CONFIG.format(**values))):
            machine.write("/srv/%s/%s" % (name, path), content)
        machine.run("install -d -o mail -g mail /srv/%s/mail" % name)
        machine.write("/etc/systemd/system/%s.service" % name, UNIT.format(**values))

    def add_user(self, user, password="secret"):
        """Or give one another password."""
        self.users[user] = password
        self.machine.write("/srv/%s/users/%s" % (self.name, user),
                           "%s:{PLAIN}%s\n" % (user, password))
        # A file that was read in this second is not looked at again.
        self.machine.wait_for("doveadm -c /srv/%s/dovecot.conf auth test %s '%s'" % (
            self.name, user, password))

    def client(self, user):
        """A Client of the machine's network; use it as a context manager."""
        with self.machine.network():
            return Client(self, user)

    def fill(self, user, messages, folder="INBOX", size=600, first=0):
        with self.client(user) as client:
            corpus.simple(client, folder, messages, first, size)

    def digests(self, user, folder="INBOX"):
        """SHA-256 of every message, sorted: with twins."""
        with self.client(user) as client:
            if folder not in client.folders():
                return []
            return sorted(m.sha256 for m in client.messages(folder))


def start(machine, ca):
    """Origin and destination, listening."""
    with open(ca.file, "rb") as f:
        machine.write("/usr/local/share/ca-certificates/test.crt", f.read())
    machine.run("update-ca-certificates")
    pair = (Server(machine, ca, "origin", "imap.old.example", "127.0.1.2", 1430),
            Server(machine, ca, "destination", "imap.new.example", "127.0.1.3", 1431))
    machine.run("systemctl daemon-reload")
    for server in pair:
        machine.run("systemctl enable --now %s.service" % server.name)
    for server in pair:
        server.add_user("nobody")  # returns when it serves
    return pair
