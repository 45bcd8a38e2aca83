# SPDX-License-Identifier: Apache-2.0
"""The Debian package of this tree, made once."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess

from .mailmig import ROOT, build_dir

TIMEOUT = 240


def version():
    return re.search(r"^VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)


def run(*argv, **kwargs):
    """Its output; what went wrong is in the error."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=TIMEOUT, check=False, **kwargs)
    assert done.returncode == 0, "%s: %d\n%s" % (" ".join(map(str, argv)), done.returncode,
                                                 done.stdout[-3000:])
    return done.stdout


def newest_source():
    names = run("git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z", "-co",
                "--exclude-standard").split("\0")
    return max(os.lstat(ROOT / n).st_mtime for n in names if n and os.path.lexists(ROOT / n))


@contextlib.contextmanager
def only_one():
    with open(build_dir() / "deb.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def in_directory(path, revision):
    found = list(path.glob("mailmig_%s-%d_*.deb" % (version(), revision)))
    return found[0] if found else None


def package(revision=1):
    """Path of the .deb; beside that of revision 1 are its source and .changes. Another revision
    has the same content, and is good for an upgrade."""
    build_dir().mkdir(parents=True, exist_ok=True)
    with only_one():
        made = in_directory(build_dir() / "deb", 1)
        if not made or made.stat().st_mtime < newest_source():
            run("make", "-C", ROOT, "BUILD=%s" % build_dir(), "deb")
            made = in_directory(build_dir() / "deb", 1)
        return made if revision == 1 else renumbered(made, revision)


def renumbered(made, revision):
    directory = build_dir() / ("deb-%d" % revision)
    shutil.rmtree(directory, ignore_errors=True)
    tree = directory / "tree"
    directory.mkdir()
    run("dpkg-deb", "-R", made, tree)
    control = tree / "DEBIAN" / "control"
    text = control.read_text(encoding="utf-8")
    control.write_text(re.sub(r"^Version: .*$", "Version: %s-%d" % (version(), revision), text,
                              flags=re.MULTILINE), encoding="utf-8")
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, directory)
    shutil.rmtree(tree)
    return in_directory(directory, revision)
