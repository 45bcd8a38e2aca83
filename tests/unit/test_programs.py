# SPDX-License-Identifier: Apache-2.0
"""Every unit test program (cmocka, one for each tests/unit/test_*.c) is one test here."""

import os
import pathlib
import subprocess

import pytest

from harness.mailmig import ROOT, build_dir

HERE = pathlib.Path(__file__).parent
NAMES = sorted(source.stem for source in HERE.glob("test_*.c"))


@pytest.mark.parametrize("name", NAMES)
def test_unit(name):
    program = build_dir() / "unit" / name
    if not os.access(program, os.X_OK):
        pytest.fail("%s is not built (make unit)" % program)
    done = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, cwd=ROOT,
                          env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "STDOUT"})
    if done.returncode != 0:
        text = done.stdout.decode("utf-8", "replace")
        pytest.fail("%s ended with %d:\n%s" % (name, done.returncode, text), pytrace=False)


def test_there_are_some():
    assert NAMES
