# SPDX-License-Identifier: Apache-2.0
"""The machine: memory made ready before a run, and who used the processors meanwhile, the servers
and others who have nothing to do with us."""

import mmap
import os
import time

from harness import mailmig

TICK = os.sysconf("SC_CLK_TCK")
LEAST = 0.5  # seconds; in less than that ticks say nothing


def warm_memory(octets):
    """Make memory ready for a run that stores so many octets. On a virtual machine memory that
    nobody used lately comes from the host, page by page, and slowly; who ran after a large
    program would seem fast. So use it, and give it back."""
    with open("/proc/meminfo", encoding="ascii") as f:
        available = next(int(line.split()[1]) for line in f if line.startswith("MemAvailable:"))
    size = min(octets * 3 // 2 + (256 << 20), available * 1024 // 4)
    mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


def _process(pid, children):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
            fields = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    # utime, stime; and those of children that were waited for.
    return sum(int(x) for x in fields[11:15 if children else 13]) / TICK


def _session(leader):
    """All of a server: its master has the time of those that ended."""
    return sum(_process(pid, pid == leader) for pid in mailmig.processes(leader))


def _machine():
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq = (int(x) for x in f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICK


class Load:
    """From making it to end()."""

    def __init__(self, servers, helpers=()):
        """servers: leaders of their sessions; helpers: other pids of ours."""
        self.servers, self.helpers = servers, helpers
        self.start = self._now()

    def _now(self):
        servers = sum(_session(s) for s in self.servers)
        ours = sum(_process(p, False) for p in self.helpers) + time.process_time()
        return time.monotonic(), _machine(), servers, ours

    def end(self, client_seconds):
        """client_seconds: what the client used. Processors busy elsewhere come as an average:
        0.5 means that others had half a processor; in a short time they are not told."""
        wall, machine, servers, ours = (b - a for a, b in zip(self.start, self._now()))
        if wall < LEAST:
            return {"servers_cpu_seconds": servers}
        elsewhere = (machine - servers - ours - client_seconds) / wall
        return {"servers_cpu_seconds": servers, "elsewhere_cpus": round(max(0.0, elsewhere), 2)}
