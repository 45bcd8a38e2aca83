# SPDX-License-Identifier: Apache-2.0
"""The servers and programs of the integration tests."""

from integration.conftest import (  # noqa: F401  pylint: disable=unused-import
    ca, destination, mm, origin, programs, user)
