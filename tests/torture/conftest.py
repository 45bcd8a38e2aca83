# SPDX-License-Identifier: Apache-2.0
"""The servers and programs of the integration tests, and what makes calls fail."""

import pytest

from integration.conftest import (  # noqa: F401  pylint: disable=unused-import
    ca, destination, mm, origin, programs, user)

from torture.failat import Shim


@pytest.fixture(scope="session")
def shim():
    made = Shim()
    yield made
    made.close()
