# SPDX-License-Identifier: Apache-2.0
"""No warnings: of clang, which sees others than gcc, and of cppcheck."""

import concurrent.futures
import os
import shlex
import subprocess

import pytest
import sources

JOBS = 2

# cppcheck does not know the cleanup attribute and takes what it frees for leaked. Real leaks
# are found by AddressSanitizer (make asan).
SUPPRESSED = ("memleak", "resourceLeak",
              # A STEAL() in a designated initializer is too much for its parser.
              "internalAstError:src/store/imap_store.c")


def compile_commands():
    """Source → the flags that make would compile it with, of clang."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    done = subprocess.run(["make", "--no-print-directory", "-nB", "CC=clang",
                           "BUILD=build/never", "all", "unit", "bench-tools"],
                          cwd=sources.ROOT, env=env, stdout=subprocess.PIPE, check=True)
    found = {}
    for line in done.stdout.decode().replace("\\\n", " ").splitlines():
        if not line.startswith("clang "):
            continue
        words = shlex.split(line)
        flags = [w for w in words if w.startswith(("-I", "-D", "-W", "-std", "-O", "-f"))
                 and not w.startswith("-Wl,")]
        for word in words:
            if word.endswith(".c") and word in sources.c_files():
                found[word] = flags
    return found


def findings(command):
    done = subprocess.run(command, cwd=sources.ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode("utf-8", "replace").strip()
    return output or (done.returncode and "%s ended with %d" % (command[0], done.returncode)) or ""


@pytest.mark.limit(300)  # half a minute when nobody else works here
def test_clang():
    commands = compile_commands()
    assert len(commands) > 50
    for name, flags in commands.items():
        assert "-Wextra" in flags and "-Werror" in flags, name
    # What make leaves alone, or builds in a way of its own, is compiled like a unit test.
    usual = commands["tests/unit/test_buf.c"]
    for name in sources.c_files():
        if name.endswith(".c"):
            commands.setdefault(name, [*usual, "-I" + os.path.dirname(name)])
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        results = pool.map(findings, (["clang", *flags, "-fsyntax-only", name]
                                      for name, flags in sorted(commands.items())))
        sources.complain([r for r in results if r])


@pytest.mark.limit(300)
def test_cppcheck():
    sources.complain([f for f in [findings(
        ["cppcheck", "--enable=warning,portability", "--error-exitcode=1", "--quiet",
         "-j%d" % JOBS, "--std=c17", "-Iinclude", "-D_GNU_SOURCE", '-DMAILMIG_VERSION="0"',
         '-DMAILMIG_LIBEXECDIR="/"', "--library=tests/lint/cppcheck.cfg",
         *("--suppress=" + s for s in SUPPRESSED), "src/"])] if f])
