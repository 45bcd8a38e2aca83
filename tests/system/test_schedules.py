# SPDX-License-Identifier: Apache-2.0
"""What systemd makes of the generator's lines: no timer ends for good, none runs too often."""

import time

from .machine import wait_for

AFTER_BOOT = 10  # OnBootSec=
STARTED = "2782b8b189754090885eda1afcd0cc58"


def runs(account):
    return len(account.journal("MESSAGE_ID=" + STARTED))


def show(account, *properties):
    return account.site.machine.out("systemctl show --value %s %s" % (
        " ".join("-p " + p for p in properties), account.timer)).split("\n")


def change_schedule(account, old, new):
    path = account.site.machine.path("/etc/mailmig/accounts.d/%s.conf" % account.name)
    text = path.read_text(encoding="utf-8")
    assert '"%s"' % old in text
    path.write_text(text.replace('"%s"' % old, '"%s"' % new), encoding="utf-8")
    account.site.machine.run("mailmigctl reload && systemctl daemon-reload")


def test_a_span_counts_from_the_run_not_from_a_reload(site):
    account = site.new_account(messages=1, schedule="1h")
    site.machine.run("systemctl enable --now %s" % account.timer)
    account.wait_until_arrived()
    wait_for(lambda: show(account, "SubState") == ["waiting"], "the timer to wait again")
    site.machine.run("systemctl daemon-reload")
    before = show(account, "NextElapseUSecMonotonic")
    site.machine.run("systemctl daemon-reload")
    assert show(account, "NextElapseUSecMonotonic") == before
    assert before[0] and "infinity" not in before
    assert runs(account) == 1
    site.remove_account(account)


def test_a_calendar_expression_becomes_a_span(site):
    """The stamp of Persistent= counts for a run, but not as the end of one."""
    account = site.new_account(messages=1, schedule="Sun 04:05")
    site.machine.run("systemctl enable --now %s" % account.timer)
    site.machine.run("systemctl restart %s" % account.timer)  # or a boot: the stamp is read
    assert show(account, "LastTriggerUSec") != [""]
    up = int(site.machine.out("systemctl show --value -p UserspaceTimestampMonotonic")) / 1e6
    wait_for(lambda: time.monotonic() > up + AFTER_BOOT, "the time of the first run to pass")
    change_schedule(account, "Sun 04:05", "1h")
    assert show(account, "SubState") == ["waiting"], "a timer that never fires again"
    change_schedule(account, "1h", "1s")
    account.wait_until_arrived()
    wait_for(lambda: runs(account) > 1, "a second run")
    site.remove_account(account)


def test_losing_the_schedule_for_a_moment(site):
    account = site.new_account(messages=1, schedule="1s")
    site.machine.run("systemctl enable --now %s" % account.timer)
    account.wait_until_arrived()
    path = site.machine.path("/etc/mailmig/accounts.d/%s.conf" % account.name)
    right = path.read_text(encoding="utf-8")
    path.write_text(right + "oops", encoding="utf-8")
    site.machine.run("systemctl daemon-reload")
    assert show(account, "TimersMonotonic") == [""]  # the schedule of the template
    path.write_text(right, encoding="utf-8")
    site.machine.run("systemctl daemon-reload")
    before = runs(account)
    wait_for(lambda: runs(account) > before, "the next run")
    site.remove_account(account)
