# SPDX-License-Identifier: Apache-2.0
"""The files of the project, and C code without its comments and strings."""

import functools
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

SKIPPED = ("build/", "tests/fuzz/corpus/")  # products; octets for the parsers


@functools.lru_cache(maxsize=None)
def files():
    """All files that are or may come into the repository, relative to ROOT."""
    done = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        names = done.stdout.decode().split("\0")
    else:  # a tarball
        names = [os.path.relpath(os.path.join(where, name), ROOT)
                 for where, _, found in os.walk(ROOT) for name in found
                 if "__pycache__" not in where and ".pytest_cache" not in where]
    return sorted(n for n in set(names)
                  if n and not n.startswith(SKIPPED) and (ROOT / n).is_file())


def c_files():
    return [n for n in files() if n.endswith((".c", ".h"))]


@functools.lru_cache(maxsize=None)
def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def interpreter(name):
    """What the first line of a script asks for, or None."""
    with open(ROOT / name, "rb") as f:
        first = f.readline(100)
    found = re.match(rb"#! *(?:/usr/bin/env +)?(\S+)", first)
    return os.path.basename(found.group(1).decode()) if found else None


def python_files():
    return [n for n in files() if n.endswith(".py") or "python" in (interpreter(n) or "")]


def shell_files():
    return [n for n in files() if n.endswith(".sh") or interpreter(n) in ("sh", "bash", "dash")]


TOKEN = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


@functools.lru_cache(maxsize=None)
def code(name):
    """C text with comments and the contents of strings blanked, lines kept.
    A // comment stays visible as "//"."""
    def blank(match):
        token = match.group(0)
        if token.startswith("//"):
            return "//"
        if token.startswith("/*"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + " " * (len(token) - 2) + token[0]

    return TOKEN.sub(blank, text(name))


def numbered(name, blanked=True):
    """(number, line) of a file."""
    return enumerate((code if blanked else text)(name).split("\n"), 1)


def complain(lines):
    """Fail with one line for each finding."""
    assert not lines, "\n" + "\n".join(lines)
