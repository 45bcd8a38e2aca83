# SPDX-License-Identifier: Apache-2.0
"""The programs that are compared, each behind the same few calls, and the proxy between.

A contestant copies the mailbox of one user at the origin to one fresh user at the destination.
run() does it once more and returns what it cost, as a dict:

    seconds      wall clock, from starting the program to its end
    cpu_seconds  user and system time of the client side
    rss_kib      peak resident memory of the process that does the work

and whatever else it can tell. run() calls begin() when all is prepared and the clock is about to
start."""

import contextlib
import json
import os
import select
import shutil
import subprocess

from harness import mailmig, scratch

RUN_TIMEOUT = 900
STOP_TIMEOUT = 10


class Tools:
    """Where the programs of a build directory are."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        missing = [n for n in ("rawcopy", "delayproxy", "measure")
                   if not os.path.exists(self.path(n))]
        if missing:
            raise SystemExit("bench: %s: not built (make bench does)" % ", ".join(missing))

    def path(self, name):
        return os.path.join(self.build, "bench", name)

    def mailmig_missing(self):
        """Names of those of mailmig's programs that are not built."""
        return [n for n in ("mailmigd", "mailmigctl", "mailmig-worker")
                if not os.path.exists(os.path.join(self.build, n))]


def measure(tools, directory, command, env=None):
    """Run a command to its end: (cost, standard output)."""
    cost = os.path.join(directory, "cost-of-command")
    with open(os.path.join(directory, "stderr"), "wb") as err:
        process = subprocess.Popen([tools.path("measure"), cost, *command],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err,
                                   env=env, preexec_fn=scratch.end_with_parent)
        with ending(process):
            out, _ = process.communicate(timeout=RUN_TIMEOUT)
    with open(cost, encoding="ascii") as f:
        result = json.loads(f.read())
    os.unlink(cost)
    if result.pop("status") != 0:
        with open(os.path.join(directory, "stderr"), encoding="utf-8", errors="replace") as f:
            raise RuntimeError("%s ended with %d:\n%s\n%s" % (
                " ".join(command[:2]), process.returncode, f.read()[-2000:],
                out.decode("utf-8", "replace")[-2000:]))
    return result, out.decode("utf-8", "replace")


@contextlib.contextmanager
def ending(process):
    """The process is gone afterwards, whatever happens."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Via:
    """What a client connects to: a server, or a proxy's port for it."""

    host = "localhost"

    def __init__(self, server, port=None):
        self.ca_file = server.ca_file
        self.tls_port = port or server.tls_port


class Proxy:
    """delayproxy before two servers. `origin` and `destination` are what to connect to."""

    def __init__(self, tools, origin, destination, delay_ms=0):
        self.process = subprocess.Popen(
            [tools.path("delayproxy"), "--delay-ms", str(delay_ms), str(origin.tls_port),
             str(destination.tls_port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        ports = json.loads(self.process.stdout.readline())["ports"]
        self.origin, self.destination = Via(origin, ports[0]), Via(destination, ports[1])

    def _order(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def delay(self, delay_ms):
        """Each way, from now on."""
        self._order("delay %d" % delay_ms)

    def counts(self):
        """What passed since the last call: [origin, destination]."""
        return self._order("count")

    def pids(self):
        return [self.process.pid]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()  # which ends it
        try:
            self.process.wait(STOP_TIMEOUT)
        finally:
            with ending(self.process):
                self.process.stdout.close()


class Direct:
    """The same without a proxy: nothing is counted."""

    def __init__(self, origin, destination):
        self.origin, self.destination = Via(origin), Via(destination)

    def counts(self):
        return None

    def pids(self):
        return []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        pass


class Contestant:
    """tools: Tools; line: Proxy or Direct; user at the origin, target at the destination."""

    name = None
    incremental = True  # can be run again

    def __init__(self, tools, line, user, target, password="secret"):
        self.tools, self.line = tools, line
        self.user, self.target = user, target
        self.dir = scratch.directory()
        self.password_file = os.path.join(self.dir, "password")
        with open(self.password_file, "w", encoding="ascii") as out:
            out.write(password)
        os.chmod(self.password_file, 0o600)

    def run(self, begin=lambda: None):
        raise NotImplementedError

    def close(self):
        scratch.remove(self.dir)


class Ceiling(Contestant):
    """What two connections can do at most: upload from memory while another one downloads."""

    name = "ceiling"
    incremental = False

    def __init__(self, tools, line, direct, user, target):
        super().__init__(tools, line, user, target)
        self.direct = direct

    def _command(self, verb, *more):
        return [self.tools.path("rawcopy"), verb, "--ca", self.line.origin.ca_file,
                "--password-file", self.password_file, "--user", self.user,
                "--origin", str(self.line.origin.tls_port), *more]

    def transfer(self, begin, *users):
        """begin(name) before each of what is measured."""
        process = subprocess.Popen(self._command(
            "transfer", "--load", str(self.direct.origin.tls_port),
            "--destination", str(self.line.destination.tls_port),
            "--prepare", str(self.direct.destination.tls_port), *users),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=scratch.end_with_parent)
        with ending(process), process.stdin, process.stdout:
            for line in process.stdout:
                if not line.startswith(b"ready "):
                    return json.loads(line)
                begin(line.split()[1].decode())
                process.stdin.write(b"go\n")
                process.stdin.flush()
        raise RuntimeError("rawcopy failed")

    def run(self, begin=lambda: None):
        return self.transfer(lambda name: begin(), "--both-user", self.target)["both"]

    def alone(self, target, begin=lambda name: None):
        """Upload and download, each by itself."""
        return self.transfer(begin, "--upload-user", target)

    def conversation(self, begin=lambda: None):
        """Connect, log in, LIST-STATUS, log out: one side."""
        begin()
        _, out = measure(self.tools, self.dir, self._command("list"))
        return json.loads(out)


MBSYNC_STORE = """
IMAPAccount {name}
Host localhost
Port {port}
User {user}
Pass {password}
SSLType IMAPS
SystemCertificates no
CertificateFile {ca}

IMAPStore {name}
Account {name}
"""

MBSYNC_CHANNEL = """
Channel bench
Far :origin:
Near :destination:
Patterns *
Create Near
Expunge None
CopyArrivalDate yes
Sync Pull New {more}
"""


class Mbsync(Contestant):
    """isync. It pulls flags as well, as mailmig does; run_without_flags() pulls new messages only,
    which is less work."""

    name = "mbsync"

    def __init__(self, tools, line, user, target):
        super().__init__(tools, line, user, target)
        os.mkdir(os.path.join(self.dir, "state"))
        self.with_flags = self._write("with-flags", "Flags")
        self.without_flags = self._write("without-flags", "")

    @staticmethod
    def missing():
        return shutil.which("mbsync") is None

    def _write(self, filename, more):
        path = os.path.join(self.dir, filename)
        with open(path, "w", encoding="utf-8") as out:
            out.write("SyncState %s/\n" % os.path.join(self.dir, "state"))
            for name, via, user in (("origin", self.line.origin, self.user),
                                    ("destination", self.line.destination, self.target)):
                out.write(MBSYNC_STORE.format(name=name, port=via.tls_port, user=user,
                                              password="secret", ca=via.ca_file))
            out.write(MBSYNC_CHANNEL.format(more=more))
        os.chmod(path, 0o600)
        return path

    def run(self, begin=lambda: None):
        begin()
        return self._run(self.with_flags)

    def run_without_flags(self, begin=lambda: None):
        begin()
        return self._run(self.without_flags)

    def _run(self, rc):
        cost, _ = measure(self.tools, self.dir, [shutil.which("mbsync"), "-q", "-c", rc, "-a"],
                          env={"PATH": os.environ["PATH"], "HOME": self.dir, "LC_ALL": "C.UTF-8"})
        return cost


class Mailmig(Contestant):
    """mailmigctl run, by a daemon that runs already. The daemon's worker is wrapped (measure.c):
    its cost comes through a FIFO, so that reading waits until it is there."""

    name = "mailmig"

    def __init__(self, tools, line, user, target):
        super().__init__(tools, line, user, target)
        self.programs = os.path.join(self.dir, "programs")
        os.mkdir(self.programs)
        for program, source in (("mailmigd", tools.build), ("mailmigctl", tools.build)):
            shutil.copy2(os.path.join(source, program), self.programs)
        shutil.copy2(os.path.join(tools.build, "mailmig-worker"),
                     os.path.join(self.programs, "mailmig-worker.real"))
        shutil.copy2(tools.path("measure"), os.path.join(self.programs, "mailmig-worker"))
        os.mkfifo(os.path.join(self.programs, "cost"))
        self.cost = os.open(os.path.join(self.programs, "cost"), os.O_RDWR | os.O_CLOEXEC)
        self.mm = mailmig.Mailmig()
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        self.mm.add_server("origin", self.line.origin)
        self.mm.add_server("destination", self.line.destination)
        self.mm.add_account("bench", self.mm.endpoint("origin", self.user),
                            self.mm.endpoint("destination", self.target))
        with self._our_programs():
            self.mm.start()

    @contextlib.contextmanager
    def _our_programs(self):
        before = os.environ.get("MAILMIG_BUILD")
        os.environ["MAILMIG_BUILD"] = self.programs
        try:
            yield
        finally:
            if before is None:
                del os.environ["MAILMIG_BUILD"]
            else:
                os.environ["MAILMIG_BUILD"] = before

    def run(self, begin=lambda: None):
        begin()
        daemon = self._daemon_cpu()
        with self._our_programs():
            command = self.mm.command("--json", "run", "bench")
        try:
            ctl, out = measure(self.tools, self.dir, command)
        except RuntimeError as e:
            raise RuntimeError("%s\n%s" % (e, self.mm.log()[-2000:])) from e
        worker = self._worker_cost()
        done = [e for e in map(json.loads, out.splitlines()) if e.get("event") == "done"][-1]
        return {"seconds": ctl["seconds"],
                "cpu_seconds": ctl["cpu_seconds"] + worker["cpu_seconds"],
                "rss_kib": worker["rss_kib"], "worker_seconds": worker["seconds"],
                "ctl_cpu_seconds": ctl["cpu_seconds"], "ctl_rss_kib": ctl["rss_kib"],
                "daemon_cpu_seconds": self._daemon_cpu() - daemon,
                "copied": done["copied"], "flags_updated": done["flags_updated"],
                "round_trips_told": done.get("round_trips")}

    def _worker_cost(self):
        ready, _, _ = select.select([self.cost], [], [], STOP_TIMEOUT)
        if not ready:
            raise RuntimeError("the worker's cost did not come")
        return json.loads(os.read(self.cost, 4096).decode().splitlines()[-1])

    def _daemon_cpu(self):
        with open("/proc/%d/stat" % self.mm.daemon.pid, encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        try:
            self.mm.stop(check=False)
        finally:
            os.close(self.cost)
            super().close()
