# SPDX-License-Identifier: Apache-2.0
"""mailmigctl on a terminal: the live line, its width, its colours."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
import unicodedata

import pytest

from harness.fakedaemon import FakeDaemon, account, status, summary
from harness.mailmig import program

TIMEOUT = 30
NAME = "Archiv/Übersicht 日本語 der Jahre"


def width(text):
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
               for c in text)


def plain(text):
    return re.sub("\033\\[[0-9;]*m", "", text)


class Terminal:
    """mailmigctl on a pseudo terminal; text: all it wrote so far."""

    def __init__(self, *args, columns=80, **env):
        self.master, slave = pty.openpty()
        self.resize(columns)
        base = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm"}
        base.update({k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))})
        base.update(env)
        self.process = subprocess.Popen([program("mailmigctl"), *args], stdin=slave, stdout=slave,
                                        stderr=slave, env=base, start_new_session=True)
        os.close(slave)
        self.text = ""
        self._octets = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self):
        """A bit more of the text; False at its end."""
        ready, _, _ = select.select([self.master], [], [], TIMEOUT)
        assert ready, "nothing more came after %r" % self.text
        try:
            more = os.read(self.master, 65536)
        except OSError:
            return False
        self._octets += more
        self.text = self._octets.decode("utf-8", "replace")
        return bool(more)

    def wait_for(self, pattern, after=0):
        while not re.search(pattern, self.text[after:]):
            assert self.read(), "%r is not in %r" % (pattern, self.text)
        return re.search(pattern, self.text[after:])

    def end(self):
        while self.read():
            pass
        return self.process.wait(TIMEOUT)

    def live_lines(self):
        """Every state of the live line, without colours."""
        found = re.findall("\r([^\r\n]*)\033\\[K", self.text)
        return [plain(line) for line in found if line]

    def screen(self):
        """The lines that remain, as a simple terminal shows them; none may wrap."""
        lines, row, column = [[]], 0, 0
        for token in re.findall("\033\\[[0-9;]*[A-Za-z]|.", self.text, re.S):
            if token == "\r":
                column = 0
            elif token == "\n":
                row, column = row + 1, 0
                lines += [[]]
            elif token == "\033[K":
                del lines[row][column:]
            elif token[0] != "\033":
                lines[row][column:column + 1] = [token]
                column += 1
        return ["".join(line) for line in lines]


@pytest.fixture
def daemon():
    with FakeDaemon() as fake:
        yield fake


def running(daemon, go_on, **values):
    progress = {"event": "progress", "account": "bob", "phase": "transfer", "folder": NAME,
                "done": 312, "total": 1200, "bytes_done": 48 << 20, "bytes_total": 190 << 20,
                "rate": 4404019, "eta_seconds": 180, **values}

    def run(call):
        call.event(**progress)
        assert go_on.wait(TIMEOUT)
        call.event(**{**progress, "done": 1200, "bytes_done": 190 << 20})
        call.event(event="done", **summary("bob", copied=1200, bytes=190 << 20))
        call.reply(exit_code=0, summaries=[])

    daemon.on["Run"] = run


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("locale, bar", [("C.UTF-8", "█"), ("C", "#")])
def test_live_line_fits(daemon, columns, locale, bar):
    go_on = threading.Event()
    running(daemon, go_on)
    with Terminal("--socket", daemon.path, "run", "bob", columns=columns, LC_ALL=locale) as t:
        t.wait_for("25%")
        go_on.set()
        assert t.end() == 0
    lines = t.live_lines()
    assert lines
    for line in lines:
        assert width(line) < columns
        assert "25%" in line or "100%" in line or "transfer" in line
    shown = next(line for line in lines if "25%" in line)
    if columns >= 40:
        assert "312/1200" in shown and "ETA 3:00" in shown
    if columns >= 80:
        assert bar in shown and "4.2 MiB/s" in shown
    if columns == 200:
        assert "48/190 MiB" in shown and NAME in shown and "messages" in shown
    # Nothing of the line is left when the summary is there.
    assert t.screen()[0].startswith("bob: done in 10 s")
    assert not any("%" in line for line in t.screen())
    if locale == "C":
        assert not set("█░…→●") & set(t.text)


def test_live_line_is_drawn_at_most_five_times_a_second(daemon):
    def run(call):
        for done in range(2000):
            call.event(event="progress", account="bob", done=done, total=2000)
        call.event(event="done", **summary("bob"))
        call.reply(exit_code=0, summaries=[])

    daemon.on["Run"] = run
    before = time.monotonic()
    with Terminal("--socket", daemon.path, "run", "bob") as t:
        assert t.end() == 0
        seconds = time.monotonic() - before
    assert len(t.live_lines()) <= 2 + 5 * seconds


def test_elapsed_time_runs_on_without_events(daemon):
    go_on = threading.Event()
    running(daemon, go_on)
    with Terminal("--socket", daemon.path, "run", "bob", columns=120) as t:
        t.wait_for("\\[0:00\\]")
        t.wait_for("\\[0:01\\]")
        go_on.set()
        assert t.end() == 0


def test_new_width_is_taken_up(daemon):
    go_on = threading.Event()
    running(daemon, go_on)
    with Terminal("--socket", daemon.path, "run", "bob", columns=120) as t:
        t.wait_for("25%")
        t.resize(40)
        t.process.send_signal(signal.SIGWINCH)
        mark = len(t.text)
        t.wait_for("25%[^\r]*\033\\[K", mark)
        narrow = t.live_lines()[-1]
        go_on.set()
        assert t.end() == 0
    assert width(t.live_lines()[0]) > 80
    assert width(narrow) < 40


@pytest.mark.parametrize("args, env, coloured", [
    ([], {}, True), (["--no-color"], {}, False), ([], {"NO_COLOR": "1"}, False),
    ([], {"NO_COLOR": ""}, True), ([], {"TERM": "dumb"}, False),
])
def test_colour(daemon, args, env, coloured):
    daemon.on["Status"] = lambda call: call.reply(status=status(account("bob")))
    with Terminal("--socket", daemon.path, *args, **env) as t:
        assert t.end() == 0
    assert ("\033[" in t.text) == coloured
    assert plain(t.text).replace("\r", "").splitlines()[3].split()[0] == "bob"


def test_dumb_terminal_gets_no_live_line(daemon):
    go_on = threading.Event()
    running(daemon, go_on)
    with Terminal("--socket", daemon.path, "run", "bob", TERM="dumb",
                  MAILMIG_PROGRESS_INTERVAL="1ms") as t:
        t.wait_for("bob: 312/1200 messages")
        go_on.set()
        assert t.end() == 0
    assert "\033" not in t.text and t.screen()[-2].startswith("  flags updated")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_status_table_fits(daemon, columns):
    error = {"folder": "Sent", "uid": 7, "class": "refused", "text": "no room", "advice": "a " * 90}
    long = account("a-rather-long.name@of-a-domain.example", state="failed", last_run=summary(
        "x", result="failed", exit_code=1, failed=3, errors=[error] * 3))
    daemon.on["Status"] = lambda call: call.reply(status=status(long, account("b")))
    with Terminal("--socket", daemon.path, columns=columns) as t:
        assert t.end() == 0
    rows = [plain(row) for row in t.text.replace("\r", "").splitlines()]
    if columns >= 80:
        assert all(width(row) <= columns for row in rows[2:])
    assert any("…" in row for row in rows) == (columns < 200)
    assert "and 2 more errors: mailmigctl status a-rather-long.name@of-a-domain.example" in rows[-1]


def test_folders_of_one_account(daemon):
    names = ["Folder %d" % i for i in range(352)]
    folders = [{"folder": name, "destination": name, "messages": 9, "copied": 2, "present": 7,
                "bytes_total": 2048, "result": "ok"} for name in names]
    folders[351].update(destination="Sent Items", copied=0, failed=2)
    bob = account("bob", last_run=summary("bob", result="partial", folders=folders,
                                          folders_left_out=4))
    daemon.on["Status"] = lambda call: call.reply(status=status(bob))
    daemon.on["History"] = lambda call: call.reply(runs=[])

    def table(*args):
        with Terminal("--socket", daemon.path, "--no-color", "status", "bob", *args) as t:
            assert t.end() == 0
        text = t.text.replace("\r", "")
        return [line.split() for line in text[text.index("Folders of"):].splitlines()[1:]]

    rows = table()
    assert rows[0] == "FOLDER MESSAGES COPIED THERE FAILED SIZE".split()
    assert rows[1] == "▲ Folder 351 → Sent Items 9 0 7 2 2.0 KiB".split()
    assert rows[2] == "Folder 0 9 2 7 0 2.0 KiB".split()
    assert rows[41:] == ["and 312 more, -v shows them".split(),
                         "and 4 more, of which no counts were kept".split()]
    assert len(table("-v")) == 352 + 2

    plain_text = subprocess.run(
        [program("mailmigctl"), "--socket", daemon.path, "status", "bob"], check=True,
        capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
    assert "Folder 350 " in plain_text and "-v shows" not in plain_text


def test_log_lines_stand_above_the_live_line(daemon):
    go_on = threading.Event()

    def run(call):
        call.event(event="progress", account="bob", done=1, total=4)
        assert go_on.wait(TIMEOUT)
        call.event(event="log", account="bob", level="warning", text="something odd")
        call.event(event="done", **summary("bob"))
        call.reply(exit_code=0, summaries=[])

    daemon.on["Run"] = run
    with Terminal("--socket", daemon.path, "run", "bob") as t:
        t.wait_for("25%")
        go_on.set()
        assert t.end() == 0
    assert t.screen()[0] == "bob: something odd"
    assert t.screen()[1].startswith("bob: done")


def test_ctrl_c_on_the_keyboard(daemon):
    over = threading.Event()
    running(daemon, over)
    with Terminal("--socket", daemon.path, "run", "bob") as t:
        t.wait_for("25%")
        t.process.send_signal(signal.SIGINT)
        assert t.end() == 9
    over.set()
    assert t.screen()[0].startswith("the run goes on: mailmigctl status bob")


def test_json_on_a_terminal_has_no_live_line(daemon):
    go_on = threading.Event()
    go_on.set()
    running(daemon, go_on)
    with Terminal("--socket", daemon.path, "run", "bob", "--json") as t:
        assert t.end() == 0
    assert "\033" not in t.text
