# SPDX-License-Identifier: Apache-2.0
"""Timers and runs as systemd shows them: systemctl, list-timers, journalctl."""

import datetime
import json
import re

from .machine import wait_for

START = "2782b8b189754090885eda1afcd0cc58"
FINISHED = "c7d95d85f8b34b15aefaa1e6fd7edb6c"
CANCELLED = "69cf9e17840b4f07be4de787c016aae3"


def runs(account, message=FINISHED):
    return len(account.journal("MESSAGE_ID=" + message))


def next_elapse(machine, account):
    """When systemd will start it, as systemd prints it; "" when it will not."""
    text = machine.out("systemctl show --value -p NextElapseUSecRealtime -p "
                       "NextElapseUSecMonotonic %s" % account.timer)
    return [line for line in text.splitlines() if line not in ("", "infinity")]


def test_timer_fires_and_mail_arrives(site):
    machine = site.machine
    account = site.new_account(schedule="1s")
    machine.run("systemctl enable --now %s" % account.timer)
    account.wait_until_arrived()

    account.fill(7)
    wait_for(account.arrived, "mail that came later")
    wait_for(lambda: runs(account) >= 3, "a third run")
    line = machine.wait_for("systemctl list-timers --no-legend %s" % account.timer)
    assert account.service in line
    status = machine.out("systemctl status %s" % account.service, check=False)
    assert "mailmig@%s.timer" % account.name in status and "status=0/SUCCESS" in status
    assert machine.out("systemctl show --value -p Result %s" % account.service) == "success"

    machine.run("systemctl disable --now %s" % account.timer)
    wait_for(lambda: account.state() == "idle", "the last run to end")
    assert not next_elapse(machine, account)
    site.remove_account(account)


def test_journal_of_a_run(site):
    account = site.new_account(messages=3)
    site.machine.run("systemctl start %s" % account.service)
    last = account.status()["last_run"]

    started, = account.journal("MESSAGE_ID=" + START)
    finished, = account.journal("MESSAGE_ID=" + FINISHED)
    for entry in (started, finished):
        assert entry["MAILMIG_ACCOUNT"] == account.name
        assert entry["MAILMIG_RUN"] == last["id"]
        assert entry["MAILMIG_JOB"] == "sync"
        assert entry["_SYSTEMD_UNIT"] == "mailmigd.service"
    assert finished["MAILMIG_RESULT"] == "ok"
    assert int(finished["PRIORITY"]) == 6

    text = site.machine.out("journalctl -x MAILMIG_ACCOUNT=%s" % account.name)
    assert "The run of account %s has finished" % account.name in text
    assert "all entries of this run" in text.lower() and "@MAILMIG" not in text
    unit = site.machine.out("journalctl -u %s" % account.service)
    assert re.search(r"copied +3\b", unit), unit
    site.remove_account(account)


def test_failed_run_fails_its_unit(site):
    account = site.new_account(messages=1)
    site.secret("%s-origin" % account.name, "not this")
    done = site.machine.run("systemctl start %s" % account.service, check=False)

    assert done.rc != 0
    show = "systemctl show --value -p ExecMainStatus %s" % account.service
    assert site.machine.out(show) == "5"
    assert "AUTHENTICATIONFAILED" in site.machine.out("journalctl -u %s" % account.service)
    failed, = account.journal("MAILMIG_RESULT=failed")
    assert int(failed["PRIORITY"]) <= 4
    assert "secret" not in json.dumps(failed).replace("/secrets/", "")

    site.secret("%s-origin" % account.name)
    site.machine.run("systemctl start %s" % account.service)
    assert account.arrived()
    site.remove_account(account)


def test_live_progress_and_stop(site):
    machine = site.machine
    with site.held(messages=40) as (account, release):
        machine.run("systemctl start --no-block %s" % account.service)
        wait_for(lambda: account.state() == "running" and account.status()["progress"], "the run")
        machine.wait_for("systemctl status %s | grep -q 'Status: .*/40 messages'" % account.service)
        status = machine.out("systemctl status %s" % account.service, check=False)
        assert "activating (start)" in status
        daemon = machine.out("systemctl show --value -p StatusText mailmigd")
        assert daemon.startswith("1 running"), daemon

        machine.run("systemctl stop %s" % account.service, timeout=30)
        assert account.last() == "cancelled"
        assert runs(account, CANCELLED) == 1
        assert machine.out("systemctl is-active %s" % account.service, check=False) == "inactive"
        assert machine.out("systemctl show --value -p Result %s" % account.service) == "success"
        assert not machine.processes("mailmig-worker")

        release()
        machine.run("systemctl start %s" % account.service)
        assert account.arrived()


def test_reload_with_a_broken_file(site):
    machine = site.machine
    account = site.new_account(schedule="Mon..Fri 22:07")
    machine.run("systemctl enable --now %s" % account.timer)
    before = next_elapse(machine, account)
    assert " 22:07:" in before[0], before
    own = "/etc/mailmig/accounts.d/zz-broken.conf"
    machine.write(own, 'accounts = ( { name = "broken"; shcedule = "1h"; } );\n', 0o640,
                  "root:mailmig")

    done = machine.run("mailmigctl reload", check=False)
    assert done.rc == 3 and "%s:1:" % own in done.err and "schedule" in done.err, done
    assert machine.run("systemctl reload mailmigd", check=False).rc != 0
    assert machine.out("systemctl is-active mailmigd") == "active"
    assert account.state() == "never-run"
    machine.run("mailmigctl run %s" % account.name)
    assert account.arrived()

    machine.run("systemctl daemon-reload")
    waiting = "systemctl show --value -p SubState %s" % account.timer
    assert machine.out(waiting) == "waiting"
    assert next_elapse(machine, account), "a timer that never fires again"

    machine.run("rm %s" % own)
    machine.run("systemctl reload mailmigd")
    assert machine.out(waiting) == "waiting"
    assert next_elapse(machine, account) == before
    site.remove_account(account)


def test_invalid_schedule(site):
    machine = site.machine
    account = site.new_account(schedule="Sat 21:08")
    machine.run("systemctl enable --now %s" % account.timer)
    path = "/etc/mailmig/accounts.d/%s.conf" % account.name
    right = machine.read(path)
    machine.path(path).write_text(right.replace("Sat 21:08", "Sat 31:08"), encoding="utf-8")

    done = machine.run("mailmigctl reload", check=False)
    assert done.rc == 3 and "Sat 31:08" in done.err, done
    machine.run("systemctl daemon-reload")
    assert machine.out("systemctl show --value -p SubState %s" % account.timer) == "waiting"
    entry = machine.out("journalctl --no-pager -t mailmig-generator", check=False)
    assert "31:08" in entry, entry

    machine.path(path).write_text(right, encoding="utf-8")
    machine.run("mailmigctl reload")
    assert " 21:08:" in next_elapse(machine, account)[0]
    site.remove_account(account)


def test_verbs_over_the_bus(site):
    machine = site.machine
    account = site.new_account(messages=2, schedule="Sun 04:05")
    wanted = "/etc/systemd/system/timers.target.wants/" + account.timer

    def timers():
        listed = json.loads(machine.out("mailmigctl timers --json"))["timers"]
        return [t for t in listed if t["account"] == account.name]

    assert "timer enabled" in machine.out("mailmigctl enable %s" % account.name)
    assert machine.exists(wanted)
    assert machine.out("systemctl is-active %s" % account.timer) == "active"
    timer, = timers()
    assert timer["enabled"] and timer["next"], timer
    status = account.status()["timer"]
    assert status["enabled"]
    when = datetime.datetime.fromisoformat(status["next"].replace("Z", "+00:00"))
    assert when.astimezone(datetime.timezone.utc).weekday() == 6 and when.hour == 4, status
    assert account.name in machine.out("mailmigctl timers")

    # Not everybody's to change, but the service's group may look.
    machine.run("useradd --groups mailmig looker")
    assert machine.run("mailmigctl timers", user="looker").rc == 0
    denied = machine.run("mailmigctl disable %s" % account.name, user="looker", check=False)
    assert denied.rc == 4 and denied.err, denied
    assert machine.exists(wanted)

    assert "timer disabled" in machine.out("mailmigctl disable %s" % account.name)
    assert not machine.exists(wanted)
    assert machine.out("systemctl is-active %s" % account.timer, check=False) == "inactive"
    assert account.status()["timer"]["enabled"] is False

    # One that is in no configuration is pointed out.
    machine.run("systemctl enable --now mailmig@nobody.timer")
    assert "nobody" in machine.out("mailmigctl timers")
    machine.run("systemctl disable --now mailmig@nobody.timer")
    site.remove_account(account)


def test_paused_account(site):
    """Its timer goes on, its unit does not fail, and nothing runs, also after a restart."""
    machine = site.machine
    account = site.new_account()
    machine.run("mailmigctl pause %s" % account.name)
    machine.run("systemctl restart mailmigd")
    machine.run("systemctl start %s" % account.service)
    assert account.state() == "paused" and account.copied() == 0
    assert account.journal("MESSAGE_ID=" + START) == []

    machine.run("mailmigctl resume %s" % account.name)
    machine.run("systemctl start %s" % account.service)
    assert account.arrived()
    log = machine.out("mailmigctl log %s" % account.name)
    assert "run done: %d copied" % account.copied() in log, log
    site.remove_account(account)


def test_reboot(site):
    machine = site.machine
    account = site.new_account(schedule="1s")
    other = site.new_account(messages=0, schedule="Sun 04:05")
    machine.run("systemctl enable --now %s %s" % (account.timer, other.timer))
    account.wait_until_arrived()
    before = runs(account)

    machine.reboot()

    account.fill(5)
    wait_for(lambda: runs(account) > before and account.arrived(), "a run after the reboot")
    assert machine.out("systemctl is-active %s" % other.timer) == "active"
    assert " 04:05:" in next_elapse(machine, other)[0]
    # systemd's LAST may be the boot: mailmig knows better.
    assert other.last() is None
    assert machine.out("systemctl list-units --failed --no-legend 'mailmig*'") == ""
    site.remove_account(account)
    site.remove_account(other)
