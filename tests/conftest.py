# SPDX-License-Identifier: Apache-2.0
"""For all tests: the path of the harness, and an end to every wait."""

import faulthandler
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import scratch  # noqa: E402  pylint: disable=wrong-import-position

LIMIT = 60  # seconds for a test with its fixtures, unless it says otherwise
GRACE = 60  # then even a hanging clean-up ends


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): how long this test may take")
    config.addinivalue_line("markers", "slow: takes more than ten seconds")


class TooLong(Exception):
    """A test's time is over. (TimeoutError would be an OSError, which tests may expect.)"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    marker = item.get_closest_marker("limit")
    seconds = marker.args[0] if marker else LIMIT

    def expired(*_):
        faulthandler.dump_traceback()
        raise TooLong("%s took more than %d s" % (item.nodeid, seconds))

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(seconds + GRACE, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pytest_sessionstart():
    def end(*_):
        raise KeyboardInterrupt

    scratch.use_memory()
    signal.signal(signal.SIGTERM, end)  # with all clean-up, as after ^C
    # Who starts us in the background may have it ignored, which programs would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session):
    left = scratch.left()
    if left:
        print("\nleft behind: %s" % " ".join(left))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
