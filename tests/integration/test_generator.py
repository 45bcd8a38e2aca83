# SPDX-License-Identifier: Apache-2.0
"""mailmig-generator: a tree with a configuration in, a tree of drop-ins out."""

import os
import random
import shutil
import stat
import subprocess
import time

import pytest

from harness.mailmig import Raw, libconfig, libconfig_file, program

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")

SCHEDULE = "50-mailmig-schedule.conf"
CREDENTIALS = "50-mailmig-credentials.conf"


class Tree:
    def __init__(self, path):
        self.root = path / "root"
        self.out = path / "out"
        self.config = self.root / "etc/mailmig.conf"
        self.more = self.root / "etc/mailmig/accounts.d"
        self.more.mkdir(parents=True)
        self.out.mkdir()

    def write(self, *accounts, **keys):
        self.config.write_text(libconfig_file({**keys, "accounts": list(accounts)}))

    def run(self, rc=0, env=(), args=None):
        done = subprocess.run([program("mailmig-generator"), *(args or [self.out])],
                              env={**os.environ, "MAILMIG_GENERATOR_ROOT": str(self.root), **dict(env)},
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        err = done.stderr.decode().replace(str(self.root), "")
        assert done.returncode == rc, err
        return err.replace("mailmig-generator: ", "").splitlines()

    def files(self):
        return sorted(str(p.relative_to(self.out)) for p in self.out.rglob("*") if not p.is_dir())

    def lines(self, name, file=SCHEDULE, kind="timer"):
        """What systemd reads of it."""
        text = (self.out / ("mailmig@%s.%s.d" % (name, kind)) / file).read_text()
        return [line for line in text.split("\n") if line and not line.startswith("#")]

    def timers(self):
        return sorted(f.split("/")[0][len("mailmig@"):-len(".timer.d")] for f in self.files()
                      if f.endswith(SCHEDULE))


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    return Tree(tmp_path)


def account(name, schedule=None, **keys):
    return {"name": name, **({"schedule": schedule} if schedule is not None else {}), **keys}


def calendar(text):
    return ["[Timer]", "OnCalendar=", "OnCalendar=" + text, "RandomizedDelaySec=30s"]


def span(seconds):
    return ["[Timer]", "OnCalendar=", "OnBootSec=10s", "OnActiveSec=%ds" % seconds,
            "OnUnitInactiveSec=%ds" % seconds, "Persistent=false", "RandomizedDelaySec=0"]


def test_tree_in_tree_out(tree):
    tree.write(account("family", "10min"), account("office", "Mon..Fri 22:00"), account("plain"))
    (tree.more / "zz.conf").write_text(libconfig_file({"accounts": [account("late", "1h 30min")]}))
    (tree.more / "aa.conf").write_text(libconfig_file({"accounts": [account("early", "5s")]}))
    assert not tree.run()
    assert tree.timers() == ["early", "family", "late", "office"]
    assert len(tree.files()) == 4
    source = ["[Unit]", "SourcePath=%s" % tree.config]
    assert tree.lines("family") == source + span(600)
    assert tree.lines("office") == source + calendar("Mon..Fri 22:00")
    assert tree.lines("late") == ["[Unit]", "SourcePath=%s/zz.conf" % tree.more] + span(5400)
    assert tree.lines("early")[2:] == span(5)
    for path in tree.out.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644)


def test_nothing_configured(tree):
    assert not tree.run()
    tree.write()
    assert not tree.run()
    assert not tree.files()


def test_disabled(tree):
    tree.write(account("off", "hourly", enabled=False), account("on", "hourly", enabled=True))
    tree.run()
    assert tree.timers() == ["on"]


def test_credentials(tree):
    tree.write(account("a", origin={"server": "s", "password_credential": "one"},
                       destination={"server": "t", "password_credential": "two"}),
               account("b", "daily", origin={"server": "s", "password_credential": "same"},
                       destination={"server": "s", "password_credential": "same"}),
               account("c", origin={"server": "t"}, destination={"server": "admin"}),
               account("d", origin={"password_credential": "x y"},
                       destination={"password_credential": "../up"}),
               servers=[{"name": "admin", "admin_user": "root", "password_credential": "key"},
                        {"name": "t", "password_credential": "unused"}])
    tree.run()

    def loaded(name):
        return tree.lines(name, CREDENTIALS, "service")[2:]
    assert loaded("a") == ["[Service]", "LoadCredentialEncrypted=one", "LoadCredentialEncrypted=two"]
    assert loaded("b") == ["[Service]", "LoadCredentialEncrypted=same"]
    assert loaded("c") == ["[Service]", "LoadCredentialEncrypted=key"]
    assert tree.timers() == ["b"]
    assert len(tree.files()) == 4


def test_plain_and_encrypted_credentials(tree):
    """systemd itself would take the plain one for encrypted."""
    for store, names in (("credstore", ("plain", "both")), ("credstore.encrypted", ("sealed", "both"))):
        for name in names:
            path = tree.root / "etc" / store / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("x")
    tree.write(account("a", origin={"password_credential": "plain"},
                       destination={"password_credential": "sealed"}),
               account("b", origin={"password_credential": "both"},
                       destination={"password_credential": "neither"}))
    tree.run()
    assert tree.lines("a", CREDENTIALS, "service")[2:] == [
        "[Service]", "LoadCredential=plain", "LoadCredentialEncrypted=sealed"]
    assert tree.lines("b", CREDENTIALS, "service")[2:] == [
        "[Service]", "LoadCredentialEncrypted=both", "LoadCredentialEncrypted=neither"]


def test_source_with_strange_name_is_left_out(tmp_path):
    strange = tmp_path / "a %n b"
    strange.mkdir()
    tree = Tree(strange)
    tree.write(account("a", "daily"))
    tree.run()
    assert tree.lines("a") == calendar("daily")


# ---- errors: one account's hurt no other ----

BAD = ["foo", "every tuesday", "25:00", "*:0/60", "Mon..Fri 22:00 Nowhere/City", "10 fortnights",
       "0", "20000d", "", "hourly\nOnBootSec=1", "%i", "daily; x", "\"daily\"", "x" * 129, "--help"]


@pytest.mark.parametrize("bad", BAD)
def test_bad_schedule(tree, bad):
    tree.write(account("one", "hourly"), account("bad", bad), account("two", "22:00 UTC"),
               account("three", "2030-01-01 4:00"))
    err = tree.run(1)
    assert tree.timers() == ["one", "three", "two"]
    assert len(err) == 1
    assert err[0].startswith("/etc/mailmig.conf:1: schedule ")


def test_bad_schedules_are_all_told_up_to_ten(tree):
    tree.config.write_text("accounts = (\n%s\n);\n" % ",\n".join(
        libconfig(account("a%d" % i, "bad-%d" % i)) for i in range(15)))
    err = tree.run(1)
    assert err[0].startswith('/etc/mailmig.conf:2: schedule = "bad-0" is neither')
    assert err[9].startswith('/etc/mailmig.conf:11: schedule = "bad-9" is neither')
    assert err[10:] == ["and 5 more: mailmigd --check"]


def test_wrong_types(tree):
    tree.write(account("a", 5), account("b", True), account("c", "daily", enabled="no"),
               account(7, "daily"), {"schedule": "daily"}, Raw('"text"'), account("good", "daily"))
    err = tree.run(1)
    assert tree.timers() == ["good"]
    assert len(err) == 4


def test_other_errors_are_no_matter(tree):
    """Of a configuration that mailmigd refuses, what can be told is told: no timer loses its time."""
    tree.write(account("a", "daily", origin={"server": "dangling"}, modus="x"), account("a", "hourly"),
               nonsense=True)
    assert not tree.run()
    assert tree.lines("a")[2:] == calendar("daily")


def test_syntax_error(tree):
    tree.config.write_text("accounts = ( { name = \"a\"; schedule = \"daily\" \n oops")
    (tree.more / "good.conf").write_text(libconfig_file({"accounts": [account("b", "daily")]}))
    err = tree.run(1)
    assert "/etc/mailmig.conf:" in err[0]
    assert tree.timers() == ["b"]


def test_unreadable(tree):
    tree.write(account("a", "daily"))
    (tree.more / "loop.conf").symlink_to("loop.conf")
    err = tree.run(1)
    assert "loop.conf: cannot be read" in err[0]
    assert tree.timers() == ["a"]


GOOD_NAMES = ["a", "-", "--", "a-b", ".a", "a.b", "_", "dave@example.org", "@", "a@", "a.timer", "...", "x" * 64]
BAD_NAMES = ["", ".", "..", "a/b", "../../etc", "a b", "a\nb", "%i", "a\\x2db", "h\u00e4", "x" * 65, "$a", "a;b"]


def test_names(tree):
    tree.write(*(account(n, "daily") for n in GOOD_NAMES + BAD_NAMES))
    err = tree.run(1)
    assert tree.timers() == sorted(GOOD_NAMES)
    assert set(os.listdir(tree.out.parent)) == {"root", "out"}
    assert len(err) == 11 and "and 3 more" in err[10]


def test_hostile_output(tree, tmp_path):
    """A generator's directories are root's; all the same nothing is written through a link."""
    victim = tmp_path / "victim"
    victim.mkdir()
    tree.write(account("a", "daily"), account("b", "daily"))
    (tree.out / "mailmig@a.timer.d").symlink_to(victim)
    err = tree.run(1)
    assert 'account "a"' in err[0]
    assert not list(victim.iterdir())
    assert "b" in tree.timers()


def test_usage(tree):
    assert "Usage" in tree.run(2, args=["--nonsense"])[0]
    assert "Usage" in tree.run(2, args=["a", "b"])[0]
    tree.write(account("a", "daily"))
    assert tree.run(1, args=[tree.out / "missing"])
    assert not tree.run(args=[tree.out, tree.out, tree.out])
    assert tree.timers() == ["a"]


# ---- systemd-analyze ----

def test_without_systemd_analyze(tree, tmp_path):
    tree.write(account("sure", "Mon..Fri 22:00"), account("unsure", "22:00 Europe/Berlin"),
               account("span", "5min"))
    (tmp_path / "empty").mkdir()
    err = tree.run(1, env={"PATH": str(tmp_path / "empty")})
    assert tree.timers() == ["span", "sure"]
    assert err == ["systemd-analyze is missing or failed; 1 schedules that only it knows were left out"]


@pytest.mark.parametrize("script", ["exit 1", "echo \"'other'\" >&2; exit 1", "kill -9 $$"])
def test_with_a_broken_systemd_analyze(tree, tmp_path, script):
    tree.write(account("sure", "daily"), account("unsure", "22:00 Europe/Berlin"))
    tool = tmp_path / "bin" / "systemd-analyze"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n%s\n" % script)
    tool.chmod(0o755)
    assert len(tree.run(1, env={"PATH": str(tool.parent)})) == 1
    assert tree.timers() == ["sure"]


def test_environment_does_not_hide_the_answers(tree):
    tree.write(account("bad", "foo bar"), account("unsure", "22:00 Europe/Berlin"))
    assert len(tree.run(1, env={"SYSTEMD_LOG_LEVEL": "emerg", "SYSTEMD_LOG_TARGET": "null"})) == 1
    assert tree.timers() == ["unsure"]


def asked_once(tree, tmp_path):
    """The calls of systemd-analyze, by a script before the real one."""
    log = tmp_path / "log"
    tool = tmp_path / "bin" / "systemd-analyze"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho $# >>%s\nexec %s \"$@\"\n" % (log, shutil.which("systemd-analyze")))
    tool.chmod(0o755)
    tree.run(env={"PATH": "%s:/usr/bin:/bin" % tool.parent})
    return log.read_text().split() if log.exists() else []


def test_one_call_for_all(tree, tmp_path):
    tree.write(*(account("a%d" % i, "%d:00 Europe/Berlin" % (i % 20)) for i in range(200)))
    assert asked_once(tree, tmp_path) == ["22"]  # calendar -- and each expression once
    assert len(tree.timers()) == 200


def test_no_call_for_the_usual_forms(tree, tmp_path):
    tree.write(account("a", "daily"), account("b", "5min"), account("c", "Sun *-*-1..7 4:30"))
    assert asked_once(tree, tmp_path) == []


def test_a_thousand_accounts(tree):
    usual = ["10min", "hourly", "Mon..Fri 22:00", "22:00 Europe/Berlin"]
    ends = [{"server": "s", "user": "u", "password_file": "/etc/mailmig/secrets/x"}] * 2
    tree.write(*(account("user%d@example.org" % i, usual[i % 4], origin=ends[0], destination=ends[1])
                 for i in range(1000)))
    begin = time.monotonic()
    assert not tree.run()
    took = time.monotonic() - begin
    assert len(tree.timers()) == 1000
    assert took < 1  # a twentieth of it where nothing else runs


# ---- the grammar, and systemd's own opinion ----

def numbers(rnd, low, high):
    """As often wrong as right at the edges."""
    def one():
        first = rnd.randint(max(0, low - 1), high + 1)
        text = rnd.choice(["%d", "%d", "%02d"]) % first
        if rnd.random() < 0.3:
            text += "..%d" % rnd.randint(low, high + 1)
        if rnd.random() < 0.3:
            text += "/%d" % rnd.choice([0, 1, 2, 5, 15, high, high + 1])
        return text
    return "*" if rnd.random() < 0.3 else ",".join(one() for _ in range(rnd.choice([1, 1, 1, 2, 3])))


def expression(rnd):
    days = ["Mon", "tue", "Wednesday", "THU", "fri", "Saturday", "Sun"]
    day = lambda: rnd.choice(days) + (".." + rnd.choice(days) if rnd.random() < 0.4 else "")
    parts = []
    if rnd.random() < 0.3:
        parts.append(",".join(day() for _ in range(rnd.choice([1, 1, 2, 3]))))
    if rnd.random() < 0.4:
        parts.append("-".join(["*"] * rnd.choice([0, 1, 1]) + [numbers(rnd, 1, 12), numbers(rnd, 1, 31)]))
    if rnd.random() < 0.8 or not parts:
        parts.append(":".join([numbers(rnd, 0, 23), numbers(rnd, 0, 59)]
                              + [numbers(rnd, 0, 59)] * rnd.choice([0, 0, 1])))
    if rnd.random() < 0.1:
        parts.append("UTC")
    if rnd.random() < 0.05:
        rnd.shuffle(parts)
    return rnd.choice([" "] * 20 + ["  "]).join(parts)


def refused_by_systemd(texts):
    done = subprocess.run(["systemd-analyze", "calendar", "--", *texts], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False, env={"PATH": os.environ["PATH"]})
    err = done.stderr.decode()
    return {t for t in texts if "'%s'" % t in err}


def test_what_is_certain_systemd_takes_too(tree, tmp_path):
    """The property on which everything rests: without asking, no expression that systemd refuses."""
    rnd = random.Random(7)
    texts = sorted({expression(rnd) for _ in range(4000)} - {""})
    texts = [t for t in texts if len(t) <= 128]
    tree.write(*(account("n%d" % i, t) for i, t in enumerate(texts)))
    (tmp_path / "empty").mkdir()
    tree.run(1, env={"PATH": str(tmp_path / "empty")})  # so that nobody can be asked
    certain = [texts[int(name[1:])] for name in tree.timers()]
    bad = {t for i in range(0, len(texts), 1000) for t in refused_by_systemd(texts[i:i + 1000])}
    assert len(certain) > 300 and len(bad) > 300
    assert not bad & set(certain)
    assert len(certain) > 0.8 * (len(texts) - len(bad))  # and most of the good ones are known


def test_group_has_one_timer_and_its_file_is_not_read(tree):
    """The schedule and the credentials of the servers are all that its units need."""
    text = libconfig_file({
        "servers": [{"name": "s", "host": "s", "admin_user": "a", "password_credential": "all"}],
        "accounts": [account("single", "5min")],
        "groups": [account("office", "1h", accounts_file="no-such.csv", origin={"server": "s"}),
                   account("single", "2h"), account("off", "3h", enabled=False)]})
    tree.config.write_text(text)
    assert not tree.run()
    assert tree.timers() == ["office", "single"]
    assert tree.lines("office")[2:] == span(3600)
    assert tree.lines("single")[2:] == span(300)  # the first of that name
    assert tree.lines("office", CREDENTIALS, "service")[-1] == "LoadCredentialEncrypted=all"
