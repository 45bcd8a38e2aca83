# SPDX-License-Identifier: Apache-2.0
"""mailmigctl against a daemon played by the test: its words, its JSON, its exit codes."""

import json
import os
import signal
import socket
import subprocess
import threading

import pytest

from harness.fakedaemon import FakeDaemon, account, status, summary
from harness.mailmig import program

TIMEOUT = 30
VERBS = ("status", "run", "plan", "check", "cancel", "enable", "disable", "timers", "pause",
         "resume", "log", "secret", "reload", "version", "help")
LATER = ("backup restore verify undo export setup "
         "import-accounts import-command login enroll unenroll report metrics top").split()


_started = []


@pytest.fixture
def daemon():
    with FakeDaemon() as fake:
        yield fake


@pytest.fixture(autouse=True)
def end_what_was_started():
    yield
    while _started:
        process = _started.pop()
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()


def environment(**more):
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    env.update({k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))})
    env.update(more)
    return env


def start(*args, env=None, **keys):
    process = subprocess.Popen([program("mailmigctl"), *args], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment(**(env or {})), **keys)
    _started.append(process)
    return process


def ctl(*args, env=None):
    process = start(*args, env=env)
    out, err = process.communicate(timeout=TIMEOUT)
    return process.returncode, out, err


def ask(fake, *args, env=None):
    return ctl("--socket", fake.path, *args, env=env)


# ---- the language ----

@pytest.mark.parametrize("verb", LATER)
def test_verbs_of_later_versions_are_refused(verb):
    rc, out, err = ctl("--no-color", verb, "alice", "--whatever")
    assert (rc, out) == (2, "")
    assert err.splitlines()[0] == "mailmigctl: '%s' is not in this version" % verb


@pytest.mark.parametrize("args, words", [
    (["statsu"], ["no verb 'statsu'", "did you mean 'status'"]),
    (["stat"], ["no verb 'stat'", "did you mean 'status'"]),
    (["frobnicate"], ["no verb 'frobnicate'", "--help"]),
    (["run", "a", "--dry-rnu"], ["no option '--dry-rnu'", "did you mean '--dry-run'"]),
    (["-x"], ["no option '-x'"]),
    (["-qx"], ["no option '-qx'"]),
    (["run", "a", "--redact"], ["'--redact' is not in this version"]),
    (["run"], ["'run' needs the name of an account"]),
    (["run", "a", "--all"], ["either --all or names"]),
    (["plan", "a", "b"], ["'plan' does not know what to do with 'b'"]),
    (["plan", "--all"], ["'plan' does not take '--all'"]),
    (["reload", "a"], ["'reload' does not know what to do with 'a'"]),
    (["cancel", "a", "--local"], ["'cancel' does not take '--local'"]),
    (["--socket"], ["'--socket' needs a value"]),
    (["--socket="], ["value of '--socket' is empty"]),
    (["--json=yes"], ["'--json' takes no value"]),
    (["run", "--local", "--all"], ["--all is not for --local"]),
    (["run", "--local", "--no-wait", "a"], ["--no-wait is not for --local"]),
    (["help", "frobnicate"], ["no verb 'frobnicate'"]),
    (["help", "backup"], ["'backup' is not in this version"]),
])
def test_usage_errors(args, words):
    rc, out, err = ctl(*args)
    assert (rc, out) == (2, "")
    assert err.startswith("mailmigctl: ")
    assert err.splitlines()[1].startswith("  ")  # what to do
    for word in words:
        assert word in err


def test_help_of_the_program_and_of_every_verb():
    rc, program_help, err = ctl("--help")
    assert (rc, err) == (0, "")
    for verb in VERBS:
        assert "\n  %s " % verb in program_help
        rc, text, err = ctl(verb, "--help")
        assert (rc, err) == (0, "")
        assert text.startswith("Usage: mailmigctl [OPTION...] %s" % verb)
        assert ctl("help", verb) == (0, text, "")
    assert ctl("help")[1] == program_help
    for verb in LATER:
        assert "\n  %s " % verb not in program_help


def test_version_option_needs_no_daemon():
    rc, out, _ = ctl("--version", "--socket", "/nonexistent")
    assert rc == 0 and out.startswith("mailmigctl ")


@pytest.mark.parametrize("args", [
    ["--socket", None, "--json", "status"], ["status", "--json", "--socket", None],
    ["--json", "status", "--socket=", None], ["--json", "--socket", None],
])
def test_options_before_and_after_the_verb(daemon, args):
    daemon.on["Status"] = lambda call: call.reply(status=status())
    if "--socket=" in args:
        args = ["--json", "status", "--socket=" + daemon.path]
    rc, out, err = ctl(*[daemon.path if a is None else a for a in args])
    assert (rc, err) == (0, "") and json.loads(out)["accounts"] == []


def test_socket_from_the_environment(daemon):
    daemon.on["Status"] = lambda call: call.reply(status=status())
    assert ctl("status", env={"MAILMIG_SOCKET": daemon.path})[0] == 0
    assert ctl("status", "--socket", daemon.path, env={"MAILMIG_SOCKET": "/nonexistent"})[0] == 0


# ---- no daemon, or one that says no ----

@pytest.mark.parametrize("verb", [["status"], ["run", "a"], ["plan", "a"], ["cancel", "a"],
                                  ["reload"], ["version"], ["run", "a", "--no-wait"]])
def test_no_daemon(verb, tmp_path):
    rc, _, err = ctl(*verb, "--socket", str(tmp_path / "control"))
    assert rc == 4
    assert "cannot reach mailmigd at %s: no such file" % (tmp_path / "control") in err
    assert "systemctl start mailmigd" in err and "journalctl -u mailmigd" in err


def test_socket_without_a_listener(tmp_path):
    path = str(tmp_path / "control")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    rc, _, err = ctl("status", "--socket", path)
    assert rc == 4 and "nobody listens" in err and "systemctl start" in err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_socket_of_somebody_else(daemon):
    os.chmod(daemon.path, 0o600)
    os.chmod(daemon.dir, 0o755)
    program_copy = os.path.join(daemon.dir, "mailmigctl")
    with open(program("mailmigctl"), "rb") as source, open(program_copy, "wb") as copy:
        copy.write(source.read())
    os.chmod(program_copy, 0o755)
    got = subprocess.run([program_copy, "--socket", daemon.path], user=65534, group=65534,
                         extra_groups=[], env=environment(), capture_output=True, text=True,
                         timeout=TIMEOUT, check=False)
    assert got.returncode == 4
    assert "you may not talk to mailmigd" in got.stderr and "adduser" in got.stderr


REFUSALS = [
    ("NoSuchAccount", {"account": "zoe", "have": ["alice", "bob"]}, 3,
     ['no account "zoe"', "alice, bob"]),
    ("NoSuchAccount", {"account": "zoe", "have": []}, 3, ['no account "zoe"', "none at all"]),
    ("AccountDisabled", {"account": "zoe"}, 3, ["zoe is switched off", "enabled = true"]),
    ("AlreadyRunning", {"account": "zoe", "run": "01X"}, 8,
     ["zoe has a run already", "mailmigctl cancel zoe"]),
    ("ConfigInvalid", {"errors": ["/etc/a.conf:3: x; y", "/etc/a.conf:9: z; w"]}, 3,
     ["/etc/a.conf:3: x; y\n", "/etc/a.conf:9: z; w\n", "2 errors"]),
    ("PermissionDenied", {"uid": 1000}, 4, ["uid 1000", "group"]),
    ("NotInThisVersion", {"what": "moons"}, 2, ["moons"]),
    ("Failed", {"text": "the disk is full", "advice": "make room", "exit_code": 10}, 10,
     ["the disk is full", "make room"]),
    ("Failed", {"text": "odd", "advice": "", "exit_code": 77}, 10, ["odd"]),
    ("org.varlink.service.MethodNotFound", {}, 4, ["MethodNotFound", "systemctl restart"]),
    ("SomethingNew", {}, 4, ["SomethingNew"]),
]


@pytest.mark.parametrize("method, verb", [
    ("Status", ["status", "zoe"]), ("Run", ["run", "zoe"]), ("Run", ["plan", "zoe"]),
    ("Run", ["run", "zoe", "--no-wait"]), ("Cancel", ["cancel", "zoe"]), ("Reload", ["reload"]),
])
@pytest.mark.parametrize("name, parameters, code, words", REFUSALS)
def test_error_answers(daemon, method, verb, name, parameters, code, words):
    daemon.on[method] = lambda call: call.error(name, **parameters)
    rc, out, err = ask(daemon, *verb)
    assert (rc, out) == (code, "")
    for word in words:
        assert word in err


@pytest.mark.parametrize("octets, words", [
    (b"this is no JSON\0", "not JSON"), (b"[1,2]\0", "not JSON"),
    (b'{"parameters": 7}\0', "not Varlink"), (b"", "closed the connection"),
    (b'{"parameters":', "closed the connection"),
])
@pytest.mark.parametrize("verb", [["status"], ["run", "a"]])
def test_nonsense_from_the_daemon(daemon, verb, octets, words):
    def answer(call):
        call.octets(octets)
        call.hang_up()

    daemon.on["Status"] = daemon.on["Run"] = answer
    rc, _, err = ask(daemon, *verb)
    assert rc == 4 and words in err


# ---- status ----

def failing(name, **values):
    error = {"folder": None, "uid": None, "class": "login", "text": "the server refused bob",
             "advice": "write the new password into /etc/mailmig/secrets/bob"}
    return account(name, state="failed", last_run=summary(
        name, result="failed", exit_code=5, errors=[error], **values))


def test_status_table(daemon):
    good = account("alice", totals={"messages": 1200, "bytes": 5 << 20},
                   last_run=summary("alice", copied=18, present=1182, flags_updated=2))
    running = account("carol", state="running", progress={
        "phase": "transfer", "folder": "INBOX", "done": 312, "total": 1200, "bytes_done": 1000,
        "bytes_total": 4000, "rate": 4096, "eta_seconds": 180})
    daemon.on["Status"] = lambda call: call.reply(
        status=status(good, failing("bob"), account("dave"), running, jobs_running=1))
    rc, out, err = ask(daemon)
    assert (rc, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("mailmigd 0.1.0  running since 2020-02-01 08:00 (")
    assert lines[0].endswith("4 accounts, 1 running, 1 needs attention")
    assert lines[2].split() == "ACCOUNT MODE STATE LAST RUN RESULT NEXT RUN COPIED/TOTAL ERRORS".split()
    assert [line.split()[1 if line[0] != " " else 0] for line in lines[3:7]] == [
        "bob", "alice", "dave", "carol"]
    assert "failed: login" in lines[3]
    assert "18 copied, 2 flags" in lines[4] and "1200/1200" in lines[4]
    assert "never" in lines[5]
    assert "25%, about 3 min" in lines[6] and "312/1200" in lines[6]
    assert out.endswith("\nbob:\n  the server refused bob\n"
                        "    write the new password into /etc/mailmig/secrets/bob\n")
    assert all(line == line.rstrip() for line in lines)


def test_status_quiet_prints_only_what_needs_attention(daemon):
    daemon.on["Status"] = lambda call: call.reply(status=status(account("alice")))
    assert ask(daemon, "-q") == (0, "", "")
    daemon.on["Status"] = lambda call: call.reply(status=status(account("alice"), failing("bob")))
    rc, out, _ = ask(daemon, "-q")
    assert rc == 0 and "bob" in out and "alice" not in out


def test_status_json_is_the_object_unchanged(daemon):
    answer = status(account("älice", future={"key": [1, 2.5, None]}), failing("bob"))
    daemon.on["Status"] = lambda call: call.reply(status=answer)
    rc, out, err = ask(daemon, "status", "--json")
    assert (rc, err) == (0, "")
    assert json.loads(out) == answer
    assert list(json.loads(out)) == list(answer)
    assert daemon.calls == [("Status", {}, False)]


def test_status_of_named_accounts(daemon):
    daemon.on["Status"] = lambda call: call.reply(status=status(failing("bob", copied=3)))
    daemon.on["History"] = lambda call: call.reply(runs=[
        summary("bob", result="failed"), summary("bob", copied=4, bytes=2048)])
    rc, out, err = ask(daemon, "status", "bob")
    assert (rc, err) == (0, "")
    assert daemon.calls[0] == ("Status", {"accounts": ["bob"]}, False)
    assert "bob: sync" in out
    assert "Last run: " in out and "failed in 10 s" in out
    assert "3 copied (0 B), 0 already there, 0 skipped, 0 failed, 0 flags updated" in out
    assert "Timer" not in out
    assert "  the server refused bob\n    write the new password" in out
    assert "4 copied (2.0 KiB)" in out


def test_status_without_accounts_says_what_to_do(daemon):
    daemon.on["Status"] = lambda call: call.reply(status=status())
    rc, out, _ = ask(daemon)
    assert rc == 0 and "0 accounts" in out and "/etc/mailmig.conf" in out


def test_foreign_text_cannot_reach_the_terminal(daemon):
    evil = "\033]0;x\007\033[2J\u009b31m\r\n"
    bad = failing("b" + evil)
    bad["last_run"]["errors"][0].update({"folder": evil, "text": evil, "advice": evil})
    daemon.on["Status"] = lambda call: call.reply(status=status(bad))
    daemon.on["History"] = lambda call: call.reply(runs=[bad["last_run"]] * 2)

    def run(call):
        call.event(event="log", account="a", level="err", text=evil)
        call.event(event="folder", account=evil, folder=evil, destination=evil, result=evil)
        call.event(event="message", account=evil, folder=evil, uid=1, result="failed", text=evil)
        call.event(event="done", **{**bad["last_run"], "account": evil})
        call.reply(exit_code=1, summaries=[])

    daemon.on["Run"] = run
    for args in (["status"], ["status", "b"], ["run", "a", "-v"], ["plan", "a"]):
        _, out, err = ask(daemon, *args)
        for text in (out, err):
            assert not set("\033\007\u009b\r") & set(text)


# ---- run ----

PROGRESS = {"event": "progress", "account": "bob", "run": "01BOB", "phase": "transfer",
            "folder": "Sent", "done": 14, "total": 18, "bytes_done": 1258291,
            "bytes_total": 1677721, "rate": 419840, "eta_seconds": 1}
FOLDER = {"event": "folder", "account": "bob", "run": "01BOB", "folder": "Sent",
          "destination": "Sent Items", "messages": 18, "copied": 17, "present": 0, "skipped": 0,
          "failed": 1, "flags_updated": 2, "bytes": 1677721, "created": True, "result": "ok"}
MESSAGE = {"event": "message", "account": "bob", "run": "01BOB", "folder": "Sent", "uid": 8812,
           "result": "failed", "class": "too-large", "text": "61 MB: 50 MB are allowed",
           "advice": "leave it out with max_size"}


def too_large_class():
    """The word of the class as the program knows it does not matter here."""
    return {"folder": "Sent", "uid": 8812, "class": "too-large", "text": MESSAGE["text"],
            "advice": MESSAGE["advice"]}


def partial_run(call):
    call.runs("bob")
    call.event(**PROGRESS)
    call.event(**FOLDER)
    call.event(**MESSAGE)
    done = summary("bob", result="partial", exit_code=1, copied=17, failed=1, flags_updated=2,
                   bytes=1677721, errors=[too_large_class()])
    call.event(event="done", **done)
    call.reply(exit_code=1, summaries=[done])


def test_run_ends_with_every_message_in_a_bucket(daemon):
    daemon.on["Run"] = partial_run
    rc, out, err = ask(daemon, "run", "bob")
    assert (rc, err) == (1, "")
    assert daemon.calls == [("Run", {"accounts": ["bob"]}, True)]
    assert [line.split() for line in out.splitlines()[:6]] == [
        "bob: done, but not everything in 10 s (run 01BOB)".split(),
        "copied 17 1.6 MiB, 163.8 KiB/s".split(), "already there 0".split(), "skipped 0".split(),
        out.splitlines()[4].split(), "flags updated 2".split()]
    assert out.splitlines()[4].split()[:2] == ["failed", "1"]
    assert "\n  Sent uid 8812: 61 MB: 50 MB are allowed\n      leave it out" in out


def test_run_json_is_the_events_as_they_come(daemon):
    daemon.on["Run"] = partial_run
    rc, out, err = ask(daemon, "run", "bob", "--json")
    assert (rc, err) == (1, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert events[:3] == [PROGRESS, FOLDER, MESSAGE]
    assert [e["event"] for e in events] == ["progress", "folder", "message", "done"]


def test_run_verbose_prints_folders_and_messages(daemon):
    daemon.on["Run"] = partial_run
    _, out, _ = ask(daemon, "run", "bob", "-v")
    assert out.splitlines()[:2] == [
        "bob: Sent -> Sent Items: 17 copied (1.6 MiB), 1 failed, 2 flags updated, created",
        "bob: Sent uid 8812: failed: 61 MB: 50 MB are allowed"]


@pytest.mark.parametrize("args, parameters", [
    (["run", "--all"], {"accounts": [], "all": True}),
    (["run", "a", "b", "--fail-fast"], {"accounts": ["a", "b"], "fail_fast": True}),
    (["run", "--dry-run", "a"], {"accounts": ["a"], "dry_run": True}),
])
def test_what_is_asked_of_the_daemon(daemon, args, parameters):
    daemon.on["Run"] = lambda call: call.reply(exit_code=0, summaries=[])
    assert ask(daemon, *args)[0] == 0
    assert daemon.calls == [("Run", parameters, True)]


def test_plan_is_of_one_account(daemon):
    daemon.on["Run"] = lambda call: call.reply(exit_code=0, summaries=[])
    daemon.on["Status"] = lambda call: call.reply(status=status(account("a")))
    assert ask(daemon, "plan", "a")[0] == 0
    assert daemon.calls[-1] == ("Run", {"accounts": ["a"], "dry_run": True}, True)
    daemon.on["Status"] = lambda call: call.reply(status=status(account("a/x", group="a")))
    assert ask(daemon, "plan", "a")[0] == 2
    assert [name for name, _, _ in daemon.calls].count("Run") == 1


def test_no_wait(daemon):
    daemon.on["Run"] = lambda call: call.reply(runs=[{"account": "a", "run": "01A"},
                                                     {"account": "b", "run": "01B"}])
    assert ask(daemon, "run", "a", "b", "--no-wait") == (
        0, "a: queued, run 01A\nb: queued, run 01B\n", "")
    assert daemon.calls == [("Run", {"accounts": ["a", "b"]}, False)]


def test_several_runs_each_get_a_summary(daemon):
    def run(call):
        call.runs("a", "b", "c")
        call.event(event="done", **summary("b", copied=2))
        call.event(event="done", **summary("a", copied=1))
        # The event of c was missed: its summary is in the last answer.
        call.reply(exit_code=5, summaries=[summary("a", copied=1), summary("b", copied=2), summary(
            "c", result="failed", exit_code=5)])

    daemon.on["Run"] = run
    rc, out, _ = ask(daemon, "run", "a", "b", "c")
    assert rc == 5
    heads = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [h.split()[0] for h in heads] == ["b:", "a:", "c:"]
    assert "c: failed" in out


def test_quiet_run(daemon):
    daemon.on["Run"] = partial_run
    rc, out, err = ask(daemon, "run", "bob", "-q")
    assert rc == 1 and "8812" in out and err == ""

    def well(call):
        call.event(event="log", account="bob", level="warning", text="a warning")
        call.event(event="done", **summary("bob", copied=2))
        call.reply(exit_code=0, summaries=[])

    daemon.on["Run"] = well
    assert ask(daemon, "run", "bob", "-q") == (0, "", "")
    assert ask(daemon, "run", "bob")[2] == "bob: a warning\n"


@pytest.mark.parametrize("code", range(11))
def test_exit_code_is_the_daemons(daemon, code):
    daemon.on["Run"] = lambda call: call.reply(exit_code=code, summaries=[])
    assert ask(daemon, "run", "a")[0] == code


def test_events_of_later_versions_do_no_harm(daemon):
    def run(call):
        call.event(event="weather", account="bob", sun=True)
        call.event(nothing=1)
        call.event(event="progress", account="bob", done="x", total=-4, rate=None, folder=[])
        call.event(event="done", account="bob")
        call.reply(exit_code=0, summaries=[], more={})

    daemon.on["Run"] = run
    rc, _, err = ask(daemon, "run", "bob")
    assert rc == 0 and "result of bob cannot be read" in err


def test_daemon_that_dies_in_mid_run(daemon):
    def run(call):
        call.runs("bob")
        call.event(**PROGRESS)
        call.hang_up()

    daemon.on["Run"] = run
    rc, out, err = ask(daemon, "run", "bob")
    assert (rc, out) == (4, "")
    assert "mailmigd closed the connection" in err
    assert "mailmigctl status bob" in err and "next run goes on" in err


def test_plain_progress_on_a_pipe(daemon):
    more = threading.Event()

    def run(call):
        call.event(**PROGRESS)
        assert more.wait(TIMEOUT)
        call.event(event="done", **summary("bob"))
        call.reply(exit_code=0, summaries=[])

    daemon.on["Run"] = run
    process = start("--socket", daemon.path, "run", "bob",
                    env={"MAILMIG_PROGRESS_INTERVAL": "1ms"})
    assert process.stdout.readline() == (
        "bob: 14/18 messages, 1.2/1.6 MiB, 410.0 KiB/s, about 1 s, Sent\n")
    more.set()
    assert process.wait(TIMEOUT) == 0


def hold(daemon, answered, *accounts):
    """A run that lasts until `answered` is set by Cancel, or for ever."""
    def run(call):
        call.runs(*accounts)
        for name in accounts:
            call.event(**{**PROGRESS, "account": name})
        assert answered.wait(TIMEOUT)
        for name in accounts:
            call.event(event="done", **summary(name, result="cancelled", exit_code=9, copied=3))
        call.reply(exit_code=9, summaries=[])

    daemon.on["Run"] = run


def test_ctrl_c_leaves_the_run_to_the_daemon(daemon):
    over = threading.Event()
    hold(daemon, over, "bob")
    process = start("--socket", daemon.path, "run", "bob", "--json")
    assert json.loads(process.stdout.readline())["event"] == "progress"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT)
    over.set()
    assert process.returncode == 9
    assert err == ("the run goes on: mailmigctl status bob; stop it with: mailmigctl cancel bob\n")
    assert [c[0] for c in daemon.calls] == ["Run"]


def test_sigterm_cancels_and_waits(daemon):
    asked, cancelled = threading.Semaphore(0), threading.Event()
    hold(daemon, cancelled, "bob", "carol")
    names = []

    def cancel(call):
        names.append(call.parameters["account"])
        call.reply(cancelled=True)
        asked.release()

    daemon.on["Cancel"] = cancel
    process = start("--socket", daemon.path, "run", "bob", "carol", "--json")
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert asked.acquire(timeout=TIMEOUT) and asked.acquire(timeout=TIMEOUT)
    assert process.poll() is None  # it waits for the end
    cancelled.set()
    out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err) == (9, "")
    assert sorted(names) == ["bob", "carol"]
    assert json.loads(out.splitlines()[-1])["result"] == "cancelled"


def test_sigterm_when_there_is_nothing_to_cancel_any_more(daemon):
    asked = threading.Event()
    hold(daemon, asked, "bob")

    def cancel(call):
        asked.set()
        call.error("NotRunning", account="bob")

    daemon.on["Cancel"] = cancel
    process = start("--socket", daemon.path, "run", "bob")
    daemon.wait_for("Run")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err) == (9, "")
    assert out.startswith("bob: cancelled") and "next run goes on" in out


def test_progress_for_systemd(daemon, tmp_path):
    over = threading.Event()
    hold(daemon, over, "bob")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(TIMEOUT)
        process = start("--socket", daemon.path, "run", "bob",
                        env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        text = ""
        while "14/18" not in text:
            text = notify.recv(4096).decode()
        over.set()
        process.communicate(timeout=TIMEOUT)
    assert text == "STATUS=14/18 messages, 1.2/1.6 MiB, 410.0 KiB/s, about 1 s, Sent"


def test_standard_output_that_cannot_be_written(daemon):
    daemon.on["Status"] = lambda call: call.reply(status=status())
    with open("/dev/full", "wb") as full:
        got = subprocess.run([program("mailmigctl"), "--socket", daemon.path], stdout=full,
                             stderr=subprocess.PIPE, env=environment(), timeout=TIMEOUT,
                             check=False)
    assert got.returncode == 10 and b"standard output" in got.stderr


def test_reader_that_leaves_does_not_end_the_run(daemon):
    over = threading.Event()
    hold(daemon, over, "bob")
    process = start("--socket", daemon.path, "run", "bob", "--json")
    process.stdout.readline()
    process.stdout.close()
    over.set()
    assert process.wait(TIMEOUT) == 10
    assert "standard output" in process.stderr.read()
    assert [c[0] for c in daemon.calls] == ["Run"]


# ---- plan, cancel, reload, version ----

def test_plan_prints_what_each_folder_would_get(daemon):
    def run(call):
        call.runs("bob")
        call.event(event="folder", account="bob", folder="INBOX", destination="INBOX", messages=1200,
                   copied=12, bytes=1468006, flags_updated=2, created=False, rule="same name",
                   result="ok")
        call.event(event="folder", account="bob", folder="Entwürfe/日本語", destination="Drafts/日本語",
                   messages=6, copied=6, bytes=225280, flags_updated=0, created=True,
                   rule="map", note="a note", result="ok")
        call.event(event="folder", account="bob", folder="Spam", rule="exclude", result="skipped")
        call.event(event="done", **summary("bob", dry_run=True, copied=18, present=1188,
                                           flags_updated=2, bytes=1693286))
        call.reply(exit_code=0, summaries=[])

    daemon.on["Run"] = run
    rc, out, err = ask(daemon, "plan", "bob")
    assert (rc, err) == (0, "")
    assert ask(daemon, "run", "bob", "--dry-run") == (rc, out, err)
    assert ask(daemon, "plan", "bob", "-q") == (0, "", "")
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == "ORIGIN DESTINATION MESSAGES TO COPY BYTES FLAGS BY RULE".split()
    assert rows[1] == "INBOX → INBOX 1200 12 1.4 MiB 2 same name".split()
    assert rows[2] == "Entwürfe/日本語 → Drafts/日本語 6 6 220.0 KiB 0".split() + \
        "map, will be created; a note".split()
    assert rows[3] == "Spam - - - - skipped, exclude".split()
    assert out.splitlines()[4].startswith("bob: plan in 10 s, nothing was changed on either side")
    assert "would copy" in out and "would set flags" in out


def test_cancel(daemon):
    daemon.on["Cancel"] = lambda call: call.reply(cancelled=True)
    rc, out, err = ask(daemon, "cancel", "bob", "carol")
    assert (rc, err) == (0, "") and len(out.splitlines()) == 2
    assert [c[1] for c in daemon.calls] == [{"account": "bob"}, {"account": "carol"}]


def test_cancel_of_nothing_is_no_error(daemon):
    daemon.on["Cancel"] = lambda call: call.error("NotRunning", account="bob")
    rc, out, err = ask(daemon, "cancel", "bob")
    assert (rc, out) == (0, "") and "nothing is running for bob" in err


def test_reload(daemon):
    daemon.on["Reload"] = lambda call: call.reply(accounts=3)
    assert ask(daemon, "reload") == (0, "the new configuration is in force: 3 accounts\n", "")
    daemon.on["Reload"] = lambda call: call.error("ConfigInvalid", errors=["f:1: a; b"])
    rc, out, err = ask(daemon, "reload")
    assert (rc, out) == (3, "")
    assert err.startswith("f:1: a; b\n") and "nothing was changed" in err


def test_version_of_both(daemon):
    daemon.on["Version"] = lambda call: call.reply(version="9.9", pid=77,
                                                   since="2026-11-20T08:00:00Z")
    rc, out, _ = ask(daemon, "version")
    assert rc == 0
    assert out.splitlines()[0].startswith("mailmigctl ")
    assert out.splitlines()[1].startswith("mailmigd 9.9  pid 77, running since ")
    rc, out, _ = ask(daemon, "version", "--json")
    assert rc == 0 and json.loads(out)["mailmigd"]["version"] == "9.9"


def test_version_without_daemon_still_tells_its_own(tmp_path):
    rc, out, err = ctl("version", "--json", "--socket", str(tmp_path / "none"))
    assert rc == 4 and json.loads(out)["mailmigd"] is None and "cannot reach" in err


# ---- completion ----

def test_words_for_completion(daemon):
    daemon.on["Status"] = lambda call: call.reply(status=status(account("alice"), account("bob")))

    def words(*args):
        rc, out, err = ask(daemon, *args)
        assert (rc, err) == (0, "")
        return [line.split("\t")[0] for line in out.splitlines()]

    assert words("--complete", "verbs") == list(VERBS)
    assert "--dry-run" in words("run", "--complete", "options")
    assert "--dry-run" not in words("cancel", "--complete", "options")
    assert words("run", "--complete", "accounts") == ["alice", "bob"]
    assert words("reload", "--complete", "accounts") == []


def test_completion_without_a_daemon_is_quiet(tmp_path):
    assert ctl("run", "--complete", "accounts", "--socket", str(tmp_path / "none")) == (0, "", "")
