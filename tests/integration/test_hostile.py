# SPDX-License-Identifier: Apache-2.0
"""Hostile servers where no run copies: check, plan, and the daemon that hears of a run. (Runs
themselves: tests/dialogues.)"""

import pytest

from harness import corpus
from harness.checks import check
from harness.quirky import Quirky, Script

HUGE = "18446744073709551615"


@pytest.fixture
def hostile(make_pair, origin, destination):
    """A pair with mail and a bad server before one side: side, lines of a script."""
    bad = []

    def make(side, *lines):
        server = {"origin": origin, "destination": destination}[side]
        bad.append(Quirky(server, Script(lines)))
        pair = make_pair(**{"via_" + side: bad[0]})
        with pair.at_origin() as client:
            corpus.simple(client, "INBOX", 3)
        pair.mm.start()
        pair.bad = bad[0]
        return pair

    yield make
    for server in bad:
        server.stop()


def test_check_names_a_folder_that_nobody_can_ask_for(hostile):
    pair = hostile("origin", "on LIST",
                   r'edit1 ^(\* LIST .*)$ => $1* LIST () "/" {5}\r\na\x00b\x1b\n\r\n', "pass")
    found = check(pair.mm, pair.account)
    result, text = found.line(pair.account, "folder map")
    assert result == "warn" and 'a folder whose name is none: "a?b??"' in text
    assert found.rc == 0


@pytest.mark.parametrize("quota", [
    "(STORAGE %s %s MESSAGE %s 0)" % (HUGE, HUGE, HUGE), "(STORAGE -1 5)", "(STORAGE 5)", "STORAGE",
    "(STORAGE 99999999999999999999 99999999999999999999)", "(" + "(" * 5000])
def test_check_with_a_quota_of_nonsense(hostile, quota):
    pair = hostile("destination",
                   "on ^(\\S+) (CAPABILITY|AUTHENTICATE|LOGIN)",
                   "edit CAPABILITY  => CAPABILITY QUOTA\\x20", "pass",
                   "on GETQUOTAROOT",
                   'send * QUOTAROOT INBOX "r"', 'send * QUOTA "r" ' + quota, "send $tag OK done")
    found = check(pair.mm, pair.account)
    assert found.rc in (0, 8) and any("GETQUOTAROOT" in h for h in pair.bad.heard)
    assert "destination quota" in found.items(pair.account)
    assert found.line(pair.account, "destination login")[0] == "ok"


@pytest.mark.parametrize("what", ["RFC822.SIZE", "SIZE", "MESSAGES"])
def test_numbers_beyond_all_numbers_reach_nobody(hostile, what):
    number = "4294967295" if what == "MESSAGES" else HUGE
    pair = hostile("origin", r"edit \b%s \d+ => %s %s" % (what, what, number))
    for args in (("--dry-run",), ()):
        done = pair.run(*args)
        assert done["copied"] == 3 and 0 <= done["bytes"] < 1 << 45
        assert 0 <= done["total_bytes"] < 1 << 46
    last = pair.mm.account_status(pair.account)["last_run"]
    assert last["result"] == "ok" and last["copied"] == 3
    pair.assert_equal()
