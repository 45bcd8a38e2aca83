# SPDX-License-Identifier: Apache-2.0
"""A server in a root of its own: what `roots` made, with its own processes, /run, /dev and
/proc, and this machine's network. It ends as a whole with the first of its processes."""

import os
import shlex
import socket
import subprocess
import threading
import time

from . import certs, ports, roots, scratch

START_TIMEOUT = 30.0

# $1: the root; $2: the server's own directory, /srv in there; then pairs for bind mounts until --.
ENTER = """
root=$1 own=$2
shift 2
mount -t proc proc "$root/proc"
mount --bind "$own" "$root/srv"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero random urandom; do
	touch "$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir -m 1777 "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /srv/syslog "$root/dev/log"
while [ "$1" != -- ]; do
	mount --bind "$1" "$root$2"
	shift 2
done
shift
# No exec: the first process has to stay as it is to be killed with its parent.
chroot "$root" "$@"
exit $?
"""

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Jailed:
    """A server of a class that says:

    kind, packages: name and packages of its root;
    binds:          pairs (path below its own directory, path in the root) of what it sees elsewhere;
    prepare():      writes all it needs into self.dir, before the first start;
    configure():    writes what depends on the ports;
    command():      the arguments that start it, in the foreground;
    add_user().

    users: name → password. host, port (STARTTLS and plain), tls_port, ca_file as Dovecot has them."""

    host = "localhost"
    binds = ()

    def __init__(self, users=None, ca=None, name=None):
        self.name = name or self.kind
        self.users = {}
        self.process = None
        self.port = self.tls_port = None
        self.root = roots.provide(self.kind, self.packages)
        self.dir = scratch.directory()
        os.chmod(self.dir, 0o755)
        self._syslog = self._listener = None
        try:
            self.ca = ca or certs.CA(self.path("ca"))
            self.ca_file = self.ca.file
            self.cert, self.key = self.ca.valid()
            self.prepare()
            for user, password in (users or {}).items():
                self.add_user(user, password)
        except BaseException:
            self._remove()
            raise

    # ---- what differs ----

    def prepare(self):
        pass

    def configure(self):
        pass

    def command(self):
        raise NotImplementedError

    # ---- life ----

    def start(self):
        try:
            for _ in range(5):
                if self._try_to_start():
                    return self
            raise RuntimeError("%s did not start:\n%s" % (self.name, self.log()[-3000:]))
        except BaseException:
            self.stop()
            raise

    def _try_to_start(self):
        self.port, self.tls_port = ports.free(2)
        self.configure()
        self._listen()
        self.process = self.popen(*self.command())
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            if self._greets(self.port):
                return True
            # It has no way to tell when it listens, other than listening.
            time.sleep(0.02)
        self._kill()
        return False

    def stop(self):
        """End it at once and remove all that it left. Safe to call twice."""
        self._kill()
        self._remove()

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *unused):
        self.stop()

    def log(self):
        text = ""
        for filename in ("out", "messages"):
            try:
                with open(self.path(filename), encoding="utf-8", errors="replace") as f:
                    text += f.read()
            except FileNotFoundError:
                pass
        return text

    # ---- for those classes ----

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, mode)

    def popen(self, *argv, **keys):
        """A program in there. Killing the process ends all that it started."""
        binds = [part for ours, theirs in self.binds for part in (self.path(ours), theirs)]
        with open(self.path("out"), "ab") as out:
            return subprocess.Popen(
                [*roots.ALONE, "sh", "-ec", ENTER, "enter", str(self.root), self.dir, *binds, "--",
                 *argv], **{"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out, **keys},
                preexec_fn=scratch.killed_with_parent, env=ENVIRONMENT)

    def run(self, *argv, given=b""):
        """A command in there, to its end."""
        with self.popen(*argv, stdin=subprocess.PIPE) as process:
            process.communicate(given)
        if process.returncode != 0:
            raise RuntimeError("%s: exit %d\n%s" % (shlex.join(argv), process.returncode,
                                                    self.log()[-2000:]))

    def ids(self, user):
        """(uid, gid) of a user of the root."""
        with open(self.root / "etc/passwd", encoding="utf-8") as lines:
            for line in lines:
                fields = line.split(":")
                if fields[0] == user:
                    return int(fields[2]), int(fields[3])
        raise KeyError(user)

    # ---- inside ----

    def _greets(self, port):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                return s.recv(2000).startswith(b"* OK")
        except OSError:
            return False

    def _listen(self):
        """What it says to syslog goes into a file, and not to this machine's."""
        if self._syslog is not None:
            return
        self._syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._syslog.bind(self.path("syslog"))
        os.chmod(self.path("syslog"), 0o666)
        self._listener = threading.Thread(target=self._hear, daemon=True)
        self._listener.start()

    def _hear(self):
        with open(self.path("messages"), "wb", buffering=0) as out:
            for said in iter(lambda: self._syslog.recv(65536), b"END"):
                out.write(said.rstrip(b"\n\0") + b"\n")

    def _kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _remove(self):
        if self._syslog is not None:
            self._syslog.sendto(b"END", self.path("syslog"))
            self._listener.join()
            self._syslog.close()
            self._syslog = None
        scratch.remove(self.dir)
