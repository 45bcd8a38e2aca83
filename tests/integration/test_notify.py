# SPDX-License-Identifier: Apache-2.0
"""mailmigd: notify.command, once for each time an account fails for too long."""

import os
import select
import sqlite3

import pytest

from daemon_rig import (DEADLINE, daemon, eventually, make,  # pylint: disable=unused-import
                        run_once)

# pylint: disable=redefined-outer-name

TWO_DAYS = 2 * 24 * 3600 * 1000000


class Pipe:
    """Where the command writes to. Opened both ways: nobody waits for the other side."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.seen = b""

    def next(self):
        """The variables of the next command."""
        while b"END\n" not in self.seen:
            assert select.select([self.fd], [], [], DEADLINE)[0], "no command"
            self.seen += os.read(self.fd, 65536)
        text, self.seen = self.seen.split(b"END\n", 1)
        return dict(line.split("=", 1) for line in text.decode().splitlines())

    def is_empty(self):
        return not self.seen and not select.select([self.fd], [], [], 0)[0]

    def close(self):
        os.close(self.fd)


@pytest.fixture
def told(make):
    """A daemon whose command tells the pipe, and the pipe; not started."""
    daemon = make()
    pipe = Pipe(os.path.join(daemon.dir, "pipe"))
    yield daemon, pipe
    pipe.close()


def configure(daemon, pipe, accounts=("alice",), after="0", command=None):
    command = command or "(env; echo END) > %s" % pipe.path
    daemon.write_config(accounts, notify='{ command = "%s"; after_failed_for = "%s"; }' %
                        (command, after))


ERROR = {"folder": None, "uid": None, "class": "login", "text": "login refused: `$(id)`",
         "advice": "look at the password"}


def fail(daemon, account="alice"):
    """A failed run; its id."""
    return run_once(daemon, account, result="failed", exit_code=5,
                    errors=[ERROR])["summaries"][0]["id"]


def shift(daemon, usec):
    """The daemon is stopped meanwhile: so much time passed."""
    with sqlite3.connect(os.path.join(daemon.state, "mailmig.db")) as db:
        db.execute("UPDATE accounts SET since = since - ?", (usec,))


def test_variables(told):
    daemon, pipe = told
    configure(daemon, pipe)
    daemon.env.update(MAILMIG_SECRET="hush", CREDENTIALS_DIRECTORY="/nowhere")
    daemon.start()
    run_once(daemon)
    success = daemon.account()["last_success"]
    run = fail(daemon)
    env = pipe.next()
    assert {k: env[k] for k in env if k.startswith("MAILMIG_")} == {
        "MAILMIG_ACCOUNT": "alice", "MAILMIG_RUN": run, "MAILMIG_RESULT": "failed",
        "MAILMIG_LAST_SUCCESS": success,
        "MAILMIG_TEXT": "login refused: `$(id)`; look at the password"}
    assert set(env) - {k for k in env if k.startswith("MAILMIG_")} <= {
        "PATH", "PWD", "SHLVL", "_", "OLDPWD"}
    assert "no good run since %s" % success in daemon.log()


def test_once_until_it_has_recovered(told):
    daemon, pipe = told
    configure(daemon, pipe)
    daemon.start()
    first = fail(daemon)
    env = pipe.next()
    assert (env["MAILMIG_RUN"], env["MAILMIG_LAST_SUCCESS"]) == (first, "")
    daemon.stop()
    daemon.start()  # does not repeat it
    fail(daemon)
    daemon.stop()
    daemon.start()
    fail(daemon)
    run_once(daemon, result="partial", exit_code=1)  # gone through: that is recovered
    again = fail(daemon)
    assert pipe.next()["MAILMIG_RUN"] == again
    assert daemon.stop() == 0
    assert pipe.is_empty()


def test_not_before_its_time(told):
    daemon, pipe = told
    configure(daemon, pipe, after="1d")
    daemon.start()
    run_once(daemon)
    fail(daemon)
    fail(daemon)
    daemon.stop()
    assert pipe.is_empty()
    shift(daemon, TWO_DAYS)
    daemon.start()  # the time came while it was away: no further run is needed
    assert pipe.next()["MAILMIG_RESULT"] == "failed"


def test_time_comes_while_it_runs(told):
    daemon, pipe = told
    configure(daemon, pipe, after="300ms")
    daemon.start()
    fail(daemon)
    assert pipe.next()["MAILMIG_ACCOUNT"] == "alice"


def test_many_at_once(told):
    daemon, pipe = told
    names = ["a%d" % i for i in range(5)]
    configure(daemon, pipe, accounts=names)
    daemon.start()
    with daemon.client() as c:
        c.follow(all=True)
        for _ in names:
            daemon.worker().done(result="failed", exit_code=6)
        c.until_done()
    assert sorted(pipe.next()["MAILMIG_ACCOUNT"] for _ in names) == names


def test_paused_and_disabled_accounts_are_not_told(told):
    daemon, pipe = told
    configure(daemon, pipe, accounts=["a", "b", "c"], after="1d")
    daemon.start()
    for account in "abc":
        fail(daemon, account)
    daemon.call("Pause", account="a")
    daemon.stop()
    shift(daemon, TWO_DAYS)
    configure(daemon, pipe, accounts=["a", ("b", "old", "new", "enabled = false;"), "c"],
              after="1d")
    daemon.start()
    assert pipe.next()["MAILMIG_ACCOUNT"] == "c"
    daemon.call("Resume", account="a")
    assert pipe.next()["MAILMIG_ACCOUNT"] == "a"
    assert daemon.stop() == 0
    assert pipe.is_empty()


def test_killed_daemons_and_stops_are_no_failure_to_tell(told):
    daemon, pipe = told
    configure(daemon, pipe)
    daemon.start()
    run_once(daemon, result="cancelled", exit_code=9)
    daemon.call("Run", accounts=["alice"])
    worker = daemon.worker()
    daemon.signal(15)
    assert worker.take() == {"cancel": True}
    worker.done(result="cancelled", exit_code=9)
    daemon.process.wait(DEADLINE)
    daemon.start()
    daemon.worker().done()
    daemon.notify.until("STATUS=0 running, 0 queued, 1 idle")
    assert daemon.stop() == 0
    assert pipe.is_empty()


def test_reload_takes_the_command(told):
    daemon, pipe = told
    daemon.start()
    fail(daemon)
    configure(daemon, pipe)
    daemon.call("Reload")
    assert pipe.next()["MAILMIG_ACCOUNT"] == "alice"


def test_command_that_fails(told):
    daemon, pipe = told
    configure(daemon, pipe, command="echo to the journal; echo END > %s; exit 3" % pipe.path)
    daemon.start()
    fail(daemon)
    assert pipe.next() == {}
    eventually(lambda: "notify.command failed with exit status 3" in daemon.log(), "no entry")
    assert "to the journal" in daemon.log()
    assert run_once(daemon)["exit_code"] == 0


def test_command_that_hangs(told):
    """Killed with all it started, and nobody waits for it meanwhile."""
    daemon, pipe = told
    configure(daemon, pipe,
              command="sleep 1000 & echo pid=$! > %s; echo END > %s; wait" %
              (pipe.path, pipe.path))
    daemon.env["MAILMIG_NOTIFY_TIMEOUT"] = "200ms"
    daemon.start()
    fail(daemon)
    pid = int(pipe.next()["pid"])
    assert run_once(daemon)["exit_code"] == 0
    eventually(lambda: "did not end in time and was killed" in daemon.log(), "no entry")

    def gone():
        try:
            with open("/proc/%d/stat" % pid, encoding="ascii") as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    eventually(gone, "sleep is still there")


def test_stop_does_not_wait_for_the_command(told):
    daemon, pipe = told
    configure(daemon, pipe, command="echo END > %s; sleep 1000" % pipe.path)
    daemon.env["MAILMIG_CANCEL_GRACE"] = "200ms"
    daemon.start()
    fail(daemon)
    pipe.next()
    daemon.signal(15)
    assert daemon.process.wait(15) == 0


def test_keys(make):
    daemon = make()
    daemon.write_config(["alice"], notify='{ after_failed_for = "1d"; }')
    assert daemon.spawn("--check").wait(DEADLINE) == 3
    daemon.write_config(["alice"], notify='{ command = " "; }')
    assert daemon.spawn("--check").wait(DEADLINE) == 3
    assert "notify has no command" in daemon.log() and "is blank" in daemon.log()
    daemon.write_config(["alice"], notify='{ command = "true"; }')
    assert daemon.spawn("--check").wait(DEADLINE) == 0
