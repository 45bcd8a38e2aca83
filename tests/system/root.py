# SPDX-License-Identifier: Apache-2.0
"""The file system of a small machine: this machine's own release, made once and kept.

It lies outside the source tree, is never written to after it is made, and is made anew when what
it should hold changes or when it is old. MAILMIG_TEST_CACHE says where; removing it is safe."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import time
import uuid

CACHE = pathlib.Path(os.environ.get("MAILMIG_TEST_CACHE", "/var/cache/mailmig-tests"))
HERE = pathlib.Path(__file__).parent
OLD = 14 * 86400

# What mailmig needs from the distribution, so that it can be installed without a network, and
# what an administrator and the tests use there.
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "adduser", "dovecot-imapd", "ca-certificates", "openssl",
    "libcurl4", "libconfig9", "libjansson4", "libpcre2-8-0", "libsqlite3-0", "libssl3",
    "libsystemd0", "libunistring2", "zlib1g",
)

HOSTS = """127.0.0.1 localhost
127.0.1.1 machine
127.0.1.2 imap.old.example
127.0.1.3 imap.new.example
"""

JOURNALD = """[Journal]
Storage=persistent
RateLimitIntervalSec=0
SyncIntervalSec=1
"""


class Unavailable(Exception):
    """This machine cannot do it; the text says why."""


def _run(*args):
    done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise Unavailable("%s: exit %d\n%s" % (" ".join(args[:3]), done.returncode,
                                               done.stdout[-2000:]))
    return done.stdout


def _mirror(suite):
    """Where this machine gets its own release from."""
    shape = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
    args = ("apt-get", "indextargets", "--format", shape, "Created-By: Packages")
    lines = _run(*args).splitlines()
    if not lines:  # apt lists only what it has fetched
        _run("apt-get", "-q", "update")
        lines = _run(*args).splitlines()
    for line in lines:
        fields = line.split()
        if len(fields) == 3 and fields[:2] == [suite, "main"]:
            return fields[2]
    raise Unavailable("apt has no source for the main component of %s" % suite)


def _prepare(tree):
    """What differs from a fresh installation."""
    def write(path, text):
        where = tree / path
        where.parent.mkdir(parents=True, exist_ok=True)
        if where.is_symlink():
            where.unlink()
        where.write_text(text, encoding="utf-8")

    write("etc/hostname", "machine\n")
    write("etc/hosts", HOSTS)
    write("etc/resolv.conf", "")
    write("etc/machine-id", uuid.uuid4().hex + "\n")
    write("etc/systemd/journald.conf.d/test.conf", JOURNALD)
    write("etc/apt/sources.list", "")
    (tree / "var/log/journal").mkdir(exist_ok=True)
    _run("systemctl", "--root", str(tree), "disable", "dovecot.service", "dovecot.socket")
    # Timers of the distribution would only stand between ours.
    _run("systemctl", "--root", str(tree), "mask", "apt-daily.timer", "apt-daily-upgrade.timer",
         "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer")
    for path in (tree / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()


@contextlib.contextmanager
def _lock():
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _key(suite):
    with open(__file__, "rb") as source:
        digest = hashlib.sha256(source.read()).hexdigest()[:12]
    return "%s-%s" % (suite, digest)


def provide():
    """The directory; makes it first if need be (a minute). Raises Unavailable."""
    if shutil.which("debootstrap") is None:
        raise Unavailable("debootstrap is not installed")
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME")
    if not suite:
        raise Unavailable("this distribution has no codename")
    with _lock():
        tree = CACHE / _key(suite)
        new = CACHE / "new"
        for path in CACHE.iterdir():  # too old, or half made
            if path.is_dir() and (path == new or time.time() - path.stat().st_mtime > OLD):
                shutil.rmtree(path)
        if tree.exists():
            return tree
        # What it mounts goes with its mount namespace, however it ends.
        _run("unshare", "--mount", "--propagation", "private",
             "debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), suite,
             str(new), _mirror(suite))
        _prepare(new)
        os.utime(new)
        new.rename(tree)
        return tree
