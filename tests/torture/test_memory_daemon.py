# SPDX-License-Identifier: Apache-2.0
"""mailmigd at the n-th allocation that fails, in its start or at a request: it goes on, or ends with
a message; never by a signal. The next one finds a history that can be read. The tool the same."""

import os
import pathlib
import shutil
import subprocess

import pytest

from harness.imapclient import Client
from harness.mailmig import Mailmig, program
from torture.rig import LONG, fill, points, saying

POINTS = 24
TIMEOUT = 20


class Service:
    """One account, whose destination is complete after the first run."""

    def __init__(self, shim, origin, destination, user):
        self.shim = shim
        self.mm = Mailmig(retry={"attempts": 1, "max_delay": "1s"})
        for server in (origin, destination):
            server.add_user(user)
        with Client(origin, user) as client:
            fill(client)
        self.mm.add_server("origin", origin, "none")
        self.mm.add_server("destination", destination, "none")
        self.mm.add_account("one", self.mm.endpoint("origin", user),
                            self.mm.endpoint("destination", user), schedule="10min")

    def ask(self, *args, env=None):
        """The exit code: any but that of a signal, and it comes."""
        done = subprocess.run(self.mm.command(*args), stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT,
                              env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **(env or {})})
        assert 0 <= done.returncode <= 10, (args, done.returncode, done.stdout)
        return done.returncode

    def talk(self):
        """Requests of all kinds."""
        return [self.ask(*args) for args in (
            ["status"], ["run", "one"], ["run", "--dry-run", "one"], ["status", "one"],
            ["run", "--no-wait", "one"], ["cancel", "one"], ["reload"], ["--json", "status"])]

    def disturbed(self, n, on=False):
        """Whether it started, and its exit code."""
        mm = self.mm
        said = len(mm.log())
        try:
            mm.start(self.shim.environment("mailmigd", "alloc", n, on))
        except RuntimeError:
            assert "memory" in mm.log()[said:], mm.log()  # a signal would have said nothing
            return False
        self.talk()
        code = mm.daemon.poll()
        if code is None:
            mm.daemon.terminate()
            code = mm.daemon.wait(TIMEOUT)
        mm.kill()
        assert code >= 0, (code, mm.log()[-2000:])
        assert code == 0 or "memory" in mm.log(), mm.log()[-2000:]
        return True

    def assert_healthy(self):
        mm = self.mm
        mm.start()
        assert self.ask("run", "one") == 0, mm.log()[-2000:]
        last = mm.account_status("one")["last_run"]
        assert (last["result"], last["failed"]) == ("ok", 0), last
        assert last["copied"] + last["present"] == 10, last
        mm.terminate()
        assert "corrupt" not in mm.log(), mm.log()[-2000:]


@pytest.fixture
def service(shim, origin, destination, user):
    made = Service(shim, origin, destination, user)
    yield made
    made.mm.stop()


@pytest.mark.limit(7200 if LONG else 60)
def test_daemon(service, shim):
    assert service.disturbed(0)
    total = shim.count()
    service.assert_healthy()
    for n in points(total, POINTS, "daemon"):
        with saying("allocation", n, "of", total):
            service.disturbed(n)
    service.assert_healthy()


@pytest.mark.limit(7200 if LONG else 60)
@pytest.mark.parametrize("args", [["status", "one"], ["run", "one"]])
def test_tool(service, shim, args):
    service.mm.start()
    assert service.ask(*args, env=shim.environment("mailmigctl", "alloc")) == 0
    total = shim.count()
    for n in points(total, POINTS // 2, args[0]):
        for on in (False, True):
            with saying("allocation", n, "of", total, "on" if on else ""):
                service.ask(*args, env=shim.environment("mailmigctl", "alloc", n, on))
    assert service.ask(*args) == 0


def test_generator(service, shim):
    """Without memory it says so, and writes no half of a unit."""
    root = service.mm.dir
    os.mkdir(os.path.join(root, "etc"))
    service.mm.write_config()
    os.link(service.mm.config, os.path.join(root, "etc/mailmig.conf"))

    def generate(n=None):
        out = os.path.join(root, "units")
        os.mkdir(out)
        env = {"PATH": "/usr/bin:/bin", "MAILMIG_GENERATOR_ROOT": root}
        if n is not None:
            env.update(shim.environment("mailmig-generator", "alloc", n))
        code = subprocess.run([program("mailmig-generator"), out, out, out], check=False, env=env,
                              stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=TIMEOUT).returncode
        files = {os.path.relpath(os.path.join(at, name), out):
                 pathlib.Path(at, name).read_text(encoding="utf-8")
                 for at, _, names in os.walk(out) for name in names}
        shutil.rmtree(out)
        return code, files

    code, right = generate(0)
    assert code == 0 and right
    total = shim.count()
    for n in points(total, POINTS, "generator"):
        code, files = generate(n)
        assert code in (0, 1), (n, code)
        assert files == right or code == 1, (n, files)
        assert all(right[name] == text for name, text in files.items()), (n, files)
