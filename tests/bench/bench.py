#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `make bench` runs: mailmig, mbsync and the ceiling side by side, on two private Dovecots.

Contestants take turns on the same mailbox, each with a destination user of its own that has never
been used; the destination is asked afterwards what it holds. Everything runs on this machine: what
counts are the ratios within one run, not the seconds. The servers are as their users meet them:
Dovecot's own mail_fsync, mail on the disk. With --fsync never --mail /dev/shm the disk is left out,
and what remains is the processors' work, most of it the servers'."""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# pylint: disable=wrong-import-position
import contestants
import load
import report
from harness import certs, corpus, dovecot, scratch
from harness.imapclient import Client

SMALL, LARGE = 2000, 20000
SLOW_MS = 25          # each way
MANY_FOLDERS = 200
BIG_MESSAGE = 200 * 1024 * 1024
IDLE_RUNS = 5
QUIET = 0.2           # processors
PASSES = ("small", "large", "slow", "counted", "big")


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, stack):
        self.options = options
        self.tools = contestants.Tools(options.build)
        self.results = report.Results()
        self.notes = []
        self.used = 0
        self.octets = {}  # of each user at the origin
        self.changes = 0
        missing = self.tools.mailmig_missing()
        self.with_mailmig = not missing and not options.skip_mailmig
        if missing:
            self.note("mailmig: not built (%s), left out" % ", ".join(missing))
        self.with_mbsync = not options.skip_mbsync
        if self.with_mbsync and contestants.Mbsync.missing():
            self.with_mbsync = False
            self.note("mbsync: not installed (isync), left out")

        directory = scratch.directory()
        stack.callback(scratch.remove, directory)
        ca = certs.CA(os.path.join(directory, "ca"))
        self.origin = self._server(stack, ca, "origin", {})
        self.targets = ["d%d" % i for i in range(400)]
        self.destination = self._server(stack, ca, "destination",
                                        {t: "secret" for t in self.targets})
        self.direct = contestants.Direct(self.origin, self.destination)

    def _server(self, stack, ca, name, users):
        server = dovecot.Dovecot(users or {"nobody": "secret"}, ca=ca, name=name,
                                 fsync=self.options.fsync)
        self._move_mail(stack, server)
        stack.callback(server.stop)
        return server.start()

    def _move_mail(self, stack, server):
        """The mail of a server that has none yet lies where the options say."""
        target = tempfile.mkdtemp(prefix="mmbench", dir=self.options.mail)
        stack.callback(shutil.rmtree, target, ignore_errors=True)
        os.chmod(target, 0o755)
        server.own(target)
        here = os.path.join(server.dir, "mail")
        os.rmdir(here)
        os.symlink(target, here)

    def note(self, text):
        self.notes.append(text)
        say(text)

    # ---- mailboxes ----

    def mailbox(self, user, n):
        self.origin.add_user(user)
        messages, octets = corpus.bench_maildir(self.origin, user, n)
        self.octets[user] = octets
        with Client(self.origin, user) as client:  # the server's own indexes, before any clock
            client.counts()
        say("%s: %d messages, %.1f MB" % (user, messages, octets / 1e6))

    def many_folders(self, user):
        """Few messages in many folders."""
        self.origin.add_user(user)
        with Client(self.origin, user) as client:
            for i in range(MANY_FOLDERS):
                corpus.simple(client, "Folder %d" % i, 1, first=i)

    def big_message(self, user):
        self.origin.add_user(user)
        with Client(self.origin, user) as client:
            corpus.simple(client, "INBOX", 1, size=BIG_MESSAGE)
        self.octets[user] = BIG_MESSAGE

    def change(self, user):
        """100 new messages in five folders, \\Draft on 500 messages set (or taken away again)."""
        how = "-FLAGS" if self.changes % 2 else "+FLAGS"
        self.changes += 1
        with Client(self.origin, user) as client:
            for i, folder in enumerate(("INBOX", "Sent", "Archive", "Lists/dev", "Projects")):
                corpus.simple(client, folder, 20, 100000 * self.changes + 1000 * i, 8000)
            for folder, uids in (("INBOX", "1:300"), ("Archive/2021", "1:200")):
                client.select(folder)
                client.command("UID", "STORE", uids, how + ".SILENT", "(\\Draft)",
                               responses="FETCH")

    # ---- contestants ----

    def fresh_target(self):
        self.used += 1
        return self.targets[self.used - 1]

    @contextlib.contextmanager
    def field(self, user, line, names):
        """The contestants, each at its beginning; afterwards they and their mail are gone."""
        with contextlib.ExitStack() as stack:
            out = {}
            for name in names:
                target = self.fresh_target()
                if name == "ceiling":
                    one = contestants.Ceiling(self.tools, line, self.direct, user, target)
                elif name == "mbsync":
                    one = contestants.Mbsync(self.tools, line, user, target)
                else:
                    one = contestants.Mailmig(self.tools, line, user, target)
                stack.callback(self.forget, target)
                stack.callback(one.close)
                out[name] = one
            yield out

    def forget(self, target):
        shutil.rmtree(os.path.dirname(self.destination.mail_root(target)), ignore_errors=True)

    def names(self, ceiling=True):
        return (["ceiling"] if ceiling else []) + (["mailmig"] if self.with_mailmig else []) + \
            (["mbsync"] if self.with_mbsync else [])

    # ---- measuring ----

    def sample(self, mailbox, scenario, one, run):
        """One run, counted where there is a proxy."""
        meanwhile = None

        def begin():
            nonlocal meanwhile
            self._make_ready(one.user if scenario == "first" else None)
            one.line.counts()
            meanwhile = self._load(one)

        try:
            cost = run(begin)
        except RuntimeError:
            for server in (self.origin, self.destination):
                say("%s said last:\n%s" % (server.name, server.log()[-2000:]))
            raise
        cost.update(meanwhile.end(cost["cpu_seconds"]))
        self._add(mailbox, scenario, one, cost, one.line.counts())

    def _make_ready(self, user):
        """Neither the disk's backlog nor where memory comes from may decide."""
        os.sync()
        if user:
            load.warm_memory(self.octets[user])

    def _load(self, one):
        return load.Load([self.origin.process.pid, self.destination.process.pid], one.line.pids())

    def _add(self, mailbox, scenario, one, cost, counts=None):
        got = self.results.add(mailbox, scenario, one.name, cost, counts)
        text = "  %-34s %-8s %8.3f s  cpu %6.2f s" % (mailbox + " " + scenario, one.name,
                                                     got["seconds"], got["cpu_seconds"])
        if "elsewhere_cpus" in got:
            text += "  elsewhere %.2f" % got["elsewhere_cpus"]
        say(text + ("  %d round trips" % got["round_trips"] if counts else ""))

    def check(self, user, one):
        """The destination says what it holds."""
        with Client(self.origin, user) as ours, Client(self.destination, one.target) as theirs:
            wanted, got = _holdings(ours), _holdings(theirs)
        if wanted != got:
            raise RuntimeError("%s: the destination differs:\n%s\n%s" % (one.name, wanted, got))

    def round(self, mailbox, user, line, number, idle_runs=IDLE_RUNS, alone=False):
        """All scenarios once, for all contestants."""
        names = self.names()
        names = names[number % len(names):] + names[:number % len(names)]
        with self.field(user, line, names) as field:
            for one in field.values():
                self.sample(mailbox, "first", one, one.run)
                self.check(user, one)
            if alone:
                self.alone(mailbox, field["ceiling"])
            for _ in range(idle_runs):
                self.sample(mailbox, "list", field["ceiling"], field["ceiling"].conversation)
                for one in field.values():
                    if one.incremental:
                        self.sample(mailbox, "idle", one, one.run)
                if "mbsync" in field:
                    mbsync = field["mbsync"]
                    self.sample(mailbox, "idle-new-only", mbsync, mbsync.run_without_flags)
            self.change(user)
            for one in field.values():
                if one.incremental:
                    self.sample(mailbox, "changes", one, one.run)
                    self.check(user, one)

    def alone(self, mailbox, ceiling):
        target = self.fresh_target()
        got = ceiling.alone(target, lambda name: self._make_ready(ceiling.user))
        self.forget(target)
        for what in ("upload", "download"):
            self._add(mailbox, what, ceiling, got[what])

    def counted(self, mailbox, user):
        """First sync, only to be able to, and nothing to do: with a delay, so that an answer can
        be told from a stream."""
        names = [n for n in self.names(ceiling=False) if n == "mailmig" or not self.options.quick]
        with contestants.Proxy(self.tools, self.origin, self.destination) as line:
            with self.field(user, line, names) as field:
                for one in field.values():
                    one.run()
                    line.delay(SLOW_MS)
                    self.sample(mailbox, "idle", one, one.run)
                    line.delay(0)

    def big(self, mailbox, user):
        with self.field(user, self.direct, self.names(ceiling=False)) as field:
            for one in field.values():
                self.sample(mailbox, "first", one, one.run)
                self.check(user, one)

    # ---- all of it ----

    def run(self):
        passes = self.options.only
        small, large = str(SMALL), str(LARGE)
        slow = "%s behind %d ms" % (small, 2 * SLOW_MS)
        counted = {"large": "%s behind %d ms" % (large, 2 * SLOW_MS),
                   "many": "%d folders behind %d ms" % (MANY_FOLDERS, 2 * SLOW_MS)}
        if {"small", "slow"} & passes:
            self.mailbox("small", SMALL)
        if {"large", "counted"} & passes and not self.options.quick:
            self.mailbox("large", LARGE)

        for number in range(self.options.repeat):
            if "small" in passes:
                self.round(small, "small", self.direct, number, alone=number == 0)
            if "large" in passes and not self.options.quick:
                self.round(large, "large", self.direct, number, alone=number == 0)
            if "slow" in passes:
                with contestants.Proxy(self.tools, self.origin, self.destination, SLOW_MS) as line:
                    self.round(slow, "small", line, number)
        if "counted" in passes:
            self.many_folders("many")
            self.counted(counted["many"], "many")
            if not self.options.quick:
                self.counted(counted["large"], "large")
        if "big" in passes:
            self.big_message("big")
            self.big("one of 200 MB", "big")
        return self._verdicts(small, large, slow, counted)

    def _verdicts(self, small, large, slow, counted):
        mailboxes = [slow, counted["many"]] + ([] if self.options.quick else [counted["large"]])
        out = report.targets(self.results, large, small, slow, mailboxes)
        big = self.results.median("one of 200 MB", "first", "mailmig", "rss_kib")
        peaks = [s["rss_kib"] for (m, _, c), samples in self.results.samples.items()
                 for s in samples if c == "mailmig" and m != "one of 200 MB"]
        out.append(report.memory_target("peak memory of the worker", max(peaks, default=None), 32))
        out.append(report.memory_target("peak memory of the worker, one message of 200 MB", big,
                                        48))
        return out


def _holdings(client):
    """Folder → (messages, those with \\Draft); folders without messages do not count."""
    out = {}
    for folder, n in client.counts().items():
        if n:
            client.examine(folder)
            found = client.command("UID", "SEARCH", "DRAFT", responses="SEARCH")
            out[folder] = (n, len(b" ".join(found).split()))
    return out


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build", help="directory with the programs (build)")
    parser.add_argument("--output", help="JSON with every sample (BUILD/bench.json)")
    parser.add_argument("--quick", action="store_true", help="without the %d messages" % LARGE)
    parser.add_argument("--only", default=",".join(PASSES), help="passes, of: %(default)s")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; medians are printed (3)")
    parser.add_argument("--skip-mbsync", action="store_true")
    parser.add_argument("--skip-mailmig", action="store_true")
    parser.add_argument("--fsync", choices=("never", "optimized", "always"), default="optimized",
                        help="the servers' mail_fsync (optimized, as Dovecot is delivered)")
    parser.add_argument("--mail", default=tempfile.gettempdir(),
                        help="where the servers' mail lies (%(default)s)")
    options = parser.parse_args()
    options.only = set(options.only.split(","))
    if options.only - set(PASSES) or options.repeat < 1:
        parser.error("--only takes names of %s; --repeat at least 1" % ", ".join(PASSES))
    options.output = options.output or os.path.join(options.build, "bench.json")
    return options


def write_json(options, bench, verdicts, seconds):
    document = {
        "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()},
        "fsync": options.fsync, "mail": options.mail, "repeat": options.repeat,
        "seconds": round(seconds, 1),
        "notes": bench.notes, "results": bench.results.as_json(),
        "targets": [{"result": r, "text": t} for r, t in verdicts],
    }
    directory = os.path.dirname(os.path.abspath(options.output))
    with tempfile.NamedTemporaryFile("w", dir=directory, delete=False, encoding="utf-8") as out:
        json.dump(document, out, indent=1)
    os.chmod(out.name, 0o644)
    os.rename(out.name, options.output)


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    before = os.getloadavg()[0]
    with contextlib.ExitStack() as stack:
        bench = Bench(options, stack)
        verdicts = bench.run()
    seconds = time.monotonic() - start
    for line in report.table(bench.results) + report.verdict_lines(verdicts):
        print(line)
    busy = bench.results.elsewhere()
    if busy is not None and busy > QUIET:
        bench.notes.append("not a quiet machine: others used %.1f processors on average; the "
                           "ratios of times are doubtful" % busy)
    print("\n%s%.0f s; load %.1f before, %.1f now; times are medians; mail of the servers in %s, "
          "mail_fsync %s" % ("".join(n + "\n" for n in bench.notes), seconds, before,
                             os.getloadavg()[0], options.mail, options.fsync))
    write_json(options, bench, verdicts, seconds)


if __name__ == "__main__":
    main()
