# SPDX-License-Identifier: Apache-2.0
"""Two origin folders go to one destination, and the worker ends by SIGKILL at its n-th step: after
the next run each message of both is there once, twins of the two and messages with one header and
two texts included, with the flags and dates that they have in their folders. A spread of steps
usually, all of them with MAILMIG_LONG=1."""

import random

import pytest

from harness import corpus
from crash_rig import (DATE, KINDS, LONG, long_limit, points, rig_for, sample, sweep_first_run,
                       sweep_later_run)

N_POINTS = 16  # in a short run
RULES = {"map": [["Sent", "One"], ["Sent Items", "One"]]}
MEET = {"INBOX": ["INBOX"], "One": ["Sent", "Sent Items"]}
KEYS = {"folders": RULES, "meet": MEET}


def fill(client):
    """The folders have three messages in common (two of them without Message-ID), two with one
    header, and some of their own."""
    rng = random.Random(2)
    corpus.simple(client, "INBOX", 2)
    twin, alike = corpus.plain(20, rng), corpus.plain(22, rng)
    nameless = corpus.plain(21, rng, message_id=False)
    for n, folder in enumerate(("Sent", "Sent Items")):
        client.create(folder, subscribe=True)
        for octets in (twin, nameless, nameless, b"Received: by %d.example.net\r\n" % n + alike):
            client.append(folder, octets, ("\\Flagged", "kept") if n else ("\\Seen",), DATE)
        corpus.simple(client, folder, 3 - n, first=30 + 10 * n)


@long_limit
@pytest.mark.parametrize("kind, connections", [(kind, n) for kind in KINDS for n in (1, 3)] if LONG
                         else [("all", 1), ("no-uidplus", 1), ("no-literal+", 3)])
def test_first_run(origin, destination, kind, connections):
    with rig_for(points, origin, destination, kind, connections=connections, mail=fill,
                 **KEYS) as rig:
        sweep_first_run(rig, N_POINTS, kind)


@long_limit
@pytest.mark.parametrize("kind", KINDS if LONG else ["all"])
def test_later_run(origin, destination, kind):
    with rig_for(points, origin, destination, kind, mail=fill, **KEYS) as rig:
        sweep_later_run(rig, N_POINTS, kind, folders=("INBOX", "Sent", "Sent Items"))


@long_limit
@pytest.mark.parametrize("kind", ["all", "no-literal+", "poor"] if LONG else ["no-literal+"])
def test_in_a_row(origin, destination, kind):
    """Both may have uploads in doubt by then."""
    rng = random.Random(kind)
    with rig_for(points, origin, destination, kind, connections=1, mail=fill, **KEYS) as rig:
        taken = rig.trace(rig.account())
        for at in sample(taken, N_POINTS, kind):
            others = [rng.randrange(len(taken)) + 1 for _ in range(2)]
            rig.stop_and_finish(rig.account(), at, *others)
