# SPDX-License-Identifier: Apache-2.0
"""Who may use whom: by #include, by the linker's symbols, by the libraries of the programs."""

import collections
import os
import re
import subprocess

import pytest

import sources
from harness.mailmig import build_dir, program

# A folder of src/ → the folders whose public headers it may include, beside its own.
# "How it works" in README.md tells why.
BELOW = {
    "util": (),
    "model": ("util",),
    "net": ("util",),
    "varlink": ("util",),
    "bus": ("util",),
    "config": ("util", "model"),
    "state": ("util", "model"),
    "history": ("util", "model"),
    "report": ("util", "model"),
    # Stored secrets: the daemon writes them, workers read them, nobody else sees the key.
    "vault": ("util",),
    "imap": ("util", "model", "net"),
    # net: the pump of stream.h, in which both stores of a lane wait together.
    "store": ("util", "model", "imap", "net"),
    "engine": ("util", "model", "store", "state", "report"),
    "worker": ("util", "model", "net", "config", "imap", "store", "engine", "state", "report",
               "vault"),
    "daemon": ("util", "model", "config", "history", "vault", "bus", "varlink"),
    "ctl": ("util", "model", "bus", "varlink"),
    "generator": ("util", "model", "config"),
}

# The public headers of each folder.
HEADERS = {
    "util": ("base", "buf", "clock", "crash_point", "error", "fs", "jsonio", "limiter", "log", "parse",
             "secret", "spool",
             "text"),
    "model": ("event", "fingerprint", "flags", "folder", "folder_fit", "job", "message", "message_text",
              "pattern", "repair", "role", "schedule", "selection", "seqset", "skip", "witness"),
    "net": ("stream",),
    "varlink": ("varlink", "varlink_server"),
    "bus": ("bus",),
    "config": ("config",),
    "state": ("quarantine", "state"),
    "history": ("history",),
    "vault": ("vault",),
    "imap": ("imap",),
    "store": ("store",),
    "engine": ("engine",),
}
OWNER = {"mailmig/%s.h" % h: folder for folder, headers in HEADERS.items() for h in headers}

# A library of others → the folders that may call it.
FOREIGN = {
    r"curl_": ("net",),
    r"(SSL|X509)_": ("net",),
    r"(deflate|inflate)": ("net",),
    r"EVP_": ("net", "model", "imap", "vault"),  # digests, base64, encryption at rest
    r"sqlite3_": ("state", "history"),
    r"config_(?!item_)": ("config",),  # libconfig; ours are told apart below
    r"sd_": ("util", "bus", "varlink", "daemon", "ctl", "generator"),
    r"pcre2_": ("model",),  # patterns over names of folders
    r"u8_": ("model",),  # libunistring: names of folders as people write them
    r"json_": ("util", "model", "varlink", "state", "history", "daemon", "ctl", "worker"),
    r"pthread_(?!once)": ("util", "engine", "state", "worker"),  # util: the pool of spools, limiters
}

# What a program must not even be able to do.
NOT_LINKED = {
    "mailmigd": ("libcurl", "libssl", "libunistring"),  # it never talks to a mail server
    "mailmigctl": ("libcurl", "libssl", "libsqlite3", "libconfig", "libpcre2", "libunistring"),
    "mailmig-generator": ("libcurl", "libssl", "libsqlite3", "libunistring"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def includes(name):
    """(line, kind, header) for each #include."""
    for number, line in sources.numbered(name, blanked=False):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1), found.group(2)


def folder_of(name):
    """The folder of src/ that a source or a public header belongs to."""
    parts = name.split("/")
    return parts[1] if parts[0] == "src" else OWNER.get("/".join(parts[1:]))


OURS = [n for n in sources.c_files() if n.startswith(("src/", "include/"))]
SRC = sorted({n.split("/")[1] for n in OURS if n.startswith("src/")})


def test_tables_are_complete():
    unknown = [s for s in SRC if s not in BELOW]
    headers = {n[len("include/"):] for n in OURS if n.startswith("include/")}
    sources.complain(["src/%s: no row in BELOW" % s for s in unknown]
                     + ["include/%s: whose is it?" % h for h in sorted(headers - set(OWNER))]
                     + ["include/%s: is gone" % h for h in sorted(set(OWNER) - headers)])


@pytest.mark.parametrize("folder", SRC)
def test_includes(folder):
    found = []
    for name in OURS:
        if folder_of(name) != folder:
            continue
        for number, kind, header in includes(name):
            where = "%s:%d: %s" % (name, number, header)
            if kind == '"':
                # In quotes: a header of this very folder, and never from a public header.
                if name.startswith("include/"):
                    found.append(where + ": a public header includes public headers only")
                elif not (sources.ROOT / "src" / folder / header).is_file() or "/" in header:
                    found.append(where + ": not a header of this folder")
            elif header.startswith("mailmig/"):
                owner = OWNER.get(header)
                if owner != folder and owner not in BELOW[folder]:
                    found.append("%s: %s may not use %s" % (where, folder, owner))
    sources.complain(found)


def test_all_includes_are_seen():
    """Otherwise the test above could be blind."""
    count = sum(1 for n in OURS for _ in includes(n))
    assert count > 2 * len(OURS)


def closure(header):
    """All public headers that one brings along."""
    seen, todo = set(), [header]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        todo += [h for _, _, h in includes("include/" + one) if h.startswith("mailmig/")]
    return seen


@pytest.mark.parametrize("header", ["engine", "store", "state"])
def test_the_engine_sees_nothing_of_imap(header):
    brought = {OWNER[h] for h in closure("mailmig/%s.h" % header)}
    assert not brought & {"imap", "net"}


# ---- what the linker sees ----

def nm(paths, *options):
    """(file, kind, symbol) of object files and archives."""
    done = subprocess.run(["nm", "-A", "-g", *options, *map(str, paths)], stdout=subprocess.PIPE,
                          check=True)
    for line in done.stdout.decode().splitlines():
        where, *_, kind, symbol = line.split()
        yield where, kind, symbol


def products(folder):
    """What was built of a folder: its archive, or the objects of a program."""
    archive = build_dir() / ("lib%s.a" % folder)
    if folder not in ("daemon", "ctl", "worker", "generator"):
        assert archive.is_file(), "%s is not built (make)" % archive
        return [archive]
    found = [build_dir() / "obj" / folder / (os.path.basename(n)[:-2] + ".o")
             for n in OURS if n.startswith("src/%s/" % folder) and n.endswith(".c")]
    assert all(o.is_file() for o in found), "%s is not built (make)" % folder
    return found


@pytest.fixture(scope="module")
def symbols():
    """(folder → {undefined symbol: where}, symbol → folders that define it)."""
    wanted, defined = {}, collections.defaultdict(set)
    for folder in SRC:
        wanted[folder] = {}
        for where, kind, symbol in nm(products(folder)):
            if kind == "U":
                wanted[folder].setdefault(symbol, os.path.basename(where).rstrip(":"))
            elif symbol != "main":
                defined[symbol].add(folder)
    return wanted, defined


def test_symbols_come_from_below(symbols):
    wanted, defined = symbols
    assert sum(len(w) for w in wanted.values()) > 500
    found = []
    for folder, names in wanted.items():
        for symbol, where in names.items():
            homes = defined.get(symbol, set())
            if homes and not homes & {folder, *BELOW[folder]}:
                found.append("%s (%s) uses %s of %s"
                             % (folder, where, symbol, ", ".join(sorted(homes))))
    sources.complain(found)


def test_no_symbol_twice(symbols):
    """Two folders with one name for two things would be a matter of link order."""
    twice = {s: f for s, f in symbols[1].items() if len(f) > 1}
    sources.complain(["%s: in %s" % (s, ", ".join(sorted(f))) for s, f in twice.items()])


@pytest.mark.parametrize("prefix", FOREIGN)
def test_libraries_have_their_place(prefix, symbols):
    wanted, defined = symbols
    used = [(folder, where, s) for folder, names in wanted.items() for s, where in names.items()
            if re.match(prefix, s) and s not in defined]
    assert used, "nobody calls it any more: take the row away"
    sources.complain(["%s (%s) calls %s" % u for u in used if u[0] not in FOREIGN[prefix]])


@pytest.mark.parametrize("name", NOT_LINKED)
def test_programs_are_linked_to_what_they_need(name):
    done = subprocess.run(["readelf", "-d", program(name)], stdout=subprocess.PIPE, check=True)
    needed = re.findall(r"NEEDED.*\[(.*)\]", done.stdout.decode())
    assert any(n.startswith("libsystemd") for n in needed)
    assert not [n for n in needed if n.startswith(NOT_LINKED[name])]
