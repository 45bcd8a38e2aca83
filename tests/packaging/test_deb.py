# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what is in it, and what it leaves behind. Its life under systemd is seen by
the system test."""

import os
import pathlib
import re
import stat
import subprocess

import pytest

from harness import debian
from harness.mailmig import ROOT

pytestmark = [pytest.mark.limit(300)]

# What differs from 0644 and 0755, and why.
MODES = {
    "/etc/mailmig.conf": "-rw-r-----",  # may hold passwords
    "/etc/mailmig/secrets/": "drwx------",
}


@pytest.fixture(scope="module")
def contents(deb):
    """{path: (mode, owner)}"""
    found = {}
    for line in debian.run("dpkg-deb", "-c", deb).splitlines():
        mode, owner, _, _, _, path = line.split(None, 5)
        found[path[1:]] = (mode, owner)
    return found


def control(deb, name):
    return debian.run("dpkg-deb", "-I", deb, name)


# ---- content ----

def test_it_has_what_make_install_puts_in_place(contents, install):
    rules = (ROOT / "packaging/debian/rules").read_text(encoding="utf-8")
    variables = dict(re.findall(r"\b([A-Z]+DIR)=(\S+)", rules))
    expected = {path + ".gz" if "/share/man/" in path else path for path in install(**variables)}
    leaves = {p for p in contents
              if not any(other != p and other.startswith(p) for other in contents if p.endswith("/"))}
    packaged = {p for p in leaves if not p.startswith(("/usr/share/doc/", "/usr/share/lintian/"))}
    assert packaged == expected


def test_documents(contents):
    there = {os.path.basename(p) for p in contents if p.startswith("/usr/share/doc/mailmig/")}
    assert there - {""} == {"README.md.gz", "changelog.gz", "changelog.Debian.gz", "copyright"}


def test_units_are_where_this_system_looks(contents, unit_directory):
    units = {p for p in contents if p.endswith((".service", ".socket", ".timer"))}
    assert {os.path.basename(p) for p in units} == {
        "mailmigd.service", "mailmigd.socket", "mailmig@.service", "mailmig@.timer"}
    assert {os.path.dirname(p) for p in units} == {unit_directory}


def test_modes_and_owners(contents):
    for path, (mode, owner) in contents.items():
        assert owner == "root/root", path  # those of /etc come with the user
        usual = "drwxr-xr-x" if path.endswith("/") else (
            "-rwxr-xr-x" if re.search(r"/s?bin/|/libexec/|-generators/", path) else "-rw-r--r--")
        assert mode == MODES.get(path, usual), path
    assert set(MODES) <= set(contents)


def test_configuration(deb, space):
    """One file, which is the administrator's from then on, and in which nothing is switched on."""
    assert control(deb, "conffiles").split() == ["/etc/mailmig.conf"]
    debian.run("dpkg-deb", "-x", deb, space)
    text = (space / "etc/mailmig.conf").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines and all(line.lstrip().startswith(("#", "//")) for line in lines)


def test_programs_find_each_other(deb, space):
    debian.run("dpkg-deb", "-x", deb, space)
    for name, path in (("mailmigd", "usr/sbin"), ("mailmigctl", "usr/bin"),
                       ("mailmig-worker", "usr/libexec/mailmig")):
        program = space / path / name
        assert debian.run(program, "--version") == "%s %s\n" % (name, debian.version())
    ctl = (space / "usr/bin/mailmigctl").read_bytes()
    assert b"/usr/libexec/mailmig" in ctl


def test_description(deb):
    fields = control(deb, "control")
    assert re.search(r"^Version: %s-1$" % re.escape(debian.version()), fields, re.MULTILINE)
    assert re.search(r"^Depends: .*\bsystemd-sysusers\b", fields, re.MULTILINE)


def test_image_has_the_libraries(deb):
    """The container image is made without the package, and names what that depends on."""
    depends = re.search(r"^Depends: (.*)$", control(deb, "control"), re.MULTILINE).group(1)
    image = (ROOT / "packaging/oci/Containerfile").read_text(encoding="utf-8")
    installed = re.search(r"apt-get install (.*?)&&", image[image.rindex("FROM "):], re.DOTALL).group(1)
    library = r"(?<!\S)lib\S*[^\s,]"
    assert set(re.findall(library, installed)) == set(re.findall(library, depends)) - {"libc6"}


def test_lintian(deb):
    changes = next(deb.parent.glob("*.changes"))
    done = subprocess.run(["lintian", "--allow-root", "--profile", "debian", "--display-info",
                           changes], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)
    found = [line for line in done.stdout.splitlines()
             if line.startswith(("E:", "W:")) or "hardening" in line or "override" in line]
    assert not found, "\n".join(found)
    assert done.returncode == 0, done.stdout


def test_source_package(deb, space):
    """It can be unpacked, and has all it takes."""
    dsc = next(deb.parent.glob("*.dsc"))
    debian.run("dpkg-source", "--no-check", "-x", dsc, space / "tree")
    for name in ("Makefile", "debian/rules", "debian/changelog", "src/daemon/main.c",
                 "packaging/debian/control"):
        assert (space / "tree" / name).exists(), name
    assert not (space / "tree" / "build").exists()
    assert not (space / "tree" / ".git").exists()
    assert os.access(space / "tree" / "tests/tools/install-deps", os.X_OK)


# ---- life, in a root of its own and without systemd ----

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="dpkg --root takes root")
no_systemd = pytest.mark.skipif(os.path.isdir("/run/systemd/system"),
                                reason="the scripts would speak to this machine's systemd")


class Root:
    """A root file system with nothing in it but what dpkg needs."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        for name in ("etc", "var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/systemd"):
            (self.path / name).mkdir(parents=True)
        for name in ("etc/passwd", "etc/group", "var/lib/dpkg/status", "var/lib/dpkg/available"):
            (self.path / name).touch()
        (self.path / "etc/group").write_text("root:x:0:\n")
        (self.path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")

    def dpkg(self, *args):
        return debian.run("dpkg", "--root=%s" % self.path, "--force-script-chrootless",
                          "--force-depends", "--force-confold", *args,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})

    def __truediv__(self, name):
        return self.path / name

    def gid(self):
        return int(re.search(r"^mailmig:[^:]*:(\d+):", (self / "etc/group").read_text(),
                             re.MULTILINE).group(1))

    def files(self):
        return {str(p.relative_to(self.path)) for p in self.path.rglob("*")
                if not str(p.relative_to(self.path)).startswith(("var/lib/dpkg", "var/log"))}


@pytest.fixture
def root(space):
    return Root(space)


def state(root):
    """As a daemon and its administrator leave them."""
    lib = root / "var/lib/mailmig"
    for name in ("accounts/alice.db", "mailmig.db", "spool/x"):
        (lib / name).parent.mkdir(parents=True, exist_ok=True)
        (lib / name).write_text("state")
    (root / "etc/mailmig/secrets/alice").write_text("secret")
    wants = root / "etc/systemd/system/timers.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "mailmig@alice.timer").symlink_to("/lib/systemd/system/mailmig@.timer")
    (wants / "other.timer").symlink_to("/lib/systemd/system/other.timer")
    timers = root / "var/lib/systemd/timers"
    timers.mkdir(parents=True, exist_ok=True)
    for name in ("stamp-mailmig@alice.timer", "stamp-other.timer"):
        (timers / name).touch()


@needs_root
@no_systemd
def test_install(deb, root, unit_directory):
    root.dpkg("-i", deb)
    conf = (root / "etc/mailmig.conf").stat()
    assert (stat.S_IMODE(conf.st_mode), conf.st_uid, conf.st_gid) == (0o640, 0, root.gid())
    secrets = (root / "etc/mailmig/secrets").stat()
    assert stat.S_IMODE(secrets.st_mode) == 0o700
    assert secrets.st_uid != 0 and secrets.st_gid == root.gid()
    wants = root / "etc/systemd/system"
    enabled = {os.readlink(p) for p in wants.rglob("*") if p.is_symlink()}
    assert enabled == {unit_directory + "/mailmigd.service", unit_directory + "/mailmigd.socket"}


@needs_root
@no_systemd
def test_upgrade_keeps_what_the_administrator_did(deb, root):
    root.dpkg("-i", deb)
    state(root)
    before = root.files()
    conf = root / "etc/mailmig.conf"
    conf.write_text("max_jobs = 3;\n")
    os.chmod(conf, 0o600)
    root.dpkg("-i", debian.package(revision=2))
    assert root.files() == before
    assert conf.read_text() == "max_jobs = 3;\n"
    assert stat.S_IMODE(conf.stat().st_mode) == 0o600


@needs_root
@no_systemd
@pytest.mark.parametrize("mail", [True, False])
def test_remove_and_purge(deb, root, mail):
    empty = root.files()
    root.dpkg("-i", deb)
    state(root)
    lib = root / "var/lib/mailmig"
    (lib / "backup").mkdir(exist_ok=True)
    if mail:
        (lib / "backup/alice").mkdir()
        (lib / "backup/alice/mail").write_text("mail")

    root.dpkg("-r", "mailmig")
    left = root.files()
    assert not {p for p in left if re.search(r"^(usr|lib)/", p) and not (root / p).is_dir()}
    for name in ("etc/mailmig.conf", "etc/mailmig/secrets/alice", "var/lib/mailmig/mailmig.db",
                 "etc/systemd/system/timers.target.wants/mailmig@alice.timer"):
        assert name in left, name

    root.dpkg("-P", "mailmig")
    left = {p for p in root.files() - empty if not (root / p).is_dir() or "mailmig" in p}
    others = {"etc/systemd/system/timers.target.wants/other.timer",
              "var/lib/systemd/timers/stamp-other.timer"}
    users = {p for p in left if re.match(r"etc/((passwd|group|g?shadow)-?|\.pwd\.lock)$", p)}
    kept = {"var/lib/mailmig", "var/lib/mailmig/backup", "var/lib/mailmig/backup/alice",
            "var/lib/mailmig/backup/alice/mail"} if mail else set()
    assert left - users == others | kept
    assert root.gid()  # the user stays
