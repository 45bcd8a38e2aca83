# SPDX-License-Identifier: Apache-2.0
"""failat.c: built once, and the environment in which a program's calls fail or its clocks are set."""

import errno
import mmap
import os
import pathlib
import struct
import subprocess

from harness import scratch


class Shim:
    """clock: seconds that the wall clock and the time since boot are ahead, for all programs that
    were started with environment(clock=True)."""

    def __init__(self):
        self.dir = scratch.directory()
        self.library = os.path.join(self.dir, "failat.so")
        self._count = os.path.join(self.dir, "count")
        self._clock = os.path.join(self.dir, "clock")
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-std=gnu17",
                        "-D_GNU_SOURCE", "-o", self.library,
                        str(pathlib.Path(__file__).with_name("failat.c")), "-ldl"], check=True)
        with open(self._clock, "w+b") as f:
            f.write(bytes(16))
            f.flush()
            self._ahead = mmap.mmap(f.fileno(), 16)

    def close(self):
        self._ahead.close()
        scratch.remove(self.dir)

    def environment(self, program=None, call=None, n=0, on=False, error=errno.ENOMEM, path=None,
                    clock=False):
        """program: the one that is meant; call: which calls ("alloc", "write,pwrite"), on files
        with `path` in their name; n: the n-th of them fails (0: they are only counted), and with
        `on` all that follow; error: an errno, or -1: half of the octets are moved."""
        env = {"LD_PRELOAD": self.library, "FAILAT_COUNT": self._count, "FAILAT_N": str(n),
               "FAILAT_ERRNO": str(error), "FAILAT_PROGRAM": program,
               "FAILAT_SKIP": "libconfig.so", "FAILAT_CALL": call,
               "FAILAT_ON": "1" if on else None, "FAILAT_PATH": path,
               "FAILAT_CLOCK": self._clock if clock else None}
        return {k: v for k, v in env.items() if v is not None}

    def count(self):
        """How many calls the last program made, which has ended by itself."""
        with open(self._count, encoding="ascii") as f:
            return int(f.read())

    def set_clock(self, wall=0, boot=0):
        """Seconds ahead of the real ones."""
        self._ahead[:] = struct.pack("@qq", int(wall), int(boot))
