# SPDX-License-Identifier: Apache-2.0
"""A worker without daemon and tool: started with an account, heard on its socket."""

import json
import os
import socket
import subprocess

from . import scratch

TIMEOUT = 40


def start(mm, account, program, env=None, wrap=(), log="wb"):
    """(process, our end of its socket). program: its path; env: beside a bare one; wrap: a command
    that runs it; log: how worker.log is opened."""
    mine, theirs = socket.socketpair()
    with theirs, open(os.path.join(mm.dir, "worker.log"), log) as to:
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*wrap, program, "--config", mm.config, "--account", account, "--event-fd",
             str(theirs.fileno())], stdin=subprocess.DEVNULL, stdout=to, stderr=to,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **(env or {})},
            pass_fds=[theirs.fileno()], preexec_fn=scratch.end_with_parent)
    mine.settimeout(TIMEOUT)
    return process, mine


def wait(process, mine):
    """The exit code of a started one and its result, {} when none came whole."""
    with mine:
        try:
            events = b"".join(iter(lambda: mine.recv(65536), b""))
            code = process.wait(TIMEOUT)
        finally:
            process.kill()
            process.wait()
    try:
        told = [json.loads(e) for e in events.split(b"\0")[:-1]]
    except ValueError as e:
        raise AssertionError("no event: %r" % events) from e
    done = [e for e in told if e["event"] == "done"]
    return code, done[-1] if done else {}
