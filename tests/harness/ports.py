# SPDX-License-Identifier: Apache-2.0
"""Ports on loopback."""

import socket


def free(n):
    """Ports of the system's choice. Another process may take one before a server does: who starts
    one tries again with others then."""
    held = [socket.socket() for _ in range(n)]
    try:
        for s in held:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()
