# SPDX-License-Identifier: Apache-2.0
"""What the tests of secrets share."""

import os
import subprocess
import threading

import pytest

from harness import corpus
from harness.mailmig import Result
from harness.proxy import Proxy

SECRET = b"horse\xc3\xa4\xfe\"\\{battery}'staple 7"


def ctl(mm, *args, stdin=b"", env=None):
    """mailmigctl with something on standard input, or with another environment."""
    process = subprocess.Popen(mm.command(*args), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               env={**mm._environment(), **(env or {})})
    with process:
        out, err = process.communicate(stdin, timeout=60)
    return Result(process.returncode, out.decode(), err.decode())


def credentials(mm, name="creds", mode=0o400, **files):
    """A directory as systemd would make it; returns its path."""
    path = os.path.join(mm.dir, name)
    os.makedirs(path, exist_ok=True)
    os.chmod(path, 0o700)
    for label, octets in files.items():
        label = os.path.join(path, label)
        with open(label, "wb") as out:
            out.write(octets)
        os.chmod(label, mode)
    return path


STORED = {"origin_keys": {"password_stored": "alice.origin"},
          "destination_keys": {"password_stored": "alice.destination"}}


@pytest.fixture
def stored_pair(make_pair, mm):
    pair = make_pair(password=SECRET, **STORED)
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 3)
    mm.start()
    return pair


def store_both(mm):
    for side in ("origin", "destination"):
        got = ctl(mm, "secret", "set", "alice." + side, stdin=SECRET + b"\n")
        assert got.rc == 0, got.err


class Held:
    """A run that stands still at the first bodies, both sides logged in. In the clear, so that
    nothing but our own code handles the secrets."""

    def __init__(self, origin):
        self.reached, self.go = threading.Event(), threading.Event()
        self.proxy = Proxy(origin, at_line=(r"BODY\.PEEK\[\]", self._hold))

    def _hold(self, *_):
        self.reached.set()
        self.go.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.go.set()
        self.proxy.stop()
