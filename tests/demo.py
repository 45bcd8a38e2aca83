#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `make demo` runs: two throw-away mail servers on loopback, a mailbox of every kind of mail,
the service, and at the end the servers' own word for it. Ends with 0 when all is equal, and
leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from harness import corpus, scratch  # noqa: E402  pylint: disable=wrong-import-position
from harness.dovecot import Dovecot  # noqa: E402  pylint: disable=wrong-import-position
from harness.imapclient import Client, compare  # noqa: E402  pylint: disable=wrong-import-position
from harness.mailmig import Mailmig, build_dir  # noqa: E402  pylint: disable=wrong-import-position
from harness.pair import Pair  # noqa: E402  pylint: disable=wrong-import-position

ACCOUNT = "family"
USER = "user@example.org"


def say(text=""):
    print(text, flush=True)


def size(octets):
    return "%.1f MiB" % (octets / 1024 / 1024)


def count(server):
    """What a server itself says it holds: (folders, messages, octets)."""
    with Client(server, USER) as client:
        mail = client.everything()
    return (len(mail), sum(len(m) for m in mail.values()),
            sum(m.size for folder in mail.values() for m in folder))


def show_count(name, server):
    folders, messages, octets = count(server)
    say("  %-12s %s:%-6d %3d folders, %4d messages, %s"
        % (name, server.host, server.tls_port, folders, messages, size(octets)))
    return messages


def ctl(mailmig, *args):
    """Run the tool as a person would, on this terminal. Returns its exit code."""
    say("\n$ mailmigctl %s" % " ".join(args))
    return subprocess.run(mailmig.command(*args), check=False).returncode


def expect(ok, text):
    if not ok:
        raise SystemExit("demo: FAILED: " + text)


def demo(origin, destination, mailmig):
    pair = Pair(mailmig, origin, destination, USER, account=ACCOUNT, password="correct horse")
    stored, _ = corpus.fill_all_kinds(origin, USER)

    say("Two Dovecot servers of their own on loopback, TLS with a certificate of their own CA:")
    show_count("origin", origin)
    show_count("destination", destination)

    mailmig.start()
    say("\n$ mailmigd --config %s &\n  ready" % mailmig.config)

    expect(ctl(mailmig, "run", ACCOUNT) == 0, "the first run")
    with pair.at_destination() as client:
        before = client.everything()

    say("\nAgain: there is nothing to do.")
    expect(ctl(mailmig, "run", ACCOUNT) == 0, "the second run")
    expect(ctl(mailmig, "status") == 0, "status")

    say("\nWhat the servers themselves count:")
    show_count("origin", origin)
    expect(show_count("destination", destination) == stored, "the number of messages")
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        expect(theirs.everything() == before, "the second run changed something")
        differences = compare(ours, theirs)
    for line in differences[:20]:
        say("  " + line)
    expect(not differences, "%d differences" % len(differences))
    say("\nCompared at the servers: %d of %d messages equal in every octet (SHA-256), flags,\n"
        "keywords, date and order; every folder there, subscribed as at the origin."
        % (stored, stored))


def main():
    for name in ("mailmigd", "mailmigctl", "mailmig-worker"):
        expect(os.access(build_dir() / name, os.X_OK), "%s is not built (make)" % name)

    def end(*_):
        settle()
        raise SystemExit("demo: interrupted")

    def settle():
        """From here on things are being stopped: a second signal must not stop that."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(Dovecot(fsync="never", name="origin", users={}))
        destination = stack.enter_context(Dovecot(fsync="never", name="destination", users={}))
        mailmig = Mailmig(min_free="256MiB")
        stack.push(lambda kind, *_: mailmig.stop(check=kind is None) and False)
        stack.callback(settle)
        demo(origin, destination, mailmig)
    expect(not scratch.left(), "left behind: %s" % scratch.left())
    say("Daemon and servers stopped, nothing left behind.")


if __name__ == "__main__":
    main()
