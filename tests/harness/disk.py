# SPDX-License-Identifier: Apache-2.0
"""A small file system in memory, with as much room as a test wants. Needs root."""

import os
import subprocess

import pytest

PAGE = 4096


class Disk:
    """Mounted at `path`, which is made. Its filler is a file of its own."""

    def __init__(self, path, size="16m", inodes=4000):
        self.path = path
        self.filler = os.path.join(path, "filler")
        os.mkdir(path)
        options = "size=%s,nr_inodes=%d,mode=0700" % (size, inodes)
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "none", path],
                stderr=subprocess.DEVNULL, check=False).returncode != 0:
            pytest.skip("needs to be root and allowed to mount")

    def leave(self, pages):
        """Fill it up, but for so much."""
        self.empty()
        free = os.statvfs(self.path)
        with open(self.filler, "wb") as out:
            out.write(bytes(max(0, (free.f_bfree - pages) * free.f_frsize)))
        assert os.statvfs(self.path).f_bfree == pages

    def empty(self):
        if os.path.exists(self.filler):
            os.unlink(self.filler)

    def remount(self, options):
        subprocess.run(["mount", "-o", "remount," + options, self.path], check=True)

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=True)
