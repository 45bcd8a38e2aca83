# SPDX-License-Identifier: Apache-2.0
"""The package over the life of a machine: upgrade with a run going on, removal, purge."""

import pytest

from harness import debian

from .site import Site

TAKEN_UP = "185c94a7e53f40a1825823a677111dcd"


@pytest.fixture
def installed(ca, package):
    """A machine for one test: these leave little of it."""
    own = Site(ca, package)
    try:
        own.install()
        yield own
    finally:
        own.stop()


def version(machine):
    return machine.out("dpkg-query -W -f '${Version} ${db:Status-Status}' mailmig")


def test_upgrade_with_a_run_going_on(installed):
    machine = installed.machine
    newer = installed.copy(debian.package(revision=2))
    with installed.held() as (account, release):
        machine.write("/etc/mailmig/keep-me", "mine\n")
        machine.run("systemctl enable mailmig@%s.timer" % account.name)
        machine.run("systemctl start --no-block %s" % account.service)
        account.wait_for_state("running")
        config = machine.read("/etc/mailmig.conf")
        old_pid = machine.out("systemctl show --value -p MainPID mailmigd")
        waiting = machine.out("systemctl show --value -p MainPID %s" % account.service)

        machine.run("apt install %s" % newer, timeout=90)
        assert version(machine).endswith("-2 installed")
        assert machine.out("systemctl show --value -p MainPID mailmigd") not in ("0", old_pid)
        assert machine.read("/etc/mailmig.conf") == config
        assert machine.exists("/etc/mailmig/keep-me")
        assert machine.out("systemctl is-enabled %s" % account.timer) == "enabled"
        # What somebody has stopped stays so.
        assert machine.out("systemctl is-active %s" % account.timer, check=False) == "inactive"

        # The unit has waited, and the run goes on.
        assert machine.out("systemctl show --value -p MainPID %s" % account.service) == waiting
        assert machine.out("systemctl is-active %s" % account.service, check=False) == "activating"
        account.wait_for_state("running")
        release()
        account.wait_until_arrived()
        machine.wait_for("[ $(systemctl is-active %s) = inactive ]" % account.service)
        assert machine.out("systemctl show --value -p Result %s" % account.service) == "success"
        assert account.journal("MESSAGE_ID=" + TAKEN_UP)


def test_installed_again(installed):
    """Removing keeps configuration and state: the next installation goes on with them."""
    machine = installed.machine
    account = installed.new_account(schedule="1s")
    stopped = installed.new_account(schedule="1s")
    machine.run("systemctl enable %s" % stopped.timer)
    machine.run("systemctl enable --now %s" % account.timer)
    account.wait_until_arrived()

    machine.run("apt remove mailmig", stdin="y\n")
    assert version(machine).endswith("config-files")
    assert machine.exists("/etc/mailmig/accounts.d/%s.conf" % account.name)
    assert machine.exists("/var/lib/mailmig/mailmig.db")
    # Not dead units that systemd has to keep in memory.
    assert machine.out("systemctl list-units --failed --no-legend 'mailmig*'") == ""

    account.fill(3)
    machine.run("apt install ./%s" % installed.package.name)
    assert machine.out("systemctl is-active %s" % account.timer) == "active"
    assert machine.out("systemctl is-active %s" % stopped.timer, check=False) == "inactive"
    assert not machine.exists("/etc/mailmig/.timers-stopped")
    account.wait_until_arrived()
    assert account.status()["totals"]["messages"] == account.copied()


def test_removed_and_purged_in_mid_run(installed):
    machine = installed.machine
    with installed.held(schedule="Sun 04:05") as (account, _):
        machine.run("systemctl enable --now %s" % account.timer)
        machine.run("systemctl start --no-block %s" % account.service)
        account.wait_for_state("running")
        machine.write("/var/lib/mailmig/backup/alice/cur/1", "a backup\n")

        machine.run("apt remove mailmig", stdin="y\n", timeout=90)
        for name in ("mailmigd", "mailmigctl", "mailmig-worker"):
            assert not machine.processes(name)
        assert not machine.exists("/run/mailmig")
        assert machine.out("systemctl list-units --failed --no-legend 'mailmig*'") == ""
        assert machine.out("systemctl list-units --no-legend 'mailmig*'") == ""

        machine.run("apt purge mailmig", stdin="y\n")
        left = machine.out("find / -xdev -name '*mailmig*' -not -path '/proc/*' -not -path "
                           "'/root/*' -not -path '/var/lib/dpkg/*' -not -path '/var/cache/*'")
        # Mail stays: there may be no other copy of it.
        assert left.splitlines() == ["/var/lib/mailmig"]
        assert machine.out("find /var/lib/mailmig -type f") == "/var/lib/mailmig/backup/alice/cur/1"
