# SPDX-License-Identifier: Apache-2.0
"""Where secrets must not be: in memory longer than needed, on the disk, in what anybody is told."""

import base64
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

from harness import corpus
from harness.mailmig import program
from secret_rig import (SECRET, Held, credentials, ctl, store_both,
                        stored_pair)  # pylint: disable=unused-import

# pylint: disable=redefined-outer-name

NOBODY = 65534
OTHER = b"the other secret of the other side"


def forms(user, secret):
    """All the ways in which a secret could be written down."""
    return {"itself": secret, "hexadecimal": secret.hex().encode(),
            "base64": base64.b64encode(secret),
            "PLAIN": base64.b64encode(b"\0" + user.encode() + b"\0" + secret),
            "quoted": secret.replace(b"\\", b"\\\\").replace(b'"', b'\\"')}


def memory(pid):
    """All that can be read of a process's memory, and of what /proc tells about it."""
    out = []
    with open("/proc/%d/maps" % pid, encoding="ascii", errors="replace") as maps, \
            open("/proc/%d/mem" % pid, "rb", buffering=0) as mem:
        for line in maps:
            area, rights = line.split()[:2]
            low, high = (int(x, 16) for x in area.split("-"))
            if not rights.startswith("r") or "[v" in line:
                continue
            try:
                mem.seek(low)
                out.append(mem.read(high - low))
            except OSError:
                pass
    return out


def told(pid):
    out = []
    for name in ("cmdline", "environ", "comm", "status"):
        with open("/proc/%d/%s" % (pid, name), "rb") as f:
            out.append(f.read())
    return out


def found(chunks, wanted):
    return {form: sum(chunk.count(octets) for chunk in chunks)
            for form, octets in wanted.items() if any(octets in chunk for chunk in chunks)}


def is_sanitized():
    """A sanitizer keeps what was freed."""
    return "asan" in str(os.environ.get("MAILMIG_BUILD", ""))


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer keeps what was freed")
@pytest.mark.parametrize("kind", ("stored", "credential", "file", "inline"))
def test_memory(make_pair, mm, origin, kind):
    """While a run goes on its worker has each secret once (a broken connection needs it again);
    the daemon has none, but for those of the configuration itself."""
    secret = b"battery staple in the file" if kind == "inline" else SECRET
    keys = {"file": {"password_file": mm.secret("s", SECRET)},
            "stored": {"password_stored": "alice.origin"},
            "credential": {"password_credential": "s"}, "inline": {}}[kind]
    with Held(origin) as held:
        pair = make_pair(password=secret, via_origin=held.proxy, origin_keys=keys,
                         destination_keys=keys, limits={"connections": 1})
        if kind == "inline":
            for side in ("origin", "destination"):
                del mm.accounts[-1][side]["password_file"]
                mm.accounts[-1][side]["password"] = secret.decode()
        with pair.at_origin() as client:
            corpus.simple(client, "INBOX", 3)
        mm.start()
        if kind == "stored":
            store_both(mm)
            assert found(memory(mm.daemon.pid), forms(pair.user, secret)) == {}
        directory = credentials(mm, s=SECRET)
        with subprocess.Popen(mm.command("run", pair.account), stdout=subprocess.DEVNULL,
                              env={**mm._environment(), "CREDENTIALS_DIRECTORY": directory}
                              ) as process:
            assert held.reached.wait(30)
            worker, = mm.workers()
            wanted = forms(pair.user, secret)
            in_worker = found(memory(worker), wanted)
            in_daemon = found(memory(mm.daemon.pid), wanted)
            in_ctl = found(memory(process.pid), wanted)
            for pid in (worker, mm.daemon.pid, process.pid):
                assert found(told(pid), wanted) == {}
                with open("/proc/%d/limits" % pid, encoding="ascii") as f:
                    assert re.search(r"Max core file size +0 +0 ", f.read())
            held.go.set()
            assert process.wait(30) == 0
        assert in_ctl == {}
        if kind != "inline":
            assert in_daemon == {}
        assert set(in_worker) <= {"itself", "quoted"}, in_worker
        assert in_worker["itself"] <= (4 if kind == "inline" else 2), in_worker


def test_nowhere(stored_pair, mm):
    """Neither on the disk nor in what anybody is told, at any level of words."""
    mm.globals["log_level"] = "debug"
    mm.write_config()
    assert mm.ctl("reload").rc == 0
    store_both(mm)
    said = [mm.ctl("-v", "run", stored_pair.account), mm.ctl("secret", "list"),
            mm.ctl("--json", "status", stored_pair.account)]
    assert ctl(mm, "secret", "set", "alice.origin", stdin=OTHER).rc == 0
    said += [mm.ctl("-v", "run", stored_pair.account), mm.ctl("check", stored_pair.account)]
    wanted = {**forms(stored_pair.user, SECRET),
              **{"other " + k: v for k, v in forms(stored_pair.user, OTHER).items()}}

    chunks = [(r.out + r.err).encode() for r in said]
    for directory, _, names in os.walk(mm.dir):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    chunks.append(f.read())
    assert len(chunks) > 8
    assert found(chunks, wanted) == {}


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer looks into the process")
@pytest.mark.parametrize("name", ("mailmigd", "mailmigctl", "mailmig-worker"))
def test_others_of_the_same_user_cannot_look(mm, make_pair, name):
    """What the kernel writes no core dump of belongs to root in /proc."""
    make_pair()
    mm.write_config()
    copy = os.path.join(mm.dir, name)
    shutil.copy(program(name), copy)
    for path in (mm.dir, mm.config):
        os.chown(path, NOBODY, NOBODY)
    ours, theirs = socket.socketpair()
    args = {"mailmigd": ["--config", mm.config], "mailmigctl": ["secret", "set", "x"],
            "mailmig-worker": ["--job-fd", str(theirs.fileno())]}[name]
    with ours, theirs, subprocess.Popen([copy, *args], stdin=subprocess.PIPE, user=NOBODY,
                                        stderr=subprocess.DEVNULL, group=NOBODY, extra_groups=(),
                                        pass_fds=[theirs.fileno()]) as process:
        deadline = time.monotonic() + 10
        try:
            while os.stat("/proc/%d/environ" % process.pid).st_uid != 0:
                assert process.poll() is None
                assert time.monotonic() < deadline
                os.sched_yield()
        finally:
            process.kill()
