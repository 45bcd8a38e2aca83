# SPDX-License-Identifier: Apache-2.0
"""A private, throw-away Dovecot (2.3) on loopback. Nothing of the host's Dovecot is touched."""

import base64
import grp
import imaplib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

from . import certs, ports, scratch

# What Dovecot 2.3.19 offers after login; a mask has to be spelled out in full.
CAPABILITIES = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES "
    "THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE "
    "UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN "
    "CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE "
    "LITERAL+ NOTIFY SPECIAL-USE").split()

SPECIAL_USE = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Junk": "\\Junk", "Trash": "\\Trash"}

START_TIMEOUT = 20.0
STOP_TIMEOUT = 10.0

COMPRESS = """
protocol imap {
  mail_plugins = $mail_plugins imap_zlib
}
"""

CONFIG = """
base_dir = {dir}/run
state_dir = {dir}/run
log_path = {dir}/log
instance_name = {instance}
listen = 127.0.0.1
protocols = imap
login_greeting = {instance} ready
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
default_vsz_limit = 2G
default_client_limit = 1000
default_process_limit = 400
first_valid_uid = 1
first_valid_gid = 1
mail_uid = {uid}
mail_gid = {gid}
mail_location = {location}
mail_fsync = {fsync}
mail_max_userip_connections = 200
mail_max_keyword_length = 250
mailbox_idle_check_interval = 1s
imap_max_line_length = 1M
auth_mechanisms = plain login
auth_username_chars =
auth_username_format = %u
auth_failure_delay = 0
auth_master_user_separator = *
auth_verbose = yes
disable_plaintext_auth = {disable_plaintext}
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
{capability}
passdb {{
  driver = passwd-file
  args = username_format=%u {dir}/masters/%u
  master = yes
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {dir}/users/%u
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/mail/%u
}}
namespace inbox {{
  inbox = yes
  type = private
  separator = {separator}
  prefix = {prefix}
{mailboxes}}}
service imap-login {{
  {chroot}
  service_count = 0
  process_min_avail = 1
  client_limit = 1000
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 400
  service_count = 100
}}
service anvil {{
  {chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  {chroot}
}}
{extra}
"""


def _first_user(*names):
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise RuntimeError("none of the users %s exists" % ", ".join(names))


def _secret(password):
    """A password of any octets, as a passwd-file field."""
    octets = password if isinstance(password, bytes) else password.encode()
    return "{PLAIN.b64}" + base64.b64encode(octets).decode()


class Dovecot:
    """One server.

    users, masters: name → password (str or bytes); a master logs in as anyone (SASL authzid, or
                    "user*master").
    mail_format:    "maildir" or "sdbox".
    layout:         None (Maildir++: a folder's own name cannot contain a dot) or "fs".
    separator, prefix: of the one namespace, such as "." and "INBOX.".
    without:        capabilities it must not offer (it goes on understanding them).
    fsync:          mail_fsync: "optimized" (as delivered), "never" or "always".
    cert:           (certificate, key) files; None: a valid one from an authority of its own.
    plaintext:      allow login without TLS.
    special_use:    folder name → role.
    compress:       offer COMPRESS=DEFLATE.
    extra:          more configuration, as text.

    host, port (STARTTLS and plain), tls_port, ca_file are there after start()."""

    host = "localhost"

    def __init__(self, users=None, masters=None, mail_format="maildir", layout=None, separator="/",
                 prefix="", without=(), fsync="optimized", cert=None, ca=None, plaintext=True,
                 special_use=None, compress=False, extra="", name="dovecot"):
        self.name = name
        self.users = dict({"alice": "secret"} if users is None else users)
        self.masters = dict(masters or {})
        self.mail_format = mail_format
        self.layout = layout
        self.separator = separator
        self.prefix = prefix
        self.without = {w.upper() for w in without}
        self.fsync = fsync
        self.plaintext = plaintext
        self.special_use = SPECIAL_USE if special_use is None else special_use
        self.extra = (COMPRESS if compress else "") + extra
        self.process = None
        self.port = self.tls_port = None
        self.dir = scratch.directory()
        os.chmod(self.dir, 0o755)
        try:
            self._choose_users()
            self._prepare(cert, ca)
        except BaseException:
            self._remove()
            raise

    # ---- life ----

    def start(self):
        try:
            for _ in range(5):
                if self._try_to_start():
                    return self
                if "Address already in use" not in self.log():
                    break
            raise RuntimeError("%s did not start:\n%s" % (self.name, self.log()[-3000:]))
        except BaseException:
            self.stop()
            raise

    def _try_to_start(self):
        self.port, self.tls_port = ports.free(2)
        self._write_config()
        with open(self._path("out"), "wb") as out:
            self.process = subprocess.Popen(
                [self.program(), "-F", "-c", self._path("dovecot.conf")],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=scratch.end_with_parent,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        if self._wait_for_greeting():
            return True
        self._kill()
        return False

    def stop(self):
        """End it at once and remove all that it left. Safe to call twice."""
        self._kill()
        self._remove()

    def halt(self):
        """End it in order and keep its mail: start() begins again (on other ports)."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(STOP_TIMEOUT)
        self._kill()

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *unused):
        self.stop()

    @staticmethod
    def program():
        found = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if found is None:
            raise RuntimeError("dovecot is not installed (tests/tools/install-deps demo)")
        return found

    # ---- what it holds ----

    def log(self):
        text = ""
        for filename in ("out", "log"):
            try:
                with open(self._path(filename), encoding="utf-8", errors="replace") as f:
                    text += f.read()
            except FileNotFoundError:
                pass
        return text

    def add_user(self, user, password="secret"):
        """Another user, at once."""
        self.users[user] = password
        self._write_user("users", user, password)

    def set_password(self, user, password):
        """Another password. Dovecot looks at its files once a second: wait until it is in force."""
        self.add_user(user, password)
        octets = password if isinstance(password, bytes) else password.encode()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                client = imaplib.IMAP4("127.0.0.1", self.port)
                client.authenticate("PLAIN", lambda _: b"\0" + user.encode() + b"\0" + octets)
                client.logout()
                return
            except imaplib.IMAP4.error:
                client.shutdown()
                time.sleep(0.05)
        raise RuntimeError("%s does not take the new password" % self.name)

    def wait_idle(self, user, seconds=20):
        """Until no session of this user is left: all that a client gone has sent is done."""
        end = time.monotonic() + seconds
        doveadm = os.path.join(os.path.dirname(os.path.realpath(self.program())), "../bin/doveadm")
        while time.monotonic() < end:
            who = subprocess.run([doveadm, "-c", self._path("dovecot.conf"), "who", "-1", user],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
            if user.encode() not in who.stdout:
                return
        raise RuntimeError("%s still serves %s" % (self.name, user))

    def mail_root(self, user):
        """Where this user's mail lies (for writing it there before the first login)."""
        return self._path("mail", user, "Maildir" if self.mail_format == "maildir" else "sdbox")

    def own(self, path):
        """Hand files written by the test over to the user Dovecot reads mail as."""
        if os.geteuid() != 0:
            return
        os.chown(path, self.uid, self.gid)
        for root, dirs, files in os.walk(path):
            for entry in dirs + files:
                os.chown(os.path.join(root, entry), self.uid, self.gid)

    # ---- inside ----

    def _path(self, *parts):
        return os.path.join(self.dir, *parts)

    def _choose_users(self):
        if os.geteuid() == 0:
            mail = _first_user("nobody", "mail")
            self.internal = _first_user("dovecot", "nobody")
            self.login = _first_user("dovenull", "nobody")
            self.chroot = ""
        else:
            mail = self.internal = self.login = pwd.getpwuid(os.geteuid())
            self.chroot = "chroot ="
        self.uid, self.gid = mail.pw_uid, mail.pw_gid

    def _prepare(self, cert, ca):
        os.mkdir(self._path("run"), 0o755)
        os.mkdir(self._path("mail"), 0o755)
        self.own(self._path("mail"))
        self.ca = ca
        if cert is None:
            self.ca = ca or certs.CA(self._path("ca"))
            cert = self.ca.valid()
        self.ca_file = self.ca.file if self.ca else None
        self.cert, self.key = cert
        self._write_users()

    def _write_users(self):
        for directory, entries in (("users", self.users), ("masters", self.masters)):
            os.mkdir(self._path(directory), 0o755)
            for user, password in entries.items():
                self._write_user(directory, user, password)

    def _write_user(self, directory, user, password):
        # A file for each user: Dovecot reads a new one at once, a changed one a second later.
        path = self._path(directory, user)
        with open(path + ".new", "w", encoding="utf-8") as out:
            out.write("%s:%s::::::\n" % (user, _secret(password)))
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    def _location(self):
        if self.mail_format == "maildir":
            return "maildir:~/Maildir" + (":LAYOUT=" + self.layout if self.layout else "")
        return "sdbox:~/sdbox"

    def _write_config(self):
        mailboxes = "".join('  mailbox "%s" {\n    special_use = %s\n  }\n' % item
                            for item in self.special_use.items())
        capability = ""
        if self.without:
            left = [c for c in CAPABILITIES if c not in self.without]
            capability = "imap_capability = " + " ".join(left)
        with open(self._path("dovecot.conf"), "w", encoding="utf-8") as out:
            out.write(CONFIG.format(
                dir=self.dir, instance=os.path.basename(self.dir), internal=self.internal.pw_name,
                internal_group=grp.getgrgid(self.internal.pw_gid).gr_name, login=self.login.pw_name,
                uid=self.uid, gid=self.gid, location=self._location(), fsync=self.fsync,
                disable_plaintext="no" if self.plaintext else "yes", cert=self.cert, key=self.key,
                capability=capability, separator=self.separator, prefix=self.prefix,
                mailboxes=mailboxes, chroot=self.chroot, port=self.port, tls_port=self.tls_port,
                extra=self.extra))

    def _wait_for_greeting(self):
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                    # Somebody else's server may have taken the port: ours says its name.
                    if os.path.basename(self.dir).encode() in s.recv(2000):
                        return True
            except OSError:
                pass
            # Dovecot has no way to tell when it listens, other than listening.
            time.sleep(0.01)
        return False

    def _kill(self):
        """The master and its children: they are one process group, which start() made."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None

    def _remove(self):
        scratch.remove(self.dir)
