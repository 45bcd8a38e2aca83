# SPDX-License-Identifier: Apache-2.0
"""Directories and processes that must not outlive us."""

import ctypes
import os
import shutil
import signal
import tempfile
import time

PR_SET_PDEATHSIG = 1

MEMORY = "/dev/shm"
MEMORY_ENOUGH = 2 * 1024 * 1024 * 1024

_base = "/tmp"
_made = set()
_libc = ctypes.CDLL(None, use_errno=True)


def use_memory():
    """Put what comes from now on into memory, where there is enough: thousands of small files go
    faster there. Not for measuring."""
    global _base
    try:
        room = os.statvfs(MEMORY)
    except OSError:
        return
    if os.access(MEMORY, os.W_OK) and room.f_bavail * room.f_frsize >= MEMORY_ENOUGH:
        _base = MEMORY


def directory():
    """A new directory. Its path is short: those of Unix sockets in it end at 107 octets."""
    path = tempfile.mkdtemp(prefix="mm", dir=_base)
    _made.add(path)
    return path


def remove(path):
    # A process that is just being killed may still have created a file: look again.
    for _ in range(100):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            _made.discard(path)
            return
        time.sleep(0.01)
    raise RuntimeError("cannot remove %s" % path)


def left():
    """What was made and is still there."""
    return sorted(path for path in _made if os.path.lexists(path))


def end_with_parent():
    """For preexec_fn: the child gets SIGTERM when we die, however we die."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def killed_with_parent():
    """The same with SIGKILL, for what blocks SIGTERM."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
