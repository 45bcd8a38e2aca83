# SPDX-License-Identifier: Apache-2.0
"""The package, and what `make install` puts where, made once."""

import os
import pathlib
import re
import subprocess

import pytest

from harness import debian, scratch
from harness.mailmig import ROOT, build_dir


@pytest.fixture(scope="session")
def deb():
    return debian.package()


@pytest.fixture(scope="session")
def install():
    """install(VARIABLE=value, …): {path: mode} of all that `make install` makes, folders with a
    "/" at their end; those that are only on the way to others are left out."""
    made = []

    def do(**variables):
        top = scratch.directory()
        made.append(top)
        debian.run("make", "-s", "-C", ROOT, "BUILD=%s" % build_dir(), "DESTDIR=%s" % top,
                   *("%s=%s" % item for item in variables.items()), "install")
        found = {}
        for directory, _, names in os.walk(top):
            shown = directory[len(top):]
            if not names and not os.listdir(directory):
                found[shown + "/"] = os.stat(directory).st_mode & 0o7777
            for name in names:
                found[shown + "/" + name] = os.lstat(os.path.join(directory, name)).st_mode & 0o7777
        return found

    yield do
    for top in made:
        scratch.remove(top)


@pytest.fixture
def space():
    path = scratch.directory()
    yield pathlib.Path(path)
    scratch.remove(path)


@pytest.fixture(scope="session")
def unit_directory():
    """Of this system; the package has to use the same."""
    found = subprocess.run(["pkg-config", "--variable=systemdsystemunitdir", "systemd"],
                           stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    assert re.fullmatch(r"(/usr)?/lib/systemd/system", found)
    return found
