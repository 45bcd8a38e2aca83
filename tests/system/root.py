# SPDX-License-Identifier: Apache-2.0
"""The file system of a small machine: this machine's own release, made once and kept.

It lies outside the source tree, is never written to after it is made, and is made anew when what
it should hold changes or when it is old. MAILMIG_TEST_CACHE says where; removing it is safe."""

import hashlib
import os
import pathlib
import shutil
import time
import uuid

from harness import roots

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
    roots.run("systemctl", "--root", str(tree), "disable", "dovecot.service", "dovecot.socket")
    # Timers of the distribution would only stand between ours.
    roots.run("systemctl", "--root", str(tree), "mask", "apt-daily.timer",
              "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
              "fstrim.timer")


def _key(suite):
    with open(__file__, "rb") as source:
        digest = hashlib.sha256(source.read()).hexdigest()[:12]
    return "%s-%s" % (suite, digest)


def provide():
    """The directory; makes it first if need be (a minute). Raises roots.Unavailable."""
    with roots.locked(CACHE):
        tree = CACHE / _key(roots.suite())
        new = CACHE / "new"
        for path in CACHE.iterdir():  # too old, or half made
            if path.is_dir() and (path == new or time.time() - path.stat().st_mtime > OLD):
                shutil.rmtree(path)
        if tree.exists():
            return tree
        roots.debootstrap(new, PACKAGES)
        _prepare(new)
        os.utime(new)
        new.rename(tree)
        return tree
