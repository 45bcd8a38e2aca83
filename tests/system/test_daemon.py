# SPDX-License-Identifier: Apache-2.0
"""The daemon as a service: woken by its socket, watched, killed, stopped; who may talk to it."""

import re
import time

import pytest

from .machine import wait_for

TAKEN_UP = "185c94a7e53f40a1825823a677111dcd"
DROP_IN = "/run/systemd/system/mailmigd.service.d/test.conf"


def main_pid(machine):
    return int(machine.out("systemctl show --value -p MainPID mailmigd.service"))


def restarts(machine):
    """How often systemd has started it again by itself."""
    return int(machine.out("systemctl show --value -p NRestarts mailmigd.service"))


def workers(machine):
    return machine.processes("mailmig-worker")


@pytest.fixture
def impatient(site):
    """The service with a short watchdog and a quick restart."""
    site.machine.write(DROP_IN, "[Service]\nWatchdogSec=2s\nRestartSec=100ms\n")
    site.machine.run("systemctl daemon-reload && systemctl restart mailmigd")
    yield
    site.machine.run("rm %s && systemctl daemon-reload && systemctl restart mailmigd" % DROP_IN)


def test_socket_wakes_the_daemon(site):
    machine = site.machine
    machine.run("systemctl stop mailmigd.service")
    assert machine.out("systemctl is-active mailmigd.socket") == "active"
    assert not machine.processes("mailmigd")

    assert "running since" in machine.out("mailmigctl status")
    assert machine.out("systemctl is-active mailmigd.service") == "active"

    # A restart of the service leaves the socket in its place.
    before = machine.out("stat -c %i /run/mailmig/control")
    machine.run("systemctl restart mailmigd.service")
    assert machine.out("stat -c %i /run/mailmig/control") == before
    assert machine.out("stat -c '%A %U %G' /run/mailmig/control") == "srw-rw---- root mailmig"

    machine.run("systemctl stop mailmigd.service mailmigd.socket")
    gone = machine.run("mailmigctl status", check=False)
    assert gone.rc == 4 and "systemctl start mailmigd" in gone.err, gone
    machine.run("systemctl start mailmigd.socket")
    assert "running since" in machine.out("mailmigctl status")


def test_group_may_others_may_not(site):
    machine = site.machine
    machine.run("useradd --groups mailmig member && useradd stranger")

    assert machine.run("mailmigctl status", user="member").rc == 0
    for command in ("status", "reload"):
        refused = machine.run("mailmigctl " + command, user="stranger", check=False)
        assert refused.rc == 4, refused
        assert "group" in refused.err and "mailmig" in refused.err, refused
    assert machine.run("cat /etc/mailmig.conf", user="stranger", check=False).rc != 0
    assert machine.run("ls /etc/mailmig/secrets /var/lib/mailmig", user="stranger",
                       check=False).out == ""


def test_sandbox_holds(site):
    """What systemd says of the running units is not worse than what the files promise."""
    machine = site.machine
    for unit in ("mailmigd.service", "mailmig@x.service"):
        text = machine.out("systemd-analyze security --no-pager %s" % unit)
        level = float(re.search(r"exposure level for \S+: ([\d.]+)", text).group(1))
        assert level <= 1.3, text
    pid = main_pid(machine)
    status = machine.read("/proc/%d/status" % pid)
    for line in (r"CapEff:\s0+", r"NoNewPrivs:\s1", r"Seccomp:\s2"):
        assert re.search("^%s$" % line, status, re.M), line
    assert re.search(r"core file size +0 ", machine.read("/proc/%d/limits" % pid))


def test_watchdog(site, impatient):  # pylint: disable=unused-argument
    """A daemon that hangs is killed and started again, and the run goes on."""
    machine = site.machine
    with site.held() as (account, release):
        machine.run("systemctl start --no-block %s" % account.service)
        account.wait_for_state("running")
        old = main_pid(machine)
        assert workers(machine)

        machine.run("kill -STOP %d" % old)
        wait_for(lambda: main_pid(machine) not in (0, old), "a new daemon", 20)
        entries = machine.out("journalctl --no-pager -u mailmigd -n 50")
        assert "Watchdog timeout" in entries, entries
        assert restarts(machine) == 1

        release()
        account.wait_until_arrived()
        wait_for(lambda: machine.out("systemctl is-active %s" % account.service,
                                     check=False) == "inactive", "the unit to end")
        assert machine.out("systemctl show --value -p Result %s" % account.service) == "success"
        assert account.journal("MESSAGE_ID=" + TAKEN_UP)
        assert not workers(machine)


def test_killed_daemon(site, impatient):  # pylint: disable=unused-argument
    machine = site.machine
    with site.held() as (account, release):
        machine.run("systemctl start --no-block %s" % account.service)
        account.wait_for_state("running")
        old, theirs = main_pid(machine), workers(machine)
        assert len(theirs) == 1

        machine.run("kill -KILL %d" % old)
        wait_for(lambda: main_pid(machine) not in (0, old), "a new daemon", 20)
        assert restarts(machine) == 1
        assert theirs[0] not in workers(machine), "an orphan"

        account.wait_for_state("running")
        assert len(workers(machine)) == 1
        release()
        account.wait_until_arrived()
        assert machine.wait_for("systemctl show --value -p Result %s" %
                                account.service) == "success"


def test_stop_while_running(site):
    """Stopping the service ends the run at a message border; the next start takes it up."""
    machine = site.machine
    with site.held() as (account, release):
        machine.run("mailmigctl run --no-wait %s" % account.name)
        account.wait_for_state("running")

        began = time.monotonic()
        machine.run("systemctl stop mailmigd.service", timeout=40)
        assert time.monotonic() - began < 20
        assert machine.out("systemctl show --value -p Result mailmigd.service") == "success"
        assert not workers(machine)

        release()
        machine.run("systemctl start mailmigd.service")
        account.wait_until_arrived()
        assert account.journal("MESSAGE_ID=" + TAKEN_UP)


def test_broken_configuration_at_start(site):
    """The daemon does not start, says why, and does not try again and again."""
    machine = site.machine
    machine.write("/etc/mailmig/accounts.d/zz.conf", "accounts = 7;\n", 0o640, "root:mailmig")
    machine.run("systemctl stop mailmigd.service")
    done = machine.run("systemctl start mailmigd.service", check=False)
    assert done.rc != 0
    assert machine.out("systemctl show --value -p ExecMainStatus mailmigd.service") == "3"
    assert "accounts.d/zz.conf:1" in machine.out("journalctl --no-pager -u mailmigd -n 20")
    assert machine.out("systemctl is-active mailmigd.service", check=False) == "failed"

    machine.run("rm /etc/mailmig/accounts.d/zz.conf")
    machine.run("systemctl start mailmigd.socket mailmigd.service")
    assert "running since" in machine.out("mailmigctl status")
