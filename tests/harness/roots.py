# SPDX-License-Identifier: Apache-2.0
"""File systems with packages of this machine's own release, for servers that cannot be installed
beside each other. Made once with debootstrap, kept below the build directory, never written to
afterwards; made anew when their recipe changes.

The base of all is one debootstrap. What comes on top is fetched by this machine's apt, with its
configuration and its sources, so that the roots need no network."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess

from .mailmig import build_dir

# No service starts where this says 101.
POLICY = "#!/bin/sh\nexit 101\n"

INSTALL = """
mount -t proc proc "$1/proc"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
exec chroot "$1" sh -ec 'apt-get -q -y -o APT::Sandbox::User=root \
	-o Dpkg::Options::=--force-unsafe-io --no-install-recommends install /packages/*.deb'
"""

# A private mount namespace takes its mounts along, a pid namespace its processes, however they end.
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")


class Unavailable(Exception):
    """This machine cannot do it; the text says why."""


def run(*args):
    """Its output; Unavailable, with the end of it, when it fails."""
    done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise Unavailable("%s: exit %d\n%s" % (" ".join(args[:3]), done.returncode,
                                               done.stdout[-2000:]))
    return done.stdout


def suite():
    found = platform.freedesktop_os_release().get("VERSION_CODENAME")
    if not found:
        raise Unavailable("this distribution has no codename")
    return found


def mirror(of):
    """Where this machine gets its own release from."""
    shape = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
    args = ("apt-get", "indextargets", "--format", shape, "Created-By: Packages")
    lines = run(*args).splitlines()
    if not lines:  # apt lists only what it has fetched
        run("apt-get", "-q", "update")
        lines = run(*args).splitlines()
    for line in lines:
        fields = line.split()
        if len(fields) == 3 and fields[:2] == [of, "main"]:
            return fields[2]
    raise Unavailable("apt has no source for the main component of %s" % of)


def debootstrap(tree, packages=()):
    """A minimal installation with these packages in the new directory `tree`."""
    if shutil.which("debootstrap") is None:
        raise Unavailable("debootstrap is not installed")
    include = ("--include=" + ",".join(packages),) if packages else ()
    run(*ALONE, "debootstrap", "--variant=minbase", *include, suite(), str(tree), mirror(suite()))
    forget_packages(tree)


def forget_packages(tree):
    for path in (tree / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()


def missing():
    """Why no root can be made or used here; None if one can."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("debootstrap", "unshare", "apt-get"):
        if shutil.which(program) is None:
            return "%s is not installed" % program
    done = subprocess.run([*ALONE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        return "no mount namespace of our own: %s" % done.stderr.strip()
    return None


@contextlib.contextmanager
def locked(directory):
    """Only one at a time makes something there."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _fetch(tree, packages):
    """Packages and all they need that is not in the tree, into its /packages."""
    archives = tree / "packages"
    (archives / "partial").mkdir(parents=True)
    args = ("apt-get", "-q", "-y", "--no-install-recommends", "--download-only",
            "-o", "Dir::State::status=%s" % (tree / "var/lib/dpkg/status"),
            "-o", "Dir::Cache::archives=%s" % archives, "-o", "Dir::Cache::pkgcache=",
            "-o", "Dir::Cache::srcpkgcache=", "-o", "APT::Sandbox::User=root",
            "-o", "Debug::NoLocking=1", "install", *packages)
    try:
        run(*args)
    except Unavailable:  # the lists may be older than what the mirror still has
        run("apt-get", "-q", "update")
        run(*args)


def _make_base(tree):
    debootstrap(tree)
    for path in (tree / "var/lib/apt/lists").glob("*"):
        if path.is_file():
            path.unlink()
    (tree / "etc/apt/sources.list").write_text("", encoding="ascii")
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text(POLICY, encoding="ascii")
    policy.chmod(0o755)


def _make(name, key, recipe):
    """The directory name-key, made by recipe(directory) unless it is there."""
    roots = build_dir() / "roots"
    tree, new = roots / ("%s-%s" % (name, key)), roots / ("%s-new" % name)
    with locked(roots):
        if tree.exists():
            return tree
        for path in roots.glob(name + "-*"):  # of another recipe, or half made
            shutil.rmtree(path)
        recipe(new)
        new.rename(tree)
        return tree


def provide(name, packages):
    """The directory with these packages installed; makes it first if need be. Raises
    Unavailable."""
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes())
    digest.update(suite().encode())
    base = _make("base", digest.hexdigest()[:12], _make_base)

    def recipe(tree):
        run("cp", "-a", "--reflink=auto", str(base), str(tree))
        _fetch(tree, packages)
        run(*ALONE, "sh", "-ec", INSTALL, "install", str(tree))
        shutil.rmtree(tree / "packages")
        forget_packages(tree)

    digest.update(" ".join(packages).encode())
    return _make(name, digest.hexdigest()[:12], recipe)
