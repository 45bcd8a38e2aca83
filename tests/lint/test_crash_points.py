# SPDX-License-Identifier: Apache-2.0
"""The hook of tests/crash is in no program that anybody installs."""

import re

import pytest

from harness.mailmig import build_dir, program

TRACES = re.compile(rb"crash_point|MAILMIG_CRASH")


@pytest.mark.parametrize("name", ["mailmigd", "mailmigctl", "mailmig-worker", "mailmig-generator"])
def test_programs_have_no_trace_of_it(name):
    with open(program(name), "rb") as f:
        assert not TRACES.search(f.read())


def test_traces_are_seen():
    """Otherwise the test above could be blind."""
    try:
        octets = (build_dir() / "crash" / "mailmig-worker").read_bytes()
    except FileNotFoundError:
        pytest.skip("built for tests/crash alone (make crash-worker)")
    assert set(TRACES.findall(octets)) == {b"crash_point", b"MAILMIG_CRASH"}
