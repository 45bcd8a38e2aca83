# SPDX-License-Identifier: Apache-2.0
"""mailmigctl check: configuration, secrets and the state directory, with and without the daemon."""

import os
import pwd
import re

import pytest

from harness.checks import broken, check, tree


# ---- secrets and configuration ----

@pytest.mark.parametrize("spoil, words", [
    (lambda path: os.chmod(path, 0o644), ["can be read by everyone", "chmod 0640"]),
    (os.unlink, ["does not exist", "chmod 0640"]),
    (lambda path: open(path, "wb").close(), ["is empty", "install -o root -m 600 /dev/stdin"]),
])
def test_secret_file(make_pair, mm, spoil, words):
    pair = make_pair()
    spoil(mm.accounts[0]["origin"]["password_file"])
    found = broken(pair, "origin secret", 3, *words)
    # Without a password there is still a server to look at.
    assert found.line(pair.account, "origin TLS")[0] == "ok"
    assert "origin login" not in found.items(pair.account)
    # The same without the daemon.
    offline = check(mm, "--offline", pair.account)
    assert offline.rc == 3
    assert offline.line(pair.account, "origin secret") == found.line(pair.account, "origin secret")


def test_secret_command_that_fails(make_pair):
    pair = make_pair(origin_keys={"password_command": "exit 7"})
    broken(pair, "origin secret", 3, "runuser -u ")


def test_credential_of_the_unit(make_pair):
    """It is given to the runs that systemd starts, and to nobody else."""
    pair = make_pair(origin_keys={"password_credential": "isp"})
    pair.mm.start()
    found = check(pair.mm, pair.account)
    assert found.rc == 0
    result, text = found.line(pair.account, "origin secret")
    assert result == "warn"
    assert "systemctl start mailmig@%s.service" % pair.account in text
    assert "origin login" not in found.items(pair.account)
    assert "not tried here" in check(pair.mm, "--offline").line(pair.account, "origin secret")[1]


def test_invalid_configuration(pair, mm):
    with open(mm.config, "a", encoding="utf-8") as f:
        f.write('nonsense = 1;\nmax_jobs = "many";\n')
    found = check(mm)
    assert found.rc == 3
    lines = [t for r, a, i, t in found.lines if (r, a, i) == ("FAIL", "-", "configuration")]
    assert len(lines) == 2
    for text, word in zip(lines, ("nonsense", "max_jobs")):
        assert re.match(re.escape(mm.config) + r":\d+: ", text) and word in text
        assert text.endswith("then: mailmigctl reload")
    # The daemon goes on with what it has, and that is well.
    assert found.line(pair.account, "origin login")[0] == "ok"
    assert [t for r, a, i, t in check(mm, "--offline").lines] == lines


def test_configuration_not_read_yet(pair, mm):
    mm.servers[0]["timeout"] = "3min"
    mm.write_config()
    found = check(mm)
    assert found.rc == 0
    result, text = found.line("-", "configuration")
    assert result == "warn" and "1 of them not as mailmigd has it" in text
    assert "mailmigctl reload" in text
    assert mm.ctl("reload").rc == 0
    assert check(mm).line("-", "configuration")[0] == "ok"
    assert pair.account in check(mm).out


def test_paused_account(pair):
    assert pair.mm.ctl("pause", pair.account).rc == 0
    for args in ((), (pair.account,)):
        found = check(pair.mm, *args)
        assert found.rc == 0
        result, text = found.line(pair.account, "paused")
        assert result == "warn" and "mailmigctl resume " + pair.account in text


def test_unknown_account(pair):
    got = pair.mm.ctl("check", "nobody")
    assert (got.rc, got.out) == (3, "") and "nobody" in got.err
    found = check(pair.mm, "--offline", "nobody")
    assert found.rc == 3 and found.line("-", "account")[0] == "FAIL"


# ---- without the daemon ----

def test_no_daemon(make_pair, mm):
    pair = make_pair()
    mm.write_config()
    os.mkdir(mm.state, 0o700)
    found = check(mm)
    assert found.rc == 4
    assert found.not_ok() == [("FAIL", "-", "daemon")]
    assert "systemctl start mailmigd" in found.line("-", "daemon")[1]
    assert found.items("-") == ["daemon", "configuration", "state directory", "leftovers", "disk"]
    assert found.items(pair.account) == ["origin secret", "destination secret"]


def test_offline(make_pair, mm):
    pair = make_pair(origin_keys={"password_command": "touch %s/ran" % mm.dir}, schedule="10min")
    mm.write_config()
    found = check(mm, "--offline")
    assert found.rc == 10  # no state directory, and no daemon to make it
    assert found.not_ok() == [("FAIL", "-", "state directory")]
    assert "install -d -m 0700" in found.line("-", "state directory")[1]
    os.mkdir(mm.state, 0o700)
    before = tree(mm.dir)
    found = check(mm, "--offline")
    assert found.rc == 0 and found.not_ok() == []
    assert found.line(pair.account, "schedule") == ("ok", "10min")
    assert tree(mm.dir) == before  # nothing was written, no command was run


def no_such_user(name):
    try:
        return not pwd.getpwnam(name)
    except KeyError:
        return True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be taken for the service")
def test_root_looks_with_the_eyes_of_the_service(make_pair, mm):
    """It is whoever owns the state directory; root itself may read everything."""
    pair = make_pair()
    mm.write_config()
    os.mkdir(mm.state, 0o700)
    nobody = pwd.getpwnam("nobody")
    os.chown(mm.state, nobody.pw_uid, nobody.pw_gid)
    for path in (mm.dir, os.path.join(mm.dir, "secrets")):
        os.chmod(path, 0o755)
    found = check(mm, "--offline")
    # Where there is the usual user of the service, nobody is the wrong owner, too.
    usual = [] if no_such_user("mailmig") else [("FAIL", "-", "state directory")]
    assert found.rc == (10 if usual else 3)
    text = [t for r, a, i, t in found.lines if (r, i) == ("FAIL", "configuration")]
    assert len(text) == 1 and "chown root:mailmig " + mm.config in text[0]
    result, text = found.line(pair.account, "origin secret")
    assert result == "FAIL" and "cannot be read by this user" in text
    for path in (mm.config, mm.accounts[0]["origin"]["password_file"],
                 mm.accounts[0]["destination"]["password_file"]):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    assert check(mm, "--offline").not_ok() == usual
    accounts = os.path.join(mm.state, "accounts")
    os.mkdir(accounts)
    with open(os.path.join(accounts, "x.db"), "wb"):
        pass
    found = check(mm, "--offline")
    assert found.not_ok() == usual + [("FAIL", "-", "state files")] and found.rc == 10
    assert found.line("-", "state files")[1].endswith("chown -R --reference=%s %s"
                                                      % (mm.state, accounts))


def test_state_directory(make_pair, mm):
    make_pair()
    mm.write_config()
    os.makedirs(os.path.join(mm.state, "accounts"), 0o700)
    os.chmod(mm.state, 0o755)
    left = os.path.join(mm.state, "accounts", "x.db.damaged-17")
    with open(left, "wb"):
        pass
    found = check(mm, "--offline")
    assert found.rc == 0
    assert found.line("-", "state directory")[0] == "warn"
    assert "chmod 0700 " + mm.state in found.line("-", "state directory")[1]
    assert found.line("-", "leftovers")[0] == "warn"
    assert found.line("-", "leftovers")[1].endswith("rm " + left)
