# SPDX-License-Identifier: Apache-2.0
"""A small machine: systemd as process 1 in a container of its own.

Everything it writes is in memory and gone with it: an overlay over the kept root, in a mount
namespace that only its own processes have. It has no network but its loopback."""

import collections
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from harness import scratch

from . import root

Result = collections.namedtuple("Result", "rc out err")

GROUP = "mailmig-test-"

BOOT_TIMEOUT = 60
COMMAND_TIMEOUT = 60
STOP_TIMEOUT = 20
POLL = 0.05

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": "/root", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TERM": "dumb",
               "DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_PAGER": ""}

# $1: the root, which stays as it is; the rest: control groups to live in.
# 133 is how systemd-nspawn says that the machine wants to be started again.
SCRIPT = """
set -e
lower=$1
shift
mount -t tmpfs -o mode=755,size=3G tmpfs /run
mkdir /run/upper /run/work /run/root
mount -t overlay -o lowerdir="$lower",upperdir=/run/upper,workdir=/run/work overlay /run/root
set +e
child=
trap 'kill "$child"' TERM
while :; do
	(
		for group; do echo 0 > "$group/cgroup.procs"; done
		exec systemd-nspawn --quiet --directory=/run/root --boot --register=no --keep-unit \
			--private-network --machine=machine --console=pipe --resolv-conf=off \
			--timezone=off --link-journal=no
	) &
	child=$!
	wait "$child"
	code=$?
	while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
	[ "$code" = 133 ] || exit "$code"
done
"""

_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    """Why no machine can run here; None if one can."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("systemd-nspawn", "debootstrap", "unshare", "nsenter"):
        if shutil.which(program) is None:
            return "%s is not installed" % program
    probe = ("mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir l u w m && "
             "mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m")
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", probe],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return "this kernel mounts no overlay: %s" % done.stderr.strip()
    if not _hierarchies():
        return "no control groups are mounted"
    return None


def _hierarchies():
    """Directories of our own control group that systemd-nspawn would use."""
    own = {}
    with open("/proc/self/cgroup", encoding="ascii") as lines:
        for line in lines:
            number, controllers, path = line.rstrip("\n").split(":", 2)
            if number == "0":
                own[""] = own["unified"] = path
            elif controllers == "name=systemd":
                own["systemd"] = path
    found = []
    for mount, path in own.items():
        base = pathlib.Path("/sys/fs/cgroup", mount)
        here = base / path.lstrip("/") if ".." not in path else base
        if (here / "cgroup.procs").exists():
            found.append(here)
    return found


def wait_for(question, what, timeout=30):
    """Ask until the answer is true; returns it."""
    end = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, "waited %d s for %s" % (timeout, what() if callable(what)
                                                              else what)
        time.sleep(POLL)


class Machine:
    """start(), run(...), reboot(), stop(). pid is that of its process 1, as seen from here."""

    def __init__(self):
        self.pid = None
        self._process = None
        self._groups = []
        self._output = None

    # ---- life ----

    def start(self):
        tree = root.provide()
        self._groups = [base / (GROUP + str(os.getpid())) for base in _hierarchies()]
        for group in self._groups:
            for left in group.parent.glob(GROUP + "*"):
                _remove_group(left)  # of tests that were killed; those with processes stay
        for group in self._groups:
            group.mkdir()
        try:
            # pylint: disable-next=consider-using-with
            self._output = tempfile.TemporaryFile("w+")
            # pylint: disable-next=consider-using-with
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "machine",
                 str(tree), *map(str, self._groups)],
                stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT,
                preexec_fn=scratch.end_with_parent)
            self._wait_until_up()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """End it at once."""
        if self._process is not None:
            if self._process.poll() is None:
                pid = self._find_leader()
                if pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                else:
                    self._process.terminate()
            self._process.wait(STOP_TIMEOUT)
            self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None
        for group in self._groups:
            wait_for(lambda g=group: _remove_group(g), "the control group %s to be empty" % group)
        self._groups = []

    def reboot(self):
        """As `systemctl reboot` does, until it is up again."""
        old = self.pid
        self.run("systemctl reboot", check=False)
        wait_for(lambda: not os.path.exists("/proc/%d" % old), "the machine to go down", 60)
        self._wait_until_up()

    def _wait_until_up(self):
        def leader():
            if self._process.poll() is not None:
                raise RuntimeError("systemd-nspawn: exit %d\n%s" % (self._process.returncode,
                                                                    self.output()))
            return self._find_leader()

        self.pid = wait_for(leader, "process 1", BOOT_TIMEOUT)
        self.wait_for("systemctl is-system-running | grep -qE '^(running|degraded)$'",
                      BOOT_TIMEOUT)

    def output(self):
        self._output.seek(0)
        return self._output.read()[-3000:]

    def _find_leader(self):
        """Process 1 of the container: a grandchild of the shell above."""
        statuses = _statuses()
        for pid, fields in statuses.items():
            spaces = fields["NSpid"].split()
            if len(spaces) < 2 or spaces[-1] != "1" or fields["State"].startswith("Z"):
                continue
            above = pid
            while above in statuses and above != self._process.pid:
                above = int(statuses[above]["PPid"])
            if above == self._process.pid:
                return pid
        return None

    def processes(self, name=None):
        """Their pids in there; of those with this name (its first 15 characters), or of all."""
        space = os.readlink("/proc/%d/ns/pid" % self.pid)
        found = []
        for pid, fields in _statuses().items():
            with contextlib.suppress(OSError):
                if os.readlink("/proc/%d/ns/pid" % pid) == space and \
                        not fields["State"].startswith("Z") and name in (None, fields["Name"]):
                    found.append(int(fields["NSpid"].split()[-1]))
        return sorted(found)

    # ---- commands and files ----

    def argv(self, command, user=None, cwd="/root"):
        """What runs a shell command in there, with nothing of our environment."""
        inner = ["env", "-i", *("%s=%s" % item for item in ENVIRONMENT.items())]
        if user is not None:
            inner += ["runuser", "-u", user, "--"]
        return ["nsenter", "--target", str(self.pid), "--all", *inner,
                "sh", "-c", "cd %s && %s" % (cwd if user is None else "/", command)]

    def run(self, command, check=True, user=None, stdin="", timeout=COMMAND_TIMEOUT):
        """A shell command, as root or as somebody else. Result."""
        done = subprocess.run(self.argv(command, user), input=stdin, capture_output=True, text=True,
                              errors="replace", timeout=timeout, check=False)
        result = Result(done.returncode, done.stdout, done.stderr)
        assert not check or result.rc == 0, "%s: exit %d\n%s%s" % (command, *result)
        return result

    def out(self, command, **keys):
        return self.run(command, **keys).out.strip()

    def popen(self, command, user=None):
        """A command that goes on; its output is merged. End it by stop() of the caller."""
        return subprocess.Popen(self.argv(command, user), stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def wait_for(self, command, timeout=30):
        """Until a shell command succeeds; returns what it prints."""
        last = []

        def ask():
            last[:] = [self.run(command, check=False)]
            return last[0].rc == 0

        wait_for(ask, lambda: "%s\n%s" % (command, last), timeout)
        return last[0].out.strip()

    def path(self, path):
        """A file in there, as seen from here. Absolute links would lead out of it."""
        return pathlib.Path("/proc/%d/root" % self.pid, path.lstrip("/"))

    def write(self, path, content, mode=0o644, owner=None):
        where = self.path(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(content if isinstance(content, bytes) else content.encode())
        where.chmod(mode)
        if owner is not None:
            self.run("chown %s %s" % (owner, path))

    def read(self, path):
        return self.path(path).read_text(encoding="utf-8", errors="replace")

    def exists(self, path):
        return os.path.lexists(self.path(path))

    @contextlib.contextmanager
    def network(self):
        """Sockets that this thread opens meanwhile are in the machine's network."""
        clone_newnet = 0x40000000
        with open("/proc/thread-self/ns/net", "rb") as ours, \
                open("/proc/%d/ns/net" % self.pid, "rb") as theirs:
            _setns(theirs.fileno(), clone_newnet)
            try:
                yield
            finally:
                _setns(ours.fileno(), clone_newnet)


def _statuses():
    """Pid → fields of /proc/PID/status, of every process."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), \
                    open("/proc/%s/status" % entry, encoding="utf-8", errors="replace") as f:
                lines = (line.split(":", 1) for line in f)
                found[int(entry)] = {key: value.strip() for key, value in lines}
    return found


def _setns(fd, kind):
    if _libc.setns(fd, kind) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _remove_group(group):
    """A control group and those below it; False while one has processes."""
    for path, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            pass
        except OSError:
            return False
    return True
