# SPDX-License-Identifier: Apache-2.0
"""What `make install` gives to systemd, asked of systemd's own tools; nothing is started."""

import os
import re
import shutil
import stat
import subprocess

import pytest

from harness.mailmig import ROOT, build_dir

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")

UNITS = ("mailmigd.service", "mailmigd.socket", "mailmig@.service", "mailmig@.timer")
EXPOSURE_MAX = 13  # tenths
CONFIG = """
accounts = (
  { name = "alice"; schedule = "10min"; origin = { password_credential = "old"; }; },
  { name = "bob@example.org"; schedule = "Mon..Fri 22:00"; },
  { name = "-.c-d_"; schedule = "Sun *-*~07/1 4:30 Europe/Berlin"; }
);
"""


def run(*argv, **keys):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **keys)
    return done.returncode, done.stdout.decode()


def make(target, path):
    rc, text = run("make", "-s", "BUILD=%s" % build_dir(), "DESTDIR=%s" % path, target, cwd=ROOT)
    assert rc == 0, text


@pytest.fixture(scope="module", name="tree")
def install(tmp_path_factory):
    path = tmp_path_factory.mktemp("installed")
    make("install", path)
    return path


def systemd_dir(variable):
    return subprocess.run(["pkg-config", "--variable=" + variable, "systemd"], check=True,
                          stdout=subprocess.PIPE).stdout.decode().strip().lstrip("/")


@pytest.fixture(scope="module", name="units")
def units_to_verify(tree, tmp_path_factory):
    """The units, with the programs where they are now, and what the generator makes for them."""
    path = tmp_path_factory.mktemp("units")
    for name in UNITS:
        text = (tree / systemd_dir("systemdsystemunitdir") / name).read_text()
        (path / name).write_text(re.sub(r"(=\+?)/usr/", r"\g<1>%s/usr/" % tree, text))
    root = path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/mailmig.conf").write_text(CONFIG)
    generator = tree / systemd_dir("systemdsystemgeneratordir") / "mailmig-generator"
    assert run(generator, path, env={**os.environ, "MAILMIG_GENERATOR_ROOT": str(root)}) == (0, "")
    return path


def test_everything_is_installed(tree):
    there = {str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file()}
    assert {"%s/%s" % (systemd_dir("systemdsystemunitdir"), u) for u in UNITS} <= there
    assert {"usr/bin/mailmigctl", "usr/sbin/mailmigd", "usr/libexec/mailmig/mailmig-worker",
            "usr/lib/sysusers.d/mailmig.conf", "usr/lib/tmpfiles.d/mailmig.conf",
            "usr/lib/systemd/catalog/mailmig.catalog", "etc/mailmig.conf",
            "usr/share/man/man8/mailmig-generator.8"} <= there
    assert not [f for f in there if f.endswith((".in", ".new"))]
    assert stat.S_IMODE((tree / "etc/mailmig.conf").stat().st_mode) == 0o640
    for name in UNITS:
        text = (tree / systemd_dir("systemdsystemunitdir") / name).read_text()
        assert "@BINDIR@" not in text and "@SBINDIR@" not in text


def test_uninstall_leaves_what_is_the_administrators(tmp_path):
    make("install", tmp_path)
    (tmp_path / "etc/mailmig/accounts.d/mine.conf").write_text("")
    make("uninstall", tmp_path)
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == {
        "etc/mailmig.conf", "etc/mailmig/accounts.d/mine.conf"}


# ---- units ----

@pytest.mark.parametrize("unit", ["mailmigd.service", "mailmigd.socket", "mailmig@alice.service",
                                  "mailmig@alice.timer", "mailmig@bob@example.org.timer",
                                  "mailmig@-.c-d_.timer", "mailmig@nobody.timer"])
def test_verify(units, unit):
    """Not a word: an unknown key, too, is only a warning to systemd."""
    assert run("systemd-analyze", "verify", "--man=no", unit,
               env={**os.environ, "SYSTEMD_UNIT_PATH": "%s:" % units}) == (0, "")


def test_verify_can_fail(units, tmp_path):
    bad = tmp_path / "bad.service"
    bad.write_text((units / "mailmigd.service").read_text() + "\n[Service]\nNoSuchKey=1\n")
    assert "NoSuchKey" in run("systemd-analyze", "verify", "--man=no", bad)[1]


@pytest.mark.parametrize("unit", ["mailmigd.service", "mailmig@.service"])
def test_exposure(units, unit):
    rc, text = run("systemd-analyze", "security", "--offline=yes", "--no-pager",
                   "--threshold=%d" % EXPOSURE_MAX, units / unit)
    assert rc == 0, text
    assert re.search(r"Overall exposure level for .*: [01]\.\d", text)


def keys(text):
    """Key → its values in order; an empty one takes away those before."""
    found = {}
    for line in text.split("\n"):
        if "=" not in line or line.startswith("#"):
            continue
        key, value = line.split("=", 1)
        found[key] = found.get(key, []) + [value] if value else []
    return found


def test_what_breaks_when_it_changes(units):
    """Each of these was found by breaking it."""
    timer = keys((units / "mailmig@.timer").read_text())
    assert timer["OnCalendar"] and timer["Persistent"] == timer["FixedRandomDelay"] == ["true"]
    assert timer["RandomizedDelaySec"]

    daemon = keys((units / "mailmigd.service").read_text())
    assert "RuntimeDirectory" not in daemon  # would take the socket away with a restart
    assert "PrivateUsers" not in daemon  # would hide who calls
    assert daemon["Type"] == ["notify"]  # notify-reload: systemd 253
    assert daemon["KillMode"] == ["mixed"] and daemon["TimeoutStopSec"] == ["20s"]
    assert daemon["User"] == ["mailmig"] and daemon["LimitCORE"] == ["0"]

    service = keys((units / "mailmig@.service").read_text())
    assert "Requires" not in service and "mailmigd.service" not in str(service["Wants"])
    assert "TimeoutStartSec" not in service and service["StartLimitIntervalSec"] == ["0"]
    assert service["ExecStart"][0].endswith("/mailmigctl run --from-unit -- %i")
    assert "Install" not in (units / "mailmig@.service").read_text()


def test_drop_ins_win_over_the_template(units):
    def timer(name):
        path = units / ("mailmig@%s.timer.d" % name) / "50-mailmig-schedule.conf"
        return keys((units / "mailmig@.timer").read_text() + path.read_text())
    assert timer("bob@example.org")["OnCalendar"] == ["Mon..Fri 22:00"]
    alice = timer("alice")
    assert alice["OnCalendar"] == [] and alice["OnUnitInactiveSec"] == ["600s"]
    # The stamp of an earlier boot would stop a timer that has spans alone.
    assert alice["Persistent"][-1] == "false"


# ---- user, directories, catalog ----

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes files of other users")


@pytest.fixture(name="system")
def small_system(tree, tmp_path):
    """A root directory with nothing but what is installed."""
    root = tmp_path / "root"
    shutil.copytree(tree, root, symlinks=True)
    for name in ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"):
        (root / name).write_text("")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    return root


@needs_root
def test_user_and_directories(system):
    (system / "etc/mailmig.conf").chmod(0o600)
    for tool in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
        for _ in range(2):  # as after every upgrade
            assert run(*tool, "--root=%s" % system, "mailmig.conf")[0] == 0
    user = re.search(r"^mailmig:[^:]*:(\d+):(\d+):.*:/var/lib/mailmig:(.*)$",
                     (system / "etc/passwd").read_text(), re.MULTILINE)
    group = re.search(r"^mailmig:[^:]*:(\d+):", (system / "etc/group").read_text(), re.MULTILINE)
    assert user.group(2) == group.group(1) and user.group(3).endswith("nologin")

    def owner(name):
        st = (system / name).stat()
        return st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)
    uid, gid = int(user.group(1)), int(group.group(1))
    assert owner("etc/mailmig.conf") == (0, gid, 0o600)  # the mode is the administrator's
    assert owner("etc/mailmig/accounts.d") == (0, gid, 0o750)
    assert owner("etc/mailmig/secrets") == (uid, gid, 0o700)
    assert owner("var/lib/mailmig") == (uid, gid, 0o700)


@pytest.mark.skipif(not shutil.which("journalctl"), reason="no journalctl")
def test_catalog(system):
    """Every entry says what happened, what mailmig did, and what can be done."""
    (system / "var/lib/systemd/catalog").mkdir(parents=True)
    rc, text = run("journalctl", "--root=%s" % system, "--update-catalog",
                   env={**os.environ, "SYSTEMD_LOG_LEVEL": "info"})
    assert rc == 0, text
    rc, text = run("journalctl", "--root=%s" % system, "--dump-catalog", "--no-pager")
    assert rc == 0, text
    entries = re.split(r"^-- ([0-9a-f]{32})$", text, flags=re.MULTILINE)[1:]
    ids = re.findall(r"^-- ([0-9a-f]{32})$", (ROOT / "systemd/mailmig.catalog").read_text(), re.MULTILINE)
    assert sorted(entries[::2]) == sorted(ids)
    for entry in entries[1::2]:
        head, *parts = entry.strip().split("\n\n")
        assert re.match(r"Subject: \S.*\nDefined-By: mailmig\n", head), entry
        assert len(parts) >= 3, entry
