# SPDX-License-Identifier: Apache-2.0
"""Schedules, as --check and the daemon take and refuse them."""

import os
import shutil
import subprocess

import pytest

from harness.mailmig import program

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")

SURE, UNSURE = "Mon..Fri 22:00", "22:00 Europe/Berlin"


@pytest.fixture(name="scheduled")
def with_schedules(mm):
    """Accounts a, b, c with these schedules, of servers that nobody calls."""
    mm.servers.append({"name": "s", "host": "localhost"})

    def make(*schedules):
        mm.accounts.clear()
        for name, schedule in zip("abc", schedules):
            mm.add_account(name, mm.endpoint("s", "o"), mm.endpoint("s", "d"), schedule=schedule)
        mm.write_config()
        return mm
    return make


def check(mm, **env):
    done = subprocess.run([program("mailmigd"), "--config", mm.config, "--check"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, env={**os.environ, **env})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def accounts(mm):
    return mm.ctl_json("status")[1]["accounts"]


def test_good(scheduled):
    assert check(scheduled("10min", SURE, UNSURE)) == (0, "ok: 3 accounts\n", "")


def test_bad(scheduled):
    mm = scheduled("foo bar", UNSURE, "every tuesday")
    rc, out, err = check(mm)
    assert (rc, out) == (3, "")
    first, second = sorted(err.splitlines())
    assert first.startswith('%s:' % mm.config) and 'schedule = "every tuesday"' in first
    assert 'schedule = "foo bar"' in second
    assert all("systemd-analyze calendar" in line for line in (first, second))


def test_without_systemd_analyze(scheduled, tmp_path):
    """Nobody can tell: that is said, and no error."""
    rc, out, err = check(scheduled("foo bar", SURE, UNSURE), PATH=str(tmp_path))
    assert (rc, out) == (0, "ok: 3 accounts\n")
    assert "2 schedules could not be checked" in err


def test_reload_is_all_or_nothing(scheduled):
    mm = scheduled("10min").start()
    scheduled("10min", "every tuesday")
    got = mm.ctl("reload")
    assert got.rc == 3 and 'schedule = "every tuesday"' in got.err
    assert len(accounts(mm)) == 1
    scheduled("10min", UNSURE)
    assert mm.ctl("reload").rc == 0
    assert len(accounts(mm)) == 2


def test_start(scheduled):
    mm = scheduled(UNSURE, SURE).start()
    assert len(accounts(mm)) == 2
    assert "schedule" not in mm.log()
