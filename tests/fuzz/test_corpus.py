# SPDX-License-Identifier: Apache-2.0
"""Every fuzz target (tests/fuzz/fuzz_*.c) takes its corpus, and every beginning of each file."""

import os
import pathlib
import subprocess

import pytest

from harness.mailmig import build_dir

HERE = pathlib.Path(__file__).parent
NAMES = sorted(source.stem for source in HERE.glob("fuzz_*.c"))


@pytest.mark.parametrize("name", NAMES)
def test_corpus(name, tmp_path):
    program = build_dir() / "replay" / name
    if not os.access(program, os.X_OK):
        pytest.fail("%s is not built (make unit)" % program)
    done = subprocess.run([program, HERE / "corpus" / name], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          cwd=tmp_path)
    if done.returncode != 0:
        text = done.stdout.decode("utf-8", "replace")
        pytest.fail("%s ended with %d:\n%s" % (name, done.returncode, text), pytrace=False)


def test_there_are_some():
    assert NAMES
