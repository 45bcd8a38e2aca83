# SPDX-License-Identifier: Apache-2.0
"""A machine with two mail servers and mailmig, and what the tests do there again and again."""

import contextlib
import itertools
import json
import threading

from harness import proxy
from harness.mailmig import libconfig_file, Raw

from . import servers
from .machine import Machine, wait_for

MAIN = {
    "min_free": "1MiB",
    "uncertain_wait": "1s",
    "servers": ({"name": "old", "host": "imap.old.example"},
                {"name": "new", "host": "imap.new.example"}),
}

ACCOUNTS = "/etc/mailmig/accounts.d"
SECRETS = "/etc/mailmig/secrets"

MESSAGES = 30

_numbers = itertools.count(1)


def new_name():
    return "user%d" % next(_numbers)


class Account:
    """One account with a user of its own on both servers."""

    def __init__(self, site, name):
        self.site = site
        self.name = name
        self.timer = "mailmig@%s.timer" % name
        self.service = "mailmig@%s.service" % name

    # ---- what the servers say ----

    def fill(self, messages=MESSAGES, size=600):
        self.site.origin.fill(self.name, messages, size=size, first=next(_numbers) * 10000)

    def arrived(self):
        """All mail of the origin is at the destination, as often as there and nothing else."""
        ours = self.site.origin.digests(self.name)
        theirs = self.site.destination.digests(self.name)
        return ours == theirs

    def copied(self):
        return len(self.site.destination.digests(self.name))

    # ---- what mailmig says ----

    def status(self):
        whole = json.loads(self.site.machine.out("mailmigctl status --json %s" % self.name))
        return whole["accounts"][0]

    def state(self):
        return self.status()["state"]

    def last(self, key="result"):
        last = self.status()["last_run"]
        return last[key] if last else None

    def journal(self, *fields):
        """The entries of this account with such fields, oldest first."""
        command = "journalctl --output json --no-pager MAILMIG_ACCOUNT=%s %s" % (
            self.name, " ".join(fields))
        return [json.loads(line) for line in self.site.machine.out(command).splitlines()]

    def wait_for_state(self, state):
        return wait_for(lambda: self.state() == state, "%s to be %s" % (self.name, state))

    def wait_until_arrived(self, timeout=30):
        def question():
            return self.arrived() and self.last() == "ok"

        wait_for(question, lambda: "all mail of %s: %d there, %s\n%s" % (
            self.name, self.copied(), self.status(),
            self.site.machine.out("journalctl --no-pager -n 40", check=False)), timeout)


class Gate(proxy.Proxy):
    """Lets so many octets of the server through, all connections together, and no more until it
    is opened."""

    def __init__(self, server, octets):
        self.allowed = octets
        self.opened = threading.Event()
        super().__init__(server)

    def _pass(self, way, kind, piece, sink, after_literal):
        if way == "down" and self.octets["down"] > self.allowed:
            self.opened.wait()
        return super()._pass(way, kind, piece, sink, after_literal)

    def open(self):
        self.opened.set()

    def stop(self):
        self.open()
        super().stop()


class Site:
    def __init__(self, ca, package):
        self.package = package
        self.machine = Machine().start()
        try:
            self.origin, self.destination = servers.start(self.machine, ca)
            self.copy(package)
        except BaseException:
            self.machine.stop()
            raise

    def stop(self):
        self.machine.stop()

    def copy(self, package):
        """A package into root's home; the name that it has there."""
        self.machine.write("/root/" + package.name, package.read_bytes())
        return "./" + package.name

    def install(self):
        """As README.md says, with no account as yet."""
        self.machine.run("apt install ./%s" % self.package.name)
        self.machine.write("/etc/mailmig.conf", libconfig_file(MAIN), 0o640, "root:mailmig")
        self.reload()

    def reload(self, check=True):
        return self.machine.run("systemctl reload mailmigd", check)

    def new_account(self, name=None, messages=MESSAGES, password="secret", server="old",
                    origin=None, destination=None, **keys):
        """Account with a user of its own and so many messages; the daemon has read it. origin,
        destination: the secret of that end, as keys; else it is in a file."""
        account = Account(self, name or new_name())
        entry = {"name": account.name}
        for end, where, secret in (("origin", server, origin),
                                   ("destination", "new", destination)):
            secret = secret or {"password_file": self.secret(account.name + "-" + end, password)}
            entry[end] = {"server": where, "user": account.name, **secret}
        for each in (self.origin, self.destination):
            each.add_user(account.name, password)
        if messages:
            account.fill(messages)
        self.machine.write("%s/%s.conf" % (ACCOUNTS, account.name),
                           libconfig_file({"accounts": ({**entry, **keys}, )}), 0o640,
                           "root:mailmig")
        self.reload()
        return account

    def remove_account(self, account):
        self.machine.run("systemctl disable --now %s; systemctl stop %s; rm %s/%s.conf" % (
            account.timer, account.service, ACCOUNTS, account.name), check=False)
        self.reload(check=False)  # it may be the package that was removed

    def secret(self, label, password="secret"):
        path = "%s/%s" % (SECRETS, label)
        self.machine.write(path, password + "\n", 0o600, "mailmig:mailmig")
        return path

    @contextlib.contextmanager
    def held(self, messages=MESSAGES, octets=8000, **keys):
        """An account whose origin falls silent in the middle of its first run, after so many
        octets. Yields it and what makes the origin go on."""
        with self.machine.network():
            gate = Gate(self.origin, octets)
        with gate:
            server = {"name": "held%d" % gate.port, "host": "127.0.0.1", "port": gate.port,
                      "tls": "none", "allow_cleartext": Raw("true")}
            path = "%s/%s.conf" % (ACCOUNTS, server["name"])
            self.machine.write(path, libconfig_file({"servers": (server, )}), 0o640,
                               "root:mailmig")
            account = self.new_account(messages=messages, server=server["name"],
                                       limits={"connections": 1}, **keys)
            try:
                yield account, gate.open
            finally:
                gate.open()
                self.machine.run("rm -f %s" % path)
                self.remove_account(account)
