# SPDX-License-Identifier: Apache-2.0
"""The programs under test: a configuration, the daemon, the tool, in a directory of their own."""

import collections
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import threading

from . import scratch

ROOT = pathlib.Path(__file__).resolve().parents[2]

START_TIMEOUT = 20
STOP_TIMEOUT = 25  # the contract says 20 s
RUN_TIMEOUT = 120

Result = collections.namedtuple("Result", "rc out err")

# What keeps tests short; a test may give other values.
GLOBALS = {"min_free": "1MiB", "uncertain_wait": "1s", "retry": {"attempts": 2, "max_delay": "1s"}}


def build_dir():
    return pathlib.Path(os.environ.get("MAILMIG_BUILD", ROOT / "build")).resolve()


def program(name):
    return str(build_dir() / name)


class Raw(str):
    """Text that goes into the configuration as it is."""


def libconfig(value):
    """A Python value in libconfig's notation."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{ %s }" % " ".join("%s = %s;" % (k, libconfig(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return "( %s )" % ", ".join(libconfig(v) for v in value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else "\\x%02x" % ord(c) for c in text) + '"'


def libconfig_file(values):
    return "".join("%s = %s;\n" % (k, libconfig(v)) for k, v in values.items())


def server_entry(name, server, tls="implicit", **keys):
    """A `servers` entry for anything with host, port, tls_port and ca_file."""
    entry = {"name": name, "host": server.host,
             "port": server.tls_port if tls == "implicit" else server.port}
    if tls != "implicit":
        entry["tls"] = tls
    if tls == "none":
        entry["allow_cleartext"] = True
    elif getattr(server, "ca_file", None):
        entry["tls_ca"] = server.ca_file
    entry.update(keys)
    return {k: v for k, v in entry.items() if v is not None}


def processes(session):
    """Pid → name of what lives in a session (zombies do not)."""
    out = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % entry, encoding="utf-8", errors="replace") as f:
                head, tail = f.read().rsplit(")", 1)
        except OSError:
            continue
        fields = tail.split()
        if int(fields[3]) == session and fields[0] not in "ZX":
            out[int(entry)] = head.split("(", 1)[1]
    return out


class Mailmig:
    """Use: add servers and accounts, start(), ctl(...), stop(); or as a context manager.

    dir:    all it writes; removed by stop().
    config: path of the configuration; state: path of the state directory."""

    def __init__(self, **global_keys):
        self.dir = scratch.directory()
        self.state = os.path.join(self.dir, "state")
        self.config = os.path.join(self.dir, "mailmig.conf")
        self.socket = os.path.join(self.dir, "control")
        self.globals = {"state_dir": self.state, "socket": self.socket, **GLOBALS, **global_keys}
        self.globals = {k: v for k, v in self.globals.items() if v is not None}
        self.servers = []
        self.accounts = []
        self.daemon = None
        self.status_text = ""
        self.status_texts = []
        self.wrapper = []  # a program with its arguments that starts the tool
        self._notify = None
        self._listener = None
        os.mkdir(os.path.join(self.dir, "secrets"), 0o700)

    # ---- configuration ----

    def add_server(self, name, server, tls="implicit", **keys):
        self.servers.append(server_entry(name, server, tls, **keys))
        return name

    def secret(self, label, octets, mode=0o600):
        """A secret file; returns its path."""
        path = os.path.join(self.dir, "secrets", label)
        with open(path, "wb") as out:
            out.write(octets if isinstance(octets, bytes) else octets.encode())
        os.chmod(path, mode)
        return path

    def endpoint(self, server, user, password="secret", **keys):
        """An IMAP endpoint; password None: the caller gives a secret by its own key."""
        entry = {"server": server, "user": user}
        if password is not None:
            label = "%s-%d" % (server, len(os.listdir(os.path.join(self.dir, "secrets"))))
            entry["password_file"] = self.secret(label, password)
        entry.update(keys)
        return entry

    def add_account(self, name, origin, destination, **keys):
        self.accounts.append({"name": name, "origin": origin, "destination": destination, **keys})
        return name

    def write_config(self):
        with open(self.config + ".new", "w", encoding="utf-8") as out:
            out.write(libconfig_file({**self.globals, "servers": self.servers,
                                      "accounts": self.accounts}))
        os.chmod(self.config + ".new", 0o600)
        os.rename(self.config + ".new", self.config)
        return self.config

    # ---- the daemon ----

    def start(self, env=None):
        self.write_config()
        notify = os.path.join(self.dir, "notify")
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(notify)
        with open(os.path.join(self.dir, "daemon.log"), "ab") as log:
            self.daemon = subprocess.Popen(
                [program("mailmigd"), "--config", self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=scratch.end_with_parent,
                env={**self._environment(), "NOTIFY_SOCKET": notify, **(env or {})})
        pidfd = os.pidfd_open(self.daemon.pid)
        try:
            while "READY=1" not in self.status_text.split("\n"):
                ready, _, _ = select.select([self._notify, pidfd], [], [], START_TIMEOUT)
                if self._notify in ready:
                    self.status_text = self._notify.recv(65536).decode()
                    continue
                raise RuntimeError("mailmigd did not become ready:\n" + self.log()[-3000:])
        except BaseException:
            self.kill()
            raise
        finally:
            os.close(pidfd)
        # Who does not read what he asked to be told stops the daemon after ten datagrams.
        self._listener = threading.Thread(target=self._listen, args=(self._notify,), daemon=True)
        self._listener.start()
        return self

    def _listen(self, notify):
        while True:
            text = notify.recv(65536)
            if text == b"END":
                return
            self.status_text = text.decode()
            self.status_texts.append(self.status_text)

    def stop(self, check=True):
        """End the daemon by its pid, look what it left, remove the directory."""
        try:
            self.terminate(check)
        finally:
            self.kill()
            scratch.remove(self.dir)

    def terminate(self, check=True):
        """SIGTERM; its exit code has to be 0 and no worker may outlive it."""
        if self.daemon is None:
            return
        session = self.daemon.pid
        self.daemon.send_signal(signal.SIGTERM)
        code = self.daemon.wait(STOP_TIMEOUT)
        left = processes(session)
        self.daemon = None
        self._close_notify()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        if check and code != 0:
            raise AssertionError("mailmigd ended with %d:\n%s" % (code, self.log()[-3000:]))
        text = self.log()
        if check and ("Sanitizer" in text or "runtime error:" in text):
            raise AssertionError("a sanitizer complains:\n" + text[-5000:])
        if check and left:
            raise AssertionError("left behind: %s" % left)

    def kill(self):
        """kill -9 the daemon alone. Its workers notice by themselves: see wait_gone()."""
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()
            self.daemon = None
        self._close_notify()

    def workers(self):
        """Pids of running workers."""
        found = processes(self.daemon.pid) if self.daemon else {}
        return sorted(pid for pid, name in found.items() if name == "mailmig-worker")

    def log(self):
        try:
            path = os.path.join(self.dir, "daemon.log")
            with open(path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def __enter__(self):
        return self.start() if self.daemon is None else self

    def __exit__(self, kind, *unused):
        self.stop(check=kind is None)

    def _close_notify(self):
        if self._notify is not None:
            if self._listener is not None:
                self._notify.sendto(b"END", self._notify.getsockname())
                self._listener.join()
                self._listener = None
            self._notify.close()
            os.unlink(os.path.join(self.dir, "notify"))
            self._notify = None
        self.status_text = ""

    @staticmethod
    def _environment():
        env = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))}
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **env}

    # ---- the tool ----

    def command(self, *args):
        return [program("mailmigctl"), "--socket", self.socket, "--config", self.config, *args]

    def popen(self, *args, **keys):
        keys.setdefault("stdout", subprocess.PIPE)
        keys.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([*self.wrapper, *self.command(*args)], stdin=subprocess.DEVNULL,
                                env=self._environment(), **keys)

    def ctl(self, *args, timeout=RUN_TIMEOUT):
        with self.popen(*args) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except BaseException:
                process.kill()
                raise
        return Result(process.returncode, out.decode("utf-8", "replace"),
                      err.decode("utf-8", "replace"))

    def ctl_json(self, *args, timeout=RUN_TIMEOUT):
        """Exit code and the one JSON value on standard output."""
        got = self.ctl("--json", *args, timeout=timeout)
        return got.rc, json.loads(got.out)

    def run_json(self, *names, args=(), timeout=RUN_TIMEOUT):
        """Run accounts: (exit code, list of events, the last `done` event)."""
        got = self.ctl("--json", "run", *names, *args, timeout=timeout)
        events = [json.loads(line) for line in got.out.splitlines()]
        done = [e for e in events if e.get("event") == "done"]
        if not done:
            raise AssertionError("no done event (exit %d): %s%s" % (got.rc, got.out, got.err))
        return got.rc, events, done[-1]

    def account_status(self, name):
        _, status = self.ctl_json("status", name)
        return next(a for a in status["accounts"] if a["name"] == name)
