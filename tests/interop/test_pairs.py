# SPDX-License-Identifier: Apache-2.0
"""Every server as origin with every server as destination; `make check` takes a sample of the
pairs, `make check-interop` (MAILMIG_INTEROP=all) all of them. MAILMIG_INTEROP may also be names:
ORIGIN:DESTINATION with commas between."""

import json
import os
import time

import pytest

from harness import certs, roots, scratch
from harness.mailmig import ROOT, build_dir

from . import mailbox, rounds, table, variants
from .eye import Facts

WANTED = os.environ.get("MAILMIG_INTEROP", "")
RESULTS = build_dir() / "interop"

# Then all servers are ended and others started: their mail, ten megabytes a pair, lies in memory.
PAIRS_MAX = 60


def pairs():
    if WANTED == "all":
        return variants.all_pairs()
    if WANTED:
        return [tuple(pair.split(":")) for pair in WANTED.split(",")]
    return variants.SAMPLE


def not_here(reason):
    """A machine that decides about landing has to run these tests."""
    if os.geteuid() == 0 and os.environ.get("CI") == "true":
        pytest.fail("no such server can be started: %s" % reason, pytrace=False)
    pytest.skip("no such server can be started: %s" % reason)


class Servers:
    """Started when first asked for, ended together."""

    def __init__(self, ca):
        self.ca = ca
        self.running, self.facts = {}, {}
        self.pairs = 0

    def pair(self, origin, destination):
        """Both servers with what is known of them."""
        self.pairs += 1
        if self.pairs % PAIRS_MAX == 0:
            self.stop()
        return self.get(origin) + self.get(destination)

    def get(self, name):
        if name not in self.running:
            variant = variants.VARIANTS[name]
            missing = roots.missing() if variant.jailed else None
            if missing:
                not_here(missing)
            try:
                self.running[name] = variant.make(self.ca).start()
            except roots.Unavailable as e:
                not_here(e)
            self.facts[name] = Facts(self.running[name])
            self.facts[name].learn(mail.octets for mail in mailbox.mails())
        return self.running[name], self.facts[name]

    def stop(self):
        for facts in self.facts.values():
            facts.close()
        for server in self.running.values():
            server.stop()
        self.running, self.facts = {}, {}


@pytest.fixture(scope="module")
def servers():
    path = scratch.directory()
    os.chmod(path, 0o755)
    made = Servers(certs.CA(path))
    yield made
    made.stop()
    scratch.remove(path)


@pytest.fixture(scope="module")
def results():
    """Written at the end, as a line of JSON for each pair."""
    lines = []
    yield lines
    RESULTS.mkdir(parents=True, exist_ok=True)
    name = "all" if WANTED == "all" else "some"
    with open(RESULTS / (name + ".jsonl"), "w", encoding="utf-8") as out:
        out.writelines(json.dumps(line) + "\n" for line in lines)


@pytest.mark.limit(300)  # the first one may make the roots
@pytest.mark.parametrize("origin,destination", pairs(), ids=lambda name: name)
def test_pair(origin, destination, servers, results):
    begin = time.monotonic()
    pair = rounds.Rounds(*servers.pair(origin, destination))
    try:
        pair.run()
    except Exception as e:
        for complaints in pair.outcome.wrong.values():
            complaints.append(repr(e))
        raise
    finally:
        results.append({"origin": origin, "destination": destination,
                        "features": pair.outcome.as_json(),
                        "seconds": round(time.monotonic() - begin, 2)})
    found = pair.outcome.complaints()
    assert not found, "%d complaints:\n%s" % (len(found), "\n".join(found[:40]))


def test_readme_says_the_same(results):
    """The table is written by `make check-interop`; what the sample shows must not differ."""
    if WANTED:
        pytest.skip("the table is made of all pairs")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = table.misfits(text, results)
    assert not found, "make check-interop writes the table anew:\n" + "\n".join(found)
