# SPDX-License-Identifier: Apache-2.0
"""Form: what a reader may rely on in every file."""

import itertools
import os
import re
import subprocess

import pytest

import sources

FILE_MAX = 600
HEADER_MAX = 250
FUNCTION_MAX = 60

# Longer, and why.
LONG_FILES = {
    "src/config/config_internal.h": (300, "the table of keys: its types, and one rule a line"),
    "tests/unit/test_config_errors.c": (700, "a table of every message of the configuration"),
    "tests/integration/test_ctl.py": (750, "to be split"),
}
LONG_FUNCTIONS = {
}

# No licence line: the licence, what has no comments, and what is read as prose.
NO_LICENCE_LINE = ("LICENSE", ".clang-format", ".gitignore", "Makefile", "README.md",
                   "packaging/NEWS.md", "etc/mailmig.conf",
                   "src/varlink/io.mailmig.Control.varlink", "tests/dialogues/",
                   "packaging/debian/copyright", "packaging/debian/source/format")

FORBIDDEN = re.compile(
    r"(?<![\w.>])(ato[ifl]l?|strto(?:u?l{1,2}|[fdi]|[iu]max)|v?sscanf|strcpy|strcat|v?sprintf"
    r"|gets|strtok|u?sleep|nanosleep|alloca|tmpnam|mktemp)\s*\(")

CALLS_ALLOWED = {
    ("tests/crash/killat.c", "strtoul"),  # preloaded into the programs, so without our libraries
    ("tests/torture/failat.c", "strtoul"),
}

# In two pieces, or this file would be its own finding.
MACHINE_PATHS = re.compile("/wo" "rk/|/tmp/" "b-")


def test_licence_line_first():
    found = []
    for name in sources.files():
        if name.startswith(NO_LICENCE_LINE):
            continue
        lines = sources.text(name).split("\n")
        if lines[0].startswith(("#!", "#compdef")):
            lines.pop(0)
        if name.endswith((".c", ".h")):
            right = lines[0] == "/* SPDX-License-Identifier: Apache-2.0 */"
        elif name.endswith((".cfg", ".scd")):  # something else has to come first
            right = any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2])
        else:
            right = lines[0].lstrip("#;") == " SPDX-License-Identifier: Apache-2.0"
        if not right:
            found.append("%s:1: no SPDX-License-Identifier: Apache-2.0" % name)
    sources.complain(found)


def test_clang_format():
    done = subprocess.run(["clang-format", "--version"], stdout=subprocess.PIPE, check=True)
    version = re.search(r"version (\d+)", done.stdout.decode()).group(1)
    if version != "14":
        pytest.skip("clang-format %s; the sources are formatted with 14" % version)
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources.c_files()],
                          cwd=sources.ROOT, stderr=subprocess.PIPE, check=False)
    wrong = sorted({line.split(":")[0] for line in done.stderr.decode().splitlines()
                    if "-Wclang-format-violations" in line})
    assert (done.returncode == 0) == (not wrong), done.stderr.decode()
    sources.complain(["%s: clang-format -i" % name for name in wrong])


def test_comments_are_of_c():
    sources.complain(["%s:%d: a // comment" % (name, number)
                      for name in sources.c_files()
                      for number, line in sources.numbered(name) if "//" in line])


def test_no_forbidden_calls():
    sources.complain(["%s:%d: %s()" % (name, number, call)
                      for name in sources.c_files()
                      for number, line in sources.numbered(name)
                      for call in FORBIDDEN.findall(line)
                      if (name, call) not in CALLS_ALLOWED])


def test_files_are_short():
    found = []
    for name in sources.c_files() + sources.python_files() + sources.shell_files():
        most = LONG_FILES.get(name, (HEADER_MAX if name.endswith(".h") else FILE_MAX, ""))[0]
        lines = sources.text(name).count("\n")
        if lines > most:
            found.append("%s: %d lines, %d are allowed" % (name, lines, most))
    sources.complain(found)


def functions(name):
    """(name, line, length) of each function. Tables within, `= {` to `};`, do not count."""
    title, begin, length, table = "", 0, 0, False
    for number, line in sources.numbered(name):
        if line == "{":
            begin, length, table = number, 0, False
        elif line == "}" and begin:
            yield title, begin, length
            begin = 0
        elif begin:
            if re.match(r"\t[^\t].* = \{$", line):
                table = True
            length += not table
            if line == "\t};":
                table = False
        elif re.match(r"\w.*\w\(", line):
            title = re.search(r"(\w+)\((?!.*\w+\(\()", line).group(1)


def test_functions_are_short():
    found, count = [], 0
    for name in sources.c_files():
        for title, begin, length in functions(name):
            count += 1
            most = LONG_FUNCTIONS.get((name, title), (FUNCTION_MAX, ""))[0]
            if length > most:
                found.append("%s:%d: %s() has %d lines, %d are allowed"
                             % (name, begin, title, length, most))
    assert count > 1000  # or functions() no longer finds them
    sources.complain(found)


def test_exceptions_are_needed():
    """What became short again has no business in the tables."""
    found = ["LONG_FILES: %s" % name for name in LONG_FILES
             if not (sources.ROOT / name).is_file() or sources.text(name).count("\n")
             <= (HEADER_MAX if name.endswith(".h") else FILE_MAX)]
    long = {(name, title) for name in sources.c_files()
            for title, _, length in functions(name) if length > FUNCTION_MAX}
    sources.complain(found + ["LONG_FUNCTIONS: %s %s()" % f for f in LONG_FUNCTIONS
                              if f not in long])


def test_no_machine_paths():
    sources.complain(["%s:%d: a path of one machine" % (name, number)
                      for name in sources.files()
                      for number, line in sources.numbered(name, blanked=False)
                      if MACHINE_PATHS.search(line)])


def test_ends_of_lines():
    found = []
    for name in sources.files():
        if name.startswith("tests/dialogues/"):  # there a blank can be the point
            continue
        found += ["%s:%d: blank at the end" % (name, number)
                  for number, line in sources.numbered(name, blanked=False)
                  if line != line.rstrip(" \t\r")]
        if sources.text(name) and not sources.text(name).endswith("\n"):
            found.append("%s: no end of line at the end" % name)
    sources.complain(found)


@pytest.mark.parametrize("name", sources.shell_files())
def test_shell_scripts(name):
    shell = sources.interpreter(name) or "sh"
    subprocess.run([shell, "-n", name], cwd=sources.ROOT, check=True)
    assert os.access(sources.ROOT / name, os.X_OK)


def test_python_files_compile():
    for name in sources.python_files():
        compile(sources.text(name), name, "exec", dont_inherit=True)


def test_headers_are_guarded():
    """By a name of their own that ends in that of the file; public ones by MAILMIG_NAME_H."""
    found, seen = [], set()
    for name in sources.c_files():
        if not name.endswith(".h"):
            continue
        want = re.sub(r"\W", "_", os.path.basename(name)).upper()
        directives = (line for _, line in sources.numbered(name) if line.startswith("#"))
        first, second = itertools.islice(directives, 2)
        guard = first[len("#ifndef "):]
        right = guard == "MAILMIG_" + want if name.startswith("include/") else guard.endswith(want)
        if not right or first != "#ifndef " + guard or second != "#define " + guard:
            found.append("%s: not guarded" % name)
        elif guard in seen:
            found.append("%s: %s guards another file too" % (name, guard))
        seen.add(guard)
    sources.complain(found)
