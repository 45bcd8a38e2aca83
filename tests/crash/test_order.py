# SPDX-License-Identifier: Apache-2.0
"""What SIGKILL cannot show, because the kernel keeps what was written: that the state is on the
disk, not only with the kernel, before a message that it tells of is sent."""

import collections

import pytest

from crash_rig import killat, rig_for

Call = collections.namedtuple("Call", "name where what")

WRITES = ("write", "pwrite", "pwrite64", "writev")
SYNCS = ("fsync", "fdatasync")
SENDS = ("send", "sendto", "sendmsg", "write", "writev")


@pytest.fixture(scope="module", name="calls")
def build_shim():
    with killat() as calls:
        yield calls


def calls_of_a_run(rig):
    return [Call(*line.split(" ", 2)) for line in rig.trace(rig.account())]


@pytest.mark.parametrize("kind", ["all", "no-multiappend", "no-literal+", "no-uidplus"])
def test_intents_are_on_the_disk_before_they_are_sent(calls, origin, destination, kind):
    """With one lane: nothing at all goes out between a write to the log of the state and its
    fsync, and each batch has a commit of its own before it."""
    with rig_for(calls, origin, destination, kind, connections=1) as rig:
        run = calls_of_a_run(rig)
    unsynced = commits = appends = batches = 0
    for call in run:
        if call.where.endswith(".db-wal"):
            if call.name in WRITES:
                unsynced += 1
            elif call.name in SYNCS and unsynced:
                unsynced, commits = 0, commits + 1
        elif call.where == "tcp" and call.name in SENDS:
            assert not unsynced, "sent, with %d writes on no disk: %r" % (unsynced, call)
            if " APPEND " in call.what:
                appends += 1
                batches += commits > 0
                commits = 0
    assert not unsynced
    # Three folders, each with a batch (or more, where the batches are smaller).
    assert batches >= 3 and appends >= batches
    if kind == "all":
        assert appends == batches, "a batch was sent without a commit of its intents"


def test_result_is_told_after_it_is_on_the_disk(calls, origin, destination):
    with rig_for(calls, origin, destination, "all") as rig:
        run = calls_of_a_run(rig)
    told = max(i for i, c in enumerate(run) if '"done"' in c.what and c.where == "socket")
    written = [i for i, c in enumerate(run) if ".db" in c.where and c.name in WRITES]
    synced = [i for i, c in enumerate(run) if ".db" in c.where and c.name in SYNCS]
    assert written and max(written) < max(synced) < told
