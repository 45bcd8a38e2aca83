# SPDX-License-Identifier: Apache-2.0
"""What the tests of secrets share."""

import os
import subprocess

import pytest

from harness import corpus
from harness.mailmig import Result

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
