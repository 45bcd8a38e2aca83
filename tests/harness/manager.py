# SPDX-License-Identifier: Apache-2.0
"""A real systemd manager with our units, a bus and a /run of its own.

It is `systemd --user`: the same program and the same D-Bus interface as PID 1, but it needs no
container. It lives in a mount namespace where /run is empty and says that systemd is there; what a
test starts "inside" (inside()) finds the manager where it looks for PID 1: on the system bus or,
with private=True, at /run/systemd/private. Needs root.
"""

import os
import pathlib
import select
import shutil
import signal
import subprocess
import time

from . import scratch
from .mailmig import program

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEADLINE = 30
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>systemd:</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""

# What a manager cannot be without; the units of this machine are none of ours.
TARGETS = {
    "default.target": "[Unit]\nRequires=timers.target\nAllowIsolate=yes\n",
    "sockets.target": "[Unit]\n",
    "basic.target": "[Unit]\n",
    "timers.target": "[Unit]\n",
    "shutdown.target": "[Unit]\nDefaultDependencies=no\n",
}

# The manager goes to a bus that it started itself.
BUS = {
    "dbus.socket": "[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
    "dbus.service": "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\n"
                    "ExecStart=/usr/bin/dbus-daemon --config-file=%s --nofork --nopidfile\n",
    "default.target": "[Unit]\nRequires=timers.target dbus.service\nAfter=dbus.service\n",
}

ENTER = r"""
set -e
for group in $GROUPS_OF_US; do mkdir "$group"; echo $$ >"$group/cgroup.procs"; done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system /run/dbus /run/mailmig /run/user-manager
[ -z "$PRIVATE" ] || ln -s /run/user-manager/systemd/private /run/systemd/private
ln -s "$DIR/control" /run/mailmig/control
exec env -i PATH="$PATH" HOME="$DIR/home" XDG_CONFIG_HOME="$DIR/config" \
	XDG_DATA_HOME="$DIR/data" XDG_RUNTIME_DIR=/run/user-manager SYSTEMD_LOG_TARGET=console \
	DBUS_SESSION_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket \
	SYSTEMD_UNIT_PATH="$DIR/config/systemd/user:/run/user-manager/systemd/generator:$DIR/units" \
	SYSTEMD_GENERATOR_PATH="$DIR/generators" MAILMIG_GENERATOR_ROOT="$DIR/root" \
	/lib/systemd/systemd --user
"""


def _wait(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        select.select([], [], [], 0.01)


class Manager:
    """dir: of the test's own; control: where its daemon has to listen; root/etc/mailmig.conf: what
    the generator reads."""

    def __init__(self, private=False, bus=True):
        self.dir = pathlib.Path(scratch.directory())
        self.control = self.dir / "control"
        for name in ("home", "config/systemd/user", "data", "units", "generators", "root/etc"):
            (self.dir / name).mkdir(parents=True)
        self.dir.chmod(0o755)
        self._write_units(bus)
        self._groups = [pathlib.Path(p) / self.dir.name for p in _hierarchies()]
        self.log = self.dir / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=scratch.end_with_parent,
                env={"PATH": PATH, "DIR": str(self.dir), "PRIVATE": "1" if private else "",
                     "GROUPS_OF_US": " ".join(map(str, self._groups))})
        try:
            # Before that, /run is still that of the machine.
            _wait(self.path("/run/user-manager").is_dir, "no /run of its own")
            self._until_ready(bus)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _write_units(self, bus):
        units = self.dir / "units"
        config = self.dir / "bus.conf"
        config.write_text(BUS_CONFIG)
        for name, text in {**TARGETS, **(BUS if bus else {})}.items():
            (units / name).write_text(text.replace("%s", str(config)))
        # The timer is the real one; of the service what a manager without rights can do.
        shutil.copy(ROOT / "systemd/mailmig@.timer", units)
        service = (ROOT / "systemd/mailmig@.service.in").read_text(encoding="utf-8")
        keep = ("[", "Description=", "Type=", "NotifyAccess=", "ExecStart=", "SuccessExitStatus=",
                "TimeoutStopSec=", "StartLimitIntervalSec=")
        lines = [line for line in service.splitlines() if line.startswith(keep)]
        (units / "mailmig@.service").write_text(
            "\n".join(lines).replace("@BINDIR@/mailmigctl", program("mailmigctl")) + "\n")
        (self.dir / "generators/mailmig-generator").symlink_to(program("mailmig-generator"))

    def _until_ready(self, bus):
        private = self.path("/run/user-manager/systemd/private")
        _wait(lambda: private.is_socket() or self.process.poll() is not None, "no manager")
        if self.process.poll() is not None:
            raise RuntimeError(self.log.read_text())
        self.systemctl("start", "default.target")
        if bus:
            self.inside("busctl", "--timeout=%d" % DEADLINE, "call", "--expect-reply=yes",
                        "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                        "org.freedesktop.DBus.Peer", "Ping")

    def path(self, inside):
        """A path as those inside see it."""
        return pathlib.Path("/proc/%d/root%s" % (self.process.pid, inside))

    def launcher(self):
        """What has to stand before a command, to run it inside."""
        return ["nsenter", "--mount", "--target", str(self.process.pid)]

    def start(self, command, **keys):
        # pylint: disable=consider-using-with
        return subprocess.Popen(self.launcher() + command, stdin=subprocess.DEVNULL,
                                preexec_fn=scratch.end_with_parent, **keys)

    def inside(self, *command, check=True, env=None):
        done = subprocess.run(self.launcher() + [str(c) for c in command], check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                              env={"PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", **(env or {})})
        if check and done.returncode != 0:
            raise AssertionError("%s: %s" % (command, done.stderr))
        return done

    def ctl(self, *args, **keys):
        return self.inside(program("mailmigctl"), *args, check=False, **keys)

    def systemctl(self, *args):
        return self.inside("systemctl", "--user", *args,
                           env={"XDG_RUNTIME_DIR": "/run/user-manager"}).stdout

    def show(self, unit, *properties):
        text = self.systemctl("show", unit, "--property=" + ",".join(properties))
        return dict(line.split("=", 1) for line in text.splitlines())

    def configure(self, text):
        """What the generator reads at the next reload of the manager."""
        path = self.dir / "root/etc/mailmig.conf"
        path.write_text(text, encoding="utf-8")

    def close(self):
        self.process.kill()  # nothing in it is worth a polite end
        self.process.wait()
        for group in self._groups:
            _remove_group(group)
        scratch.remove(str(self.dir))


def _hierarchies():
    """Where systemd would make its control groups: those of the tests go into a group of their
    own, or the manager would take all processes of this machine for its."""
    v1, v2 = pathlib.Path("/sys/fs/cgroup/systemd"), pathlib.Path("/sys/fs/cgroup/cgroup.procs")
    found = []
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, names, path = line.split(":", 2)
        base = v1 if names == "name=systemd" else None
        if names == "":
            base = v2.parent if v2.exists() else v2.parent / "unified"
        if base and (base / "cgroup.procs").exists():
            here = base / path.lstrip("/")
            found.append(here if here.is_dir() else base)
    return found


def _remove_group(group):
    if not group.is_dir():
        return
    inner = sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True)
    for directory in [*inner, group]:
        for pid in (directory / "cgroup.procs").read_text(encoding="ascii").split():
            os.kill(int(pid), signal.SIGKILL)
        end = time.monotonic() + 10
        while True:
            try:
                directory.rmdir()
                break
            except OSError:
                assert time.monotonic() < end, directory
                select.select([], [], [], 0.01)
