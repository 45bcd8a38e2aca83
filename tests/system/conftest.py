# SPDX-License-Identifier: Apache-2.0
"""Each module has a machine of its own. It starts in a second, so none has to be shared."""

import os

import pytest

from harness import certs, debian, roots, scratch

from . import machine, root
from .site import Site

LIMIT = 300  # the first test may make the root of all machines, and the package


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == root.HERE and not item.get_closest_marker("limit"):
            item.add_marker(pytest.mark.limit(LIMIT))


def not_here(reason):
    """A machine that decides about landing has to run these tests."""
    if os.geteuid() == 0 and os.environ.get("CI") == "true":
        pytest.fail("no machine can be started: %s" % reason, pytrace=False)
    pytest.skip("no machine can be started: %s" % reason)


@pytest.fixture(scope="session", autouse=True)
def possible():
    reason = machine.missing()
    if reason:
        not_here(reason)
    try:
        root.provide()
    except roots.Unavailable as e:
        not_here(e)


@pytest.fixture(scope="session")
def package(possible):  # pylint: disable=redefined-outer-name,unused-argument
    return debian.package()


@pytest.fixture(scope="session")
def ca():
    path = scratch.directory()
    yield certs.CA(path)
    scratch.remove(path)


@pytest.fixture(scope="module")
def bare(ca, package):  # pylint: disable=redefined-outer-name
    """Mail servers, and the package in root's home, not installed."""
    site = Site(ca, package)
    yield site
    site.stop()


@pytest.fixture(scope="module")
def site(bare):  # pylint: disable=redefined-outer-name
    """mailmig installed, with no account."""
    bare.install()
    return bare
