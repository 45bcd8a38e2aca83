# SPDX-License-Identifier: Apache-2.0
"""Completion of mailmigctl in real shells."""

import os
import pty
import select
import subprocess

import pytest

from harness.fakedaemon import FakeDaemon, account, status
from harness.mailmig import ROOT, program

TIMEOUT = 20
DIR = ROOT / "packaging" / "completion"


@pytest.fixture(scope="module")
def daemon():
    with FakeDaemon() as fake:
        fake.on["Status"] = lambda call: call.reply(status=status(
            account("alice"), account("albert@old.example"), account("bob")))
        fake.on["SecretList"] = lambda call: call.reply(secrets=[
            {"name": "alice.origin", "stored": None, "used_by": []}], left_out=0)
        yield fake


@pytest.fixture
def bash(daemon):
    def complete(line, env=None):
        script = ('. "$1"; COMP_LINE=$2; COMP_POINT=${#2}; _mailmigctl "$3"; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        got = subprocess.run(
            ["bash", "-c", script, "bash", DIR / "mailmigctl.bash", line, program("mailmigctl")],
            env={**os.environ, "MAILMIG_SOCKET": daemon.path, **(env or {})}, text=True,
            capture_output=True, timeout=TIMEOUT, check=True)
        assert got.stderr == ""
        return got.stdout.split()

    return complete


@pytest.mark.parametrize("line, words", [
    ("mailmigctl sta", ["status"]),
    ("mailmigctl --json rel", ["reload"]),
    ("mailmigctl help pl", ["plan"]),
    ("mailmigctl run ", ["alice", "albert@old.example", "bob"]),
    ("mailmigctl run al", ["alice", "albert@old.example"]),
    ("mailmigctl run bob al", ["alice", "albert@old.example"]),
    ("mailmigctl run albert@o", ["old.example"]),  # bash itself cuts words at "@"
    ("mailmigctl run --dr", ["--dry-run"]),
    ("mailmigctl cancel --dr", []),
    ("mailmigctl enable bo", ["bob"]),
    ("mailmigctl timers ", []),
    ("mailmigctl log -n ", []),
    ("mailmigctl log --lines 5 al", ["alice", "albert@old.example"]),
    ("mailmigctl log -n 5 --fo", ["--follow"]),
    ("mailmigctl secret ", ["set", "list", "remove", "alice.origin"]),
    ("mailmigctl secret remove al", ["alice.origin"]),
    ("mailmigctl reload ", []),
    ("mailmigctl zzz", []),
])
def test_bash(bash, line, words):
    assert bash(line) == words


def test_bash_asks_the_named_daemon(bash, daemon, tmp_path):
    elsewhere = {"MAILMIG_SOCKET": str(tmp_path / "none")}
    assert bash("mailmigctl status al", elsewhere) == []
    assert "alice" in bash("mailmigctl --socket %s status al" % daemon.path, elsewhere)
    assert "alice" in bash("mailmigctl --socket=%s status al" % daemon.path, elsewhere)


def test_bash_completes_files_for_the_options_that_take_one(bash, tmp_path):
    (tmp_path / "mailmig.conf").write_text("")
    line = "mailmigctl run --local --config %s/mail" % tmp_path
    assert bash(line) == [str(tmp_path / "mailmig.conf")]


@pytest.mark.parametrize("typed, shown", [
    ("sta", "status "), ("run ali", "alice "), ("run albert@o", "albert@old.example "),
    ("run --dr", "--dry-run "), ("--json rel", "reload "),
])
def test_zsh(daemon, tmp_path, typed, shown):
    (tmp_path / ".zshrc").write_text(
        "PS1='> '; unsetopt zle_bracketed_paste 2>/dev/null; unset zle_bracketed_paste\n"
        "fpath=(%s $fpath); autoload -U compinit; compinit -u -d %s/dump\n" % (DIR, tmp_path))
    master, slave = pty.openpty()
    env = {"PATH": "%s:%s" % (os.path.dirname(program("mailmigctl")), os.environ["PATH"]),
           "ZDOTDIR": str(tmp_path), "HOME": str(tmp_path), "TERM": "dumb",
           "MAILMIG_SOCKET": daemon.path}
    with subprocess.Popen(["zsh", "-i"], stdin=slave, stdout=slave, stderr=slave, env=env,
                          start_new_session=True, cwd=tmp_path) as shell:
        os.close(slave)
        seen = ""
        try:
            while "> " not in seen:
                seen += read(master)
            os.write(master, ("mailmigctl %s\t" % typed).encode())
            while not seen.endswith(shown):
                seen += read(master)
        finally:
            shell.kill()
            os.close(master)


def read(fd):
    ready, _, _ = select.select([fd], [], [], TIMEOUT)
    assert ready
    return os.read(fd, 65536).decode("utf-8", "replace")
