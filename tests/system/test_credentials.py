# SPDX-License-Identifier: Apache-2.0
"""Passwords as credentials of systemd, plain and encrypted, and as secrets that mailmig stores."""

import pytest

from .site import new_name

PLAIN = "/etc/credstore"
ENCRYPTED = "/etc/credstore.encrypted"
PASSWORD = "from a credential"
KEPT = "kept by mailmig"


def place(site, label, password, encrypted, name=None):
    """A credential `label`, in one of the places where systemd looks for it."""
    machine = site.machine
    machine.run("install -d -m 700 %s %s" % (PLAIN, ENCRYPTED))
    if encrypted:
        machine.run("systemd-creds encrypt --with-key=host --name=%s - %s/%s" % (
            name or label, ENCRYPTED, label), stdin=password)
    else:
        machine.write("%s/%s" % (PLAIN, label), password, 0o600)


def account_with(site, encrypted):
    """An account whose two passwords are credentials, and their names."""
    name = new_name()
    labels = [name + ".origin", name + ".destination"]
    for label in labels:
        place(site, label, PASSWORD, encrypted)
    account = site.new_account(name, messages=5, password=PASSWORD,
                               origin={"password_credential": labels[0]},
                               destination={"password_credential": labels[1]})
    return account, labels


def forget(site, account, labels):
    for label in labels:
        site.machine.run("rm -f %s/%s %s/%s" % (PLAIN, label, ENCRYPTED, label))
    site.remove_account(account)


@pytest.fixture(scope="module", autouse=True)
def host_key(site):
    site.machine.run("systemd-creds setup")


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_credential(site, encrypted):
    account, labels = account_with(site, encrypted)
    done = site.machine.run("systemctl start %s" % account.service, check=False)
    assert done.rc == 0, site.machine.out("journalctl --no-pager -n 20")
    assert account.arrived() and account.copied() == 5

    # By hand there is no unit that has them; what to do is said.
    by_hand = site.machine.run("mailmigctl run %s" % account.name, check=False)
    assert by_hand.rc == 3 and "systemctl start mailmig@" in by_hand.out, by_hand

    # A changed one is there for the next run, and needs no reload.
    for server in (site.origin, site.destination):
        server.add_user(account.name, "changed")
    for label in labels:
        place(site, label, "changed", encrypted)
    account.fill(3)
    site.machine.run("systemctl start %s" % account.service)
    assert account.arrived()
    assert PASSWORD not in site.machine.out("journalctl --no-pager -o json")
    forget(site, account, labels)


@pytest.mark.parametrize("fault", ["corrupt", "other-name", "missing"])
def test_broken_credential_hurts_one_account(site, fault):
    machine = site.machine
    bad, bad_labels = account_with(site, True)
    good, good_labels = account_with(site, True)
    path = "%s/%s" % (ENCRYPTED, bad_labels[0])
    if fault == "corrupt":
        machine.write(path, "bm90IGEgY3JlZGVudGlhbA==\n", 0o600)
    elif fault == "other-name":
        place(site, bad_labels[0], PASSWORD, True, name="another")
    else:
        machine.run("rm %s" % path)

    assert machine.run("systemctl start %s" % bad.service, check=False).rc != 0
    assert bad.copied() == 0
    said = machine.out("journalctl --no-pager -u %s" % bad.service)
    assert ("status=243/CREDENTIALS" if fault != "missing" else bad_labels[0]) in said, said
    assert machine.out("systemctl is-active mailmigd") == "active"
    machine.run("systemctl start %s" % good.service)
    assert good.arrived()
    machine.run("systemctl restart mailmigd")

    place(site, bad_labels[0], PASSWORD, True)
    machine.run("systemctl start %s" % bad.service)
    assert bad.arrived()
    forget(site, bad, bad_labels)
    forget(site, good, good_labels)


def test_stored_secret(site):
    """mailmigctl secret: no file of the administrator's, nothing to read for others."""
    machine = site.machine
    name = new_name()
    labels = [name + "-origin", name + "-destination"]
    for label in labels:
        machine.run("mailmigctl secret set %s" % label, stdin=KEPT + "\n")
    account = site.new_account(name, messages=4, password=KEPT,
                               origin={"password_stored": labels[0]},
                               destination={"password_stored": labels[1]})
    listed = machine.out("mailmigctl secret list")
    assert labels[0] in listed and account.name in listed and KEPT not in listed

    machine.run("systemctl start %s" % account.service)
    assert account.arrived() and account.copied() == 4
    places = "/var/lib/mailmig /etc/mailmig /run/systemd /var/log/journal"
    assert machine.run("grep -rl '%s' %s" % (KEPT, places), check=False).out == ""
    assert machine.run("ls -A /var/lib/mailmig", check=False, user="nobody").out == ""

    machine.reboot()
    account.fill(2)
    machine.run("mailmigctl run %s" % account.name)
    assert account.arrived()
    site.remove_account(account)
    for label in labels:
        machine.run("mailmigctl secret remove %s" % label)
    assert labels[0] not in machine.out("mailmigctl secret list")
