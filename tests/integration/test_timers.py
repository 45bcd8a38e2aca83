# SPDX-License-Identifier: Apache-2.0
"""Timers: `enable`, `disable`, `timers` and what `status` and `reload` have of them, with a real
systemd manager, the real generator and the real daemon (its workers are puppets)."""

import json
import os
import shutil
import socket
import subprocess

import pytest

from daemon_rig import eventually, make  # noqa: F401  pylint: disable=unused-import
from harness import scratch
from harness.fakedaemon import FakeDaemon
from harness.mailmig import program
from harness.manager import Manager

ACCOUNTS = [("alice", "old", "new", 'schedule = "10min";'),
            ("bob", "old", "new", 'schedule = "Mon..Fri 22:00";'),
            ("dave@old.example", "old", "new", ""),
            ("off", "old", "new", 'schedule = "hourly"; enabled = false;')]


class Machine:
    """A manager and, inside it, a daemon that the units and mailmigctl find at its usual place."""

    def __init__(self, manager, daemon):
        self.manager = manager
        self.daemon = daemon
        os.symlink(daemon.socket, manager.control)
        self.configured()
        daemon.start(launcher=manager.launcher())

    def configured(self):
        with open(self.daemon.config, encoding="utf-8") as f:
            self.manager.configure(f.read())

    def ctl(self, *args, code=0):
        done = self.manager.ctl(*args)
        assert done.returncode == code, done
        return done.stdout if code == 0 else done.stderr

    def timers(self):
        return {t["account"]: t for t in json.loads(self.ctl("timers", "--json"))["timers"]}

    def timer_state(self, name):
        return self.manager.show("mailmig@%s.timer" % name, "SubState")["SubState"]

    def drop_in(self, name, text):
        """Settings of a person for a timer; read at the next reload of the manager."""
        directory = self.manager.dir / ("config/systemd/user/mailmig@%s.timer.d" % name)
        directory.mkdir(exist_ok=True)
        (directory / "override.conf").write_text(text)
        return directory


def skip_without_root():
    if os.geteuid() != 0:
        pytest.skip("a mount namespace takes root")


@pytest.fixture(params=["bus", "private"])
def machine_both(request, make):  # noqa: F811
    skip_without_root()
    with Manager(private=request.param == "private") as manager:
        yield Machine(manager, make(ACCOUNTS))


@pytest.fixture
def machine(make):  # noqa: F811
    skip_without_root()
    with Manager(private=True, bus=False) as manager:
        yield Machine(manager, make(ACCOUNTS))


def test_enable_and_disable(machine_both):
    m = machine_both
    assert m.ctl("enable", "bob").startswith("bob: timer enabled, next run ")
    assert m.ctl("enable", "bob", "dave@old.example").count(": timer enabled, next run ") == 2
    for name in ("bob", "dave@old.example"):
        unit = "mailmig@%s.timer" % name
        assert m.manager.systemctl("is-enabled", unit) == "enabled\n"
        assert m.manager.systemctl("is-active", unit) == "active\n"

    # The generator has run: its schedule, not the template's.
    assert "22:00:00" in m.manager.show("mailmig@bob.timer", "TimersCalendar")["TimersCalendar"]
    timers = m.timers()
    assert list(timers) == ["alice", "bob", "dave@old.example", "off"]
    assert timers["bob"]["schedule"] == "Mon..Fri 22:00"
    assert timers["bob"]["enabled"] and timers["bob"]["timer"] == "waiting"
    assert timers["bob"]["unit"] == "mailmig@bob.timer"
    assert timers["bob"]["state"] == "never-run" and timers["bob"]["last_run"] is None
    assert not timers["alice"]["enabled"] and timers["alice"]["next"] is None
    assert not any(t["trouble"] for t in timers.values())

    # The daemon tells the same.
    accounts = {a["name"]: a for a in json.loads(m.ctl("status", "--json"))["accounts"]}
    assert accounts["bob"]["timer"] == {"enabled": True, "next": timers["bob"]["next"],
                                        "state": "waiting", "schedule": "Mon..Fri 22:00"}
    assert accounts["alice"]["timer"] == {"enabled": False, "next": None, "state": None,
                                          "schedule": "10min"}
    assert "Timer: mailmig@bob.timer, enabled, next " in m.ctl("status", "bob")

    assert m.ctl("disable", "bob") == "bob: timer disabled\n"
    assert m.ctl("disable", "bob") == "bob: timer disabled\n"  # as well as before
    assert m.manager.show("mailmig@bob.timer", "UnitFileState", "ActiveState") == {
        "UnitFileState": "disabled", "ActiveState": "inactive"}
    timers = m.timers()
    assert not timers["bob"]["enabled"] and timers["dave@old.example"]["enabled"]


def test_group(make):  # noqa: F811
    """One timer for all members, which each of them shows as its own."""
    skip_without_root()
    daemon = make(ACCOUNTS)
    path = os.path.join(os.path.dirname(daemon.config), "g.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("origin_user,origin_password,destination_user,destination_password\n"
                "x,p,to-x,p\ny,p,to-y,p\n")
    os.chmod(path, 0o600)
    daemon.write_config(ACCOUNTS, extra=(
        'groups = ( { name = "g"; accounts_file = "g.csv"; schedule = "Mon..Fri 22:00"; '
        'origin = { server = "old"; }; destination = { server = "new"; }; } );\n'))
    with Manager(private=True, bus=False) as manager:
        m = Machine(manager, daemon)
        assert m.ctl("enable", "g").startswith("g: timer enabled, next run ")
        assert "22:00:00" in m.manager.show("mailmig@g.timer", "TimersCalendar")["TimersCalendar"]
        timers = m.timers()
        assert list(timers)[-1] == "g" and len(timers) == len(ACCOUNTS) + 1
        assert timers["g"]["enabled"] and timers["g"]["schedule"] == "Mon..Fri 22:00"
        for account in json.loads(m.ctl("status", "g", "--json"))["accounts"]:
            assert account["timer"] == {"enabled": True, "next": timers["g"]["next"],
                                        "state": "waiting", "schedule": "Mon..Fri 22:00"}
        assert "Timer: mailmig@g.timer, enabled, next " in " ".join(
            m.ctl("status", "g/x").split())
        assert m.ctl("disable", "g") == "g: timer disabled\n"


def test_table(machine):
    machine.ctl("enable", "bob")
    lines = machine.ctl("timers").splitlines()
    assert lines[0].split() == ["ACCOUNT", "SCHEDULE", "TIMER", "NEXT", "RUN", "LAST", "RUN",
                                "RESULT"]
    assert lines[1].split() == ["alice", "10min", "disabled", "-", "never"]
    assert lines[2].split()[:4] == ["bob", "Mon..Fri", "22:00", "enabled"]
    assert len(lines) == 5


def test_json_of_enable_and_disable(machine):
    entry, = json.loads(machine.ctl("enable", "bob", "--json"))["timers"]
    assert (entry["account"], entry["enabled"], entry["timer"]) == ("bob", True, "waiting")
    assert entry["next"]
    entry, = json.loads(machine.ctl("disable", "bob", "--json"))["timers"]
    assert (entry["account"], entry["enabled"], entry["next"]) == ("bob", False, None)
    assert machine.ctl("enable", "bob", "-q") == ""


def test_names_that_cannot_be_enabled(machine):
    err = machine.ctl("enable", "bob", "carol", code=3)
    assert 'no account "carol"' in err
    assert "there are: alice, bob, dave@old.example, off" in err
    err = machine.ctl("enable", "off", code=3)
    assert "account off is switched off" in err and "mailmigctl reload" in err
    assert machine.manager.systemctl("list-timers", "--all", "--no-legend") == ""
    assert 'no account "carol"' in machine.ctl("disable", "carol", code=3)


def test_units_that_are_not_installed(machine):
    (machine.manager.dir / "units/mailmig@.timer").unlink()
    err = machine.ctl("enable", "bob", code=10)
    assert err.startswith("mailmigctl: systemd: cannot enable timers: ")
    assert "systemctl cat mailmig@.timer" in err


def test_leftovers_are_pointed_out_and_mended(machine):
    """Each with the command that mends it; the command does."""
    m = machine
    m.manager.systemctl("enable", "--now", "mailmig@carol.timer", "mailmig@off.timer")
    m.manager.systemctl("enable", "mailmig@bob.timer")  # not started
    m.drop_in("alice", "[Timer]\nOnActiveSec=\nOnUnitInactiveSec=\nOnCalendar=\n"
                       "OnCalendar=2020-01-01\n")
    m.ctl("enable", "alice")
    assert m.timer_state("alice") == "elapsed"

    advice = {name: t["advice"] for name, t in m.timers().items() if t["trouble"]}
    assert advice == {"alice": "systemctl restart mailmig@alice.timer",
                      "bob": "mailmigctl enable bob",
                      "carol": "mailmigctl disable carol",
                      "off": "mailmigctl disable off        or take enabled = false away"}
    assert "not all timers will start a run: mailmigctl timers\n" in m.ctl("status")
    out = m.ctl("timers")
    assert [line[0] for line in out.splitlines()[1:5]] == ["▲"] * 4
    assert 'mailmig@carol.timer is there, but no account "carol"\n  mailmigctl disable carol' in out

    shutil.rmtree(m.drop_in("alice", ""))
    m.ctl("disable", "carol", "off")
    m.ctl("enable", "bob")
    m.manager.systemctl("daemon-reload")
    m.manager.systemctl("restart", "mailmig@alice.timer")
    timers = m.timers()
    assert not any(t["trouble"] for t in timers.values())
    assert "carol" not in timers


def test_masked_timer(machine):
    machine.manager.systemctl("enable", "--now", "mailmig@bob.timer")
    machine.manager.systemctl("mask", "mailmig@bob.timer")
    assert machine.timers()["bob"]["advice"] == "systemctl unmask mailmig@bob.timer"


def test_reload_gives_new_schedules_and_starts_elapsed_timers(machine):
    m = machine
    m.ctl("enable", "bob")
    directory = m.drop_in("alice", "[Timer]\nOnActiveSec=\nOnUnitInactiveSec=\nOnCalendar=\n"
                                   "OnCalendar=2020-01-01\n")
    m.ctl("enable", "alice")
    assert m.timer_state("alice") == "elapsed"
    shutil.rmtree(directory)
    m.daemon.write_config([("alice", "old", "new", 'schedule = "Sat 21:00";'),
                           ("bob", "old", "new", 'schedule = "Sun 23:00";')])
    m.configured()

    out = m.ctl("reload")
    assert "the new configuration is in force: 2 accounts\n" in out
    assert "alice: the timer had elapsed and was started again\n" in out
    assert m.timer_state("alice") == "waiting"
    assert "Sun *-*-* 23:00:00" in m.manager.show("mailmig@bob.timer",
                                                  "TimersCalendar")["TimersCalendar"]
    assert m.timers()["bob"]["schedule"] == "Sun 23:00"


def test_a_configuration_with_errors_leaves_systemd_alone(machine):
    machine.ctl("enable", "bob")
    machine.drop_in("bob", "[Timer]\nOnCalendar=\nOnCalendar=Sun 05:00\n")
    machine.daemon.write_raw_config("nonsense")
    machine.ctl("reload", code=3)
    assert "22:00:00" in machine.manager.show("mailmig@bob.timer",
                                              "TimersCalendar")["TimersCalendar"]


def test_another_daemon_is_not_that_of_the_timers(machine):
    """With a socket of its own only the daemon reads its configuration again."""
    machine.ctl("enable", "bob")
    machine.drop_in("bob", "[Timer]\nOnCalendar=\nOnCalendar=Sun 05:00\n")
    machine.ctl("--socket", machine.daemon.socket, "reload")
    assert "22:00:00" in machine.manager.show("mailmig@bob.timer",
                                              "TimersCalendar")["TimersCalendar"]
    machine.ctl("reload")
    assert "05:00:00" in machine.manager.show("mailmig@bob.timer",
                                              "TimersCalendar")["TimersCalendar"]


def test_the_daemon_finds_systemd_again(machine):
    """After an upgrade of systemd, say."""
    def knows():
        return machine.daemon.account("bob")["timer"]["enabled"]

    machine.ctl("enable", "bob")
    assert knows()
    machine.manager.systemctl("daemon-reexec")
    eventually(knows, "the daemon lost systemd")


def test_a_timer_runs_its_account(machine):
    """From the timer to the worker and back: the unit's result is the run's."""
    m = machine
    m.ctl("enable", "alice")
    m.drop_in("alice", "[Timer]\nOnActiveSec=1us\nAccuracySec=1us\n")
    m.manager.systemctl("daemon-reload")
    m.manager.systemctl("restart", "mailmig@alice.timer")

    worker = m.daemon.worker()
    worker.event("progress", account="alice", run=worker.job["run_id"], phase="copying",
                 folder="INBOX", done=312, total=1200, bytes_done=100, bytes_total=1000, rate=4000,
                 eta_seconds=180)
    show = lambda *p: m.manager.show("mailmig@alice.service", *p)  # noqa: E731
    eventually(lambda: show("StatusText")["StatusText"].startswith("312/1200 messages"),
               "no progress in the status of the unit")
    out = m.ctl("timers")
    assert next(line for line in out.splitlines() if "alice" in line).split()[:6] == [
        "●", "alice", "10min", "enabled", "running", "now"]

    worker.done(copied=3, leave=True)
    eventually(lambda: show("ActiveState")["ActiveState"] == "inactive", "the unit does not end")
    assert show("Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    alice = m.timers()["alice"]
    assert alice["timer"] == "waiting" and alice["next"]
    assert alice["last_run"]["result"] == "ok" and alice["last_run"]["finished"]


def test_stopping_the_unit_cancels_the_run(machine):
    m = machine
    m.manager.systemctl("start", "--no-block", "mailmig@alice.service")
    worker = m.daemon.worker()
    stop = m.manager.start(["systemctl", "--user", "stop", "mailmig@alice.service"],
                           env={"PATH": os.environ["PATH"],
                                "XDG_RUNTIME_DIR": "/run/user-manager"})
    assert worker.take() == {"cancel": True}
    worker.done("cancelled", exit_code=9)
    assert stop.wait(30) == 0
    assert m.manager.show("mailmig@alice.service", "Result", "ExecMainStatus", "ActiveState") == {
        "Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    assert m.daemon.account()["last_run"]["result"] == "cancelled"


# ---- who may not, and what is not there ----

def test_others_may_read_and_not_change():
    """They are told who may; for a reload that is no failure, as the daemon has done its part."""
    skip_without_root()
    public = scratch.directory()
    os.chmod(public, 0o755)
    tool = shutil.copy(program("mailmigctl"), public)
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    try:
        with Manager() as manager, FakeDaemon() as daemon:
            daemon.on["Reload"] = lambda call: call.reply(accounts=1)
            os.chmod(daemon.dir, 0o755)
            os.chmod(daemon.path, 0o777)
            os.symlink(daemon.path, manager.control)
            done = manager.inside(*nobody, tool, "reload")
            assert done.stdout == "the new configuration is in force: 1 account\n"
            assert done.stderr == ("  timers get changed schedules when root does it: sudo "
                                   "mailmigctl reload\n")

            manager.systemctl("enable", "--now", "mailmig@alice.timer")
            done = manager.inside(*nobody, tool, "disable", "alice", check=False)
            assert done.returncode == 4
            assert "systemd: cannot disable timers" in done.stderr
            assert "it is for root: the same command with sudo" in done.stderr
            assert manager.systemctl("is-enabled", "mailmig@alice.timer") == "enabled\n"
    finally:
        scratch.remove(public)


def ctl(*args, **env):
    return subprocess.run([program("mailmigctl"), *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=30,
                          env={"PATH": os.environ["PATH"], **env})


def test_without_systemd(make):  # noqa: F811
    """One clear error; the daemon and its status do without."""
    nowhere = "unix:path=/nonexistent/bus"
    daemon = make(ACCOUNTS)
    daemon.env["DBUS_SYSTEM_BUS_ADDRESS"] = nowhere
    daemon.start()
    for verb in (["timers"], ["enable", "alice"], ["disable", "alice"]):
        done = ctl("--socket", daemon.socket, *verb, DBUS_SYSTEM_BUS_ADDRESS=nowhere)
        assert (done.returncode, done.stdout) == (4, "")
        assert len(done.stderr.splitlines()) == 2 and "systemd" in done.stderr
    assert daemon.account("alice")["timer"] == {"enabled": False, "next": None, "state": None,
                                                "schedule": "10min"}
    assert ctl("--socket", daemon.socket, "reload", DBUS_SYSTEM_BUS_ADDRESS=nowhere).returncode == 0


def test_a_bus_that_says_nothing(make):  # noqa: F811
    """Nobody waits for ever: not mailmigctl, and the status not even a second."""
    daemon = make(ACCOUNTS)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(daemon.dir + "/bus")
        deaf.listen(8)
        address = "unix:path=%s/bus" % daemon.dir
        daemon.env["DBUS_SYSTEM_BUS_ADDRESS"] = address
        daemon.start()
        with daemon.client() as c:
            c.sock.settimeout(5)
            for _ in range(3):
                answer = c.call("Status")
                assert not answer["parameters"]["status"]["accounts"][0]["timer"]["enabled"]
        done = ctl("disable", "alice", DBUS_SYSTEM_BUS_ADDRESS=address)
        assert done.returncode == 4 and "cannot reach systemd" in done.stderr
