# SPDX-License-Identifier: Apache-2.0
"""Servers for the whole session; users, a daemon and an account for each test."""

import itertools
import os

import pytest

from harness import certs, scratch
from harness.dovecot import Dovecot
from harness.mailmig import Mailmig, program
from harness.pair import Pair

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def programs():
    for name in ("mailmigd", "mailmigctl", "mailmig-worker", "mailmig-generator"):
        if not os.access(program(name), os.X_OK):
            pytest.fail("%s is not built" % program(name), pytrace=False)


@pytest.fixture(scope="session")
def ca():
    path = scratch.directory()
    os.chmod(path, 0o755)
    yield certs.CA(path)
    scratch.remove(path)


@pytest.fixture(scope="session")
def origin(ca):  # pylint: disable=redefined-outer-name
    """A plain origin: Maildir++, "/", no prefix."""
    with Dovecot(fsync="never", name="origin", ca=ca) as server:
        yield server


@pytest.fixture(scope="session")
def destination(ca):  # pylint: disable=redefined-outer-name
    """A plain destination: Maildir++, "/", no prefix."""
    with Dovecot(fsync="never", name="destination", ca=ca) as server:
        yield server


@pytest.fixture
def user():
    """A name nobody has used before."""
    return "user%d" % next(_numbers)


@pytest.fixture
def mm():
    """A configuration of its own; the test starts the daemon. It has to end well."""
    mailmig = Mailmig()
    yield mailmig
    mailmig.stop()


@pytest.fixture
def make_pair(mm, origin, destination, user):  # pylint: disable=redefined-outer-name
    """Pair between the session's servers; not started."""
    def make(**keys):
        ends = (keys.pop("origin", origin), keys.pop("destination", destination))
        return Pair(mm, *ends, keys.pop("user", user), **keys)

    return make


@pytest.fixture
def pair(make_pair, mm):  # pylint: disable=redefined-outer-name
    """The usual pair, daemon running."""
    made = make_pair()
    mm.start()
    return made
