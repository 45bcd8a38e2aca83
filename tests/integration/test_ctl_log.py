# SPDX-License-Identifier: Apache-2.0
"""mailmigctl log: the words with which it starts journalctl. What that shows of a journal is seen
in the tests of the booted system."""

import os
import subprocess

import pytest

from daemon_rig import BUILD, daemon, make  # pylint: disable=unused-import

# pylint: disable=redefined-outer-name


@pytest.fixture
def ctl(daemon):
    """mailmigctl with a journalctl that says how it was called."""
    directory = os.path.join(daemon.dir, "path")
    os.mkdir(directory)
    path = os.path.join(directory, "journalctl")
    with open(path, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
    os.chmod(path, 0o755)

    def run(*args, where=directory, socket=daemon.socket):
        return subprocess.run([os.path.join(BUILD, "mailmigctl"), "--socket", socket, *args],
                              check=False, capture_output=True, text=True,
                              env={"PATH": where})

    return run


@pytest.mark.parametrize("args, expected", [
    ([], ""),
    (["-f"], "<--follow>"),
    (["-n", "20"], "<--lines><20>"),
    (["-fn5"], "<--follow><--lines><5>"),
    (["--lines=7", "--follow", "-v"], "<--follow><--lines><7><--catalog>"),
    (["--json"], "<--output=json>"),
])
def test_arguments(ctl, args, expected):
    done = ctl("log", "alice", *args)
    assert (done.returncode, done.stdout) == (0, "<MAILMIG_ACCOUNT=alice>" + expected)


def test_refusals(ctl):
    unknown = ctl("log", "nobody")
    assert unknown.returncode == 3 and "alice" in unknown.stderr and not unknown.stdout
    for number in ("x", "-1", "1;id"):
        wrong = ctl("log", "alice", "--lines=" + number)
        assert wrong.returncode == 2 and "is not a number" in wrong.stderr
    assert ctl("log", "alice", "-n").returncode == 2
    assert ctl("log").returncode == 2
    assert ctl("log", "alice", "bob").returncode == 2
    assert ctl("status", "-f").returncode == 2


def test_without_journalctl(ctl):
    done = ctl("log", "alice", where="/nowhere")
    assert done.returncode == 10
    assert "journalctl" in done.stderr and "standard error" in done.stderr


def test_without_daemon(ctl):
    """When it does not run its log is wanted most."""
    done = ctl("log", "alice", socket="/nowhere/control")
    assert (done.returncode, done.stdout) == (0, "<MAILMIG_ACCOUNT=alice>")
    assert "start it" in done.stderr
