# SPDX-License-Identifier: Apache-2.0
"""Are the tests worth anything? Each rule of exactly-once is broken in a copy of the sources, and
some test must fail. Long: with MAILMIG_LONG=1 only. That the places are still there is always
tested."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness import scratch
from harness.mailmig import build_dir
from mutants import MUTANTS

LONG = bool(os.environ.get("MAILMIG_LONG"))
ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("Makefile", "src", "include", "tests", "systemd", "packaging", "etc", "README.md")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.rule)
def test_place_is_there(mutant):
    assert (ROOT / mutant.path).read_text(encoding="utf-8").count(mutant.old) == 1


@pytest.fixture(scope="module")
def copy():
    """The sources and what was built of them."""
    path = pathlib.Path(scratch.directory())
    for part in PARTS:
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy2)(ROOT / part, path / part)
    shutil.copytree(build_dir(), path / "build", symlinks=True,
                    ignore=shutil.ignore_patterns("roots"))
    yield path
    scratch.remove(str(path))


def make(path):
    # Mutants leave things unused, which is not what is tested here.
    return subprocess.run(["make", "-s", "-j2", "-C", str(path), "BUILD=build", "OPT=-O1 -w", "all",
                           "unit", "crash-worker"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          text=True)


@pytest.mark.skipif(not LONG, reason="long")
@pytest.mark.limit(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.rule)
def test_mutant_is_caught(mutant, copy):
    source = copy / mutant.path
    before = source.read_text(encoding="utf-8")
    source.write_text(before.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        built = make(copy)
        assert built.returncode == 0, built.stdout[-2000:]
        environment = {k: v for k, v in os.environ.items() if k != "MAILMIG_LONG"}
        environment["MAILMIG_BUILD"] = str(copy / "build")
        ran = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x",
                              "--no-header", *mutant.tests], cwd=copy, env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                             text=True)
    finally:
        source.write_text(before, encoding="utf-8")
    print(ran.stdout[-1500:])
    assert ran.returncode == 1, "nothing has noticed it: %s" % mutant.rule
