# SPDX-License-Identifier: Apache-2.0
"""The spec file for RPM: it can be parsed, and its list of files is what `make install` installs."""

import re

import pytest

from harness import debian
from harness.mailmig import ROOT

SPEC = ROOT / "packaging/rpm/mailmig.spec"

# What Fedora's systemd-rpm-macros say; Debian's rpm does not have them.
MACROS = {
    "_unitdir": "/usr/lib/systemd/system",
    "_systemdgeneratordir": "/usr/lib/systemd/system-generators",
    "_sysusersdir": "/usr/lib/sysusers.d",
    "_tmpfilesdir": "/usr/lib/tmpfiles.d",
    "_journalcatalogdir": "/usr/lib/systemd/catalog",
    "_sysconfdir": "/etc",
    "make_install": "make install",
    "systemd_post": "post", "systemd_preun": "preun", "tmpfiles_create": "tmpfiles",
    "systemd_postun_with_restart": "postun",
}


@pytest.fixture(scope="module")
def spec():
    defines = [a for name, value in MACROS.items() for a in ("--define", "%s %s" % (name, value))]
    text = debian.run("rpmspec", *defines, "-P", SPEC)
    sections = re.split(r"^%(description|prep|build|install|pre|post|preun|postun|files)\b.*$", text,
                        flags=re.MULTILINE)
    return {"preamble": sections[0], **dict(zip(sections[1::2], sections[2::2]))}


def test_version(spec):
    assert re.search(r"^Version:\s+%s$" % re.escape(debian.version()), spec["preamble"], re.MULTILINE)


def test_every_macro_is_known(spec):
    for name, text in spec.items():
        known = r"%(defattr|attr|dir|config|doc|license|autosetup|define)\b"
        assert not re.search(r"%[{a-z]", re.sub(known, "", text)), name


def test_files_are_those_of_make_install(spec, install):
    variables = dict(re.findall(r"\b([A-Z]+DIR)=(\S+)", spec["install"]))
    lines = [re.sub(r"%\w+(\([^)]*\))?\s+", "", line) + ("/" if "%dir" in line else "")
             for line in spec["files"].splitlines() if line.startswith(("%", "/"))
             and not line.startswith(("%doc", "%license"))]
    listed = {re.sub(r"(/man\d/.*)\*$", r"\1", line) for line in lines}
    made = set(install(**variables))
    # A folder of ours is listed even if it has something in it.
    ours = {line for line in listed if line.endswith("/") and line not in made}
    assert all(any(p.startswith(line) for p in made | listed) for line in ours)
    assert listed - ours == made


def test_modes_are_those_of_make_install(spec, install):
    variables = dict(re.findall(r"\b([A-Z]+DIR)=(\S+)", spec["install"]))
    made = install(**variables)
    for mode, path in re.findall(r"^%attr\((\d+),.*\) .*?(/\S+)$", spec["files"], re.MULTILINE):
        assert made.get(path, made.get(path + "/")) == int(mode, 8), path


def test_requirements_are_those_of_the_build(spec):
    packages = re.search(r"^PKGS\s+:= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
    named = set(re.findall(r"pkgconfig\((\S+)\)", spec["preamble"]))
    assert named - {"systemd"} == set(packages.split())
