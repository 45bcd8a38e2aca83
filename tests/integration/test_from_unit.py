# SPDX-License-Identifier: Apache-2.0
"""`mailmigctl run --from-unit`: what mailmig@.service waits with."""

import os
import signal
import subprocess
import threading

import pytest

from daemon_rig import Notify, make  # noqa: F401  pylint: disable=unused-import
from harness import scratch
from harness.fakedaemon import FakeDaemon, account, status, summary
from harness.mailmig import program

TIMEOUT = 30


@pytest.fixture
def notify():
    directory = scratch.directory()
    heard = Notify(directory)
    yield heard
    heard.close()
    scratch.remove(directory)


@pytest.fixture
def fake():
    with FakeDaemon() as daemon:
        yield daemon


class Unit:
    """The process of mailmig@alice.service."""

    def __init__(self, socket, notify, *args):  # pylint: disable=redefined-outer-name
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC",
               "NOTIFY_SOCKET": notify.path, "MAILMIG_PROGRESS_INTERVAL": "1ms"}
        env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [program("mailmigctl"), "--socket", socket, "run", "--from-unit", "alice", *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=env)

    def end(self):
        """Exit code, standard output, standard error."""
        out, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out, err


@pytest.fixture
def start(notify):  # pylint: disable=redefined-outer-name
    started = []

    def unit(socket, *args):
        started.append(Unit(socket, notify, *args))
        return started[-1]

    yield unit
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def progress(call, done=312):
    call.event(event="progress", account="alice", run="01ALICE", phase="copying", folder="INBOX",
               done=done, total=1200, bytes_done=100, bytes_total=1000, rate=4200000,
               eta_seconds=180)


def end(call, code=0, **values):
    s = summary("alice", exit_code=code, **values)
    call.event(event="done", run="01ALICE", **s)
    call.reply(exit_code=code, summaries=[s])


def in_turn(*handlers):
    """A handler for each call, one after the other."""
    left = list(handlers)
    return lambda call: left.pop(0)(call)


def test_progress_for_systemd_and_one_summary(fake, notify, start):
    told = threading.Event()

    def run(call):
        call.runs("alice")
        progress(call)
        assert told.wait(TIMEOUT)
        end(call, copied=7)

    fake.on["Run"] = run
    unit = start(fake.path)
    assert notify.until("312/1200").startswith("STATUS=312/1200 messages, ")
    told.set()
    code, out, err = unit.end()
    assert (code, err) == (0, "")
    assert out.startswith("alice: done in ")
    assert out.count("copied") == 1 and "312/1200" not in out  # no lines of progress
    assert fake.calls == [("Run", {"accounts": ["alice"]}, True)]
    assert notify.until("copied") == ("STATUS=ok: 7 copied, 0 already there, 0 skipped, "
                                      "0 failed")


@pytest.mark.parametrize("code, result", [(1, "partial"), (5, "failed"), (9, "cancelled")])
def test_the_code_is_that_of_the_run(code, result, fake, start):
    """Cancelled by somebody else is not a success either: only who stops the unit asked for it."""
    error = {"folder": None, "uid": None, "class": "login", "text": "login refused",
             "advice": "see the password"}

    def run(call):
        call.runs("alice")
        end(call, code, result=result, errors=[error])

    fake.on["Run"] = run
    got, out, err = start(fake.path).end()
    assert got == code
    assert out.count("login refused") == 1 and "see the password" in out
    assert err == ""


def test_what_the_daemon_refuses(fake, start):
    fake.on["Run"] = lambda call: call.error("NoSuchAccount", account="alice", have=["bob"])
    code, out, err = start(fake.path).end()
    assert (code, out) == (3, "")
    assert 'no account "alice"' in err and "there are: bob" in err


@pytest.mark.parametrize("error, words", [
    ("AccountPaused", "alice is paused, nothing was done; go on with: mailmigctl resume alice"),
    ("AccountDisabled", "alice is switched off in the configuration, nothing was done; its timer "
                        "goes with: mailmigctl disable alice")])
def test_an_account_that_rests_is_no_failure(error, words, fake, start):
    fake.on["Run"] = lambda call: call.error(error, account="alice")
    assert start(fake.path).end() == (0, words + "\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cancels_and_is_no_failure(number, fake, notify, start):
    cancelled = threading.Event()

    def run(call):
        call.runs("alice")
        progress(call)
        assert cancelled.wait(TIMEOUT)
        end(call, 9, result="cancelled", copied=2)

    fake.on.update({"Run": run, "Cancel": lambda call: call.reply(cancelled=True)})
    unit = start(fake.path)
    notify.until("312/1200")
    unit.process.send_signal(number)
    notify.until("STOPPING=1\nSTATUS=the run ends at the next message border")
    notify.until("EXTEND_TIMEOUT_USEC=30000000")  # as long as it has not ended
    cancelled.set()
    code, out, _ = unit.end()
    assert code == 0
    assert out.startswith("alice: cancelled")
    assert fake.wait_for("Cancel") == {"account": "alice"}


def test_a_signal_before_the_run_is_known(fake, notify, start):
    """The stop is kept until there is a run to stop."""
    go = threading.Event()
    cancelled = threading.Event()

    def run(call):
        assert go.wait(TIMEOUT)
        call.runs("alice")
        assert cancelled.wait(TIMEOUT)
        end(call, 9, result="cancelled")

    def cancel(call):
        call.reply(cancelled=True)
        cancelled.set()

    fake.on.update({"Run": run, "Cancel": cancel})
    unit = start(fake.path)
    fake.wait_for("Run")
    unit.process.send_signal(signal.SIGTERM)
    notify.until("STOPPING=1")
    assert "Cancel" not in [name for name, _, _ in fake.calls]
    go.set()
    assert unit.end()[0] == 0


def test_a_run_that_was_done_before_it_was_cancelled(fake, notify, start):
    cancelled = threading.Event()

    def run(call):
        call.runs("alice")
        progress(call)
        assert cancelled.wait(TIMEOUT)
        end(call, 1, result="partial")

    def cancel(call):
        call.error("NotRunning", account="alice")
        cancelled.set()

    fake.on.update({"Run": run, "Cancel": cancel})
    unit = start(fake.path)
    notify.until("312/1200")
    unit.process.send_signal(signal.SIGTERM)
    assert unit.end()[0] == 1


# ---- the daemon goes away ----

def broken(call):
    call.runs("alice")
    progress(call)
    call.hang_up()


def stopping(call):
    call.runs("alice")
    progress(call)
    s = summary("alice", exit_code=9, result="interrupted")
    call.event(event="done", run="01ALICE", **s)
    call.reply(exit_code=9, summaries=[s], stopping=True)


def refuses(call):
    call.error("Failed", text="mailmigd is stopping", advice="again", exit_code=9, stopping=True)


def running(call):
    call.reply(status=status(account("alice", state="running")))


def goes_on(call):
    call.runs("alice")
    progress(call, 400)
    end(call, copied=1200)


@pytest.mark.parametrize("first", [broken, stopping, refuses])
def test_a_restart_of_the_daemon(first, fake, start):
    """The run is joined again; what became of its first half is not told as a result."""
    fake.on.update({"Run": in_turn(first, goes_on), "Status": running})
    code, out, err = start(fake.path).end()
    assert code == 0, err
    assert out.startswith("alice: done in ") and out.count("alice:") == 1
    assert err.count("waiting for mailmigd to come back") == 1
    assert [name for name, _, _ in fake.calls].count("Run") == 2


def test_a_run_that_ended_while_nobody_listened(fake, start):
    last = summary("alice", exit_code=5, result="failed", errors=[
        {"folder": None, "uid": None, "class": "login", "text": "login refused", "advice": ""}])
    fake.on.update({"Run": in_turn(broken),
                    "Status": lambda call: call.reply(
                        status=status(account("alice", state="failed", last_run=last)))})
    code, out, _ = start(fake.path).end()
    assert code == 5
    assert out.count("login refused") == 1


@pytest.mark.parametrize("last", [None, summary("alice", id="01OLDER"),
                                  summary("alice", result="interrupted", exit_code=10)])
def test_a_run_that_was_lost_is_run_again(last, fake, start):
    fake.on.update({"Run": in_turn(broken, goes_on),
                    "Status": lambda call: call.reply(
                        status=status(account("alice", last_run=last)))})
    code, out, _ = start(fake.path).end()
    assert code == 0 and " 1200  " in out
    assert [name for name, _, _ in fake.calls] == ["Run", "Status", "Run"]


def test_a_signal_while_the_daemon_is_away(fake, notify, start):
    away = threading.Event()

    def status_never(call):
        away.set()
        call.hang_up()

    fake.on.update({"Run": in_turn(broken), "Status": status_never})
    unit = start(fake.path)
    notify.until("waiting for mailmigd to come back")
    assert away.wait(TIMEOUT)
    unit.process.send_signal(signal.SIGTERM)
    code, out, err = unit.end()
    assert (code, out) == (0, "")
    assert "it may go on with the run of alice when it is back" in err


def test_no_daemon_at_all(notify, start):
    directory = scratch.directory()
    code, out, err = start(directory + "/nobody").end()
    assert (code, out) == (4, "") and "cannot reach mailmigd" in err
    scratch.remove(directory)


@pytest.mark.parametrize("args", [["--local"], ["--no-wait"], ["bob"]])
def test_usage(args, fake, start):
    code, out, err = start(fake.path, *args).end()
    assert (code, out) == (2, "") and "--from-unit is for one account" in err


# ---- a group ----

def ended(call, name, code=0, **values):
    s = summary(name, exit_code=code, **values)
    call.event(event="done", run="01" + name.upper(), **s)
    return s


def test_result_and_status_are_those_of_all_members(fake, notify, start):
    """The unit's name is a group's; the highest code counts, and no member is left out."""
    def run(call):
        call.runs("alice/x", "alice/y")
        all_of_them = [ended(call, "alice/x", 5, result="failed"),
                       ended(call, "alice/y", copied=3, present=2)]
        call.reply(exit_code=5, summaries=all_of_them)

    fake.on["Run"] = run
    code, out, err = start(fake.path).end()
    assert (code, err) == (5, "")
    assert out.count("alice/x: ") == 1 and out.count("alice/y: ") == 1
    notify.until("STATUS=1 of 2 ok: 3 copied, 2 already there")


def test_stop_of_a_group_is_asked_once(fake, notify, start):
    cancelled = threading.Event()

    def run(call):
        call.runs("alice/x", "alice/y")
        call.event(event="progress", account="alice/y", run="01ALICE/Y", phase="copying",
                   folder="INBOX", done=3, total=4, bytes_done=1, bytes_total=2, rate=1,
                   eta_seconds=1)
        assert cancelled.wait(TIMEOUT)
        call.reply(exit_code=9, summaries=[ended(call, "alice/" + n, 9, result="cancelled")
                                           for n in "xy"])

    def cancel(call):
        call.reply(cancelled=True)
        cancelled.set()

    fake.on.update({"Run": run, "Cancel": cancel})
    unit = start(fake.path)
    notify.until("STATUS=2 runs: 3/4")
    unit.process.send_signal(signal.SIGTERM)
    assert unit.end()[0] == 0
    assert [p for name, p, _ in fake.calls if name == "Cancel"] == [{"account": "alice"}]


def test_only_what_was_interrupted_runs_again(fake, start):
    """x ended before the daemon went, y while it went; z goes on afterwards."""
    x = summary("alice/x", exit_code=5, result="failed")
    y = summary("alice/y", copied=2)

    def run(call):
        call.runs("alice/x", "alice/y", "alice/z")
        ended(call, "alice/x", 5, result="failed")
        s = ended(call, "alice/z", 9, result="interrupted")
        call.reply(exit_code=9, summaries=[s], stopping=True)

    def again(call):
        call.runs("alice/z")
        call.reply(exit_code=1, summaries=[ended(call, "alice/z", 1, result="partial")])

    fake.on.update({"Run": in_turn(run, again), "Status": lambda call: call.reply(status=status(
        account("alice/x", last_run=x), account("alice/y", last_run=y),
        account("alice/z", state="running")))})
    code, out, _ = start(fake.path).end()
    assert code == 5
    assert [out.count("alice/%s: " % n) for n in "xyz"] == [1, 1, 1], out
    assert [p["accounts"] for name, p, _ in fake.calls if name == "Run"] == [
        ["alice"], ["alice/z"]]


# ---- the real daemon ----

@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_real_daemon_is_restarted_in_mid_run(how, make, start, notify):  # noqa: F811
    """An upgrade, and a crash: the unit waits on, and its result is that of the second half."""
    daemon = make().start()
    unit = start(daemon.socket)
    worker = daemon.worker()
    worker.event("progress", account="alice", run=worker.job["run_id"], phase="copying",
                 folder="INBOX", done=5, total=10, bytes_done=1, bytes_total=2, rate=1,
                 eta_seconds=1)
    notify.until("STATUS=5/10")
    daemon.signal(how)
    if how == signal.SIGTERM:
        assert worker.take() == {"cancel": True}
        worker.done("cancelled", exit_code=9)
    else:
        worker.order("exit", status=0)
    daemon.process.wait(TIMEOUT)
    daemon.process = None
    notify.until("waiting for mailmigd to come back")

    daemon.start()
    again = daemon.worker()
    # As soon as the unit has joined; before, there would be nothing to see of it.
    again.event("progress", account="alice", run=again.job["run_id"], phase="copying",
                folder="INBOX", done=7, total=10, bytes_done=1, bytes_total=2, rate=1,
                eta_seconds=1)
    notify.until("STATUS=7/10")
    again.done(copied=10)
    code, out, err = unit.end()
    assert code == 0, err
    assert out.startswith("alice: done in ") and out.count("alice:") == 1
