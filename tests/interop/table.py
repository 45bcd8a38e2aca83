# SPDX-License-Identifier: Apache-2.0
"""The results as a table of the README, and back.

python3 -m interop.table RESULTS README: writes the table of a run of all pairs into the README."""

import collections
import json
import pathlib
import re
import sys

from .rounds import FEATURES
from .variants import VARIANTS, all_pairs

BEGIN, END = "<!-- interop: begin -->\n", "<!-- interop: end -->\n"
TITLES = {"folders": "folders", "bytes": "octets", "flags": "flags", "keywords": "keywords",
          "dates": "dates", "idle": "nothing to do", "changes": "changes", "resume": "killed"}
MARKS = "¹²³⁴⁵⁶⁷⁸⁹"

# What a server does to a plain APPEND or CREATE of any client: feature and words for it.
LIMITS = {
    "names": ("folders", "Refuses some names, such as `v1.2`; these folders get another one, "
                         "`v1%2E2` or `v1=2E2`, which the plan shows."),
    "rewrites": ("bytes", "Changes some messages when it stores them, a plain APPEND's as well: "
                          "octets of 8 bits in a header, a missing end of the last line."),
    "refuses": ("bytes", "Refuses some messages as they are, such as those with bare LF; they get "
                         "the smallest repair, and their own octets are kept."),
    "flags": ("flags", "Does not keep all system flags."),
    "keywords": ("keywords", "Does not keep all keywords."),
    "dates": ("dates", "Does not keep the date of an APPEND."),
}

Cell = collections.namedtuple("Cell", "good limits")


def cells(results):
    """(server, feature) → Cell. A pair that fails counts for both of its servers, a limit for the
    destination."""
    bad, limits = set(), collections.defaultdict(set)
    for pair in results:
        for feature, found in pair["features"].items():
            if found["result"] == "wrong":
                bad |= {(pair["origin"], feature), (pair["destination"], feature)}
            for limit in found["limits"]:
                limits[pair["destination"], LIMITS[limit][0]].add(limit)
    return {(v, f): Cell((v, f) not in bad, frozenset(limits[v, f]))
            for v in VARIANTS for f in FEATURES}


def render(results):
    found = cells(results)
    used = [k for k in LIMITS if any(k in cell.limits for cell in found.values())]
    mark = dict(zip(used, MARKS))

    def shown(cell):
        marks = "".join(mark[k] for k in used if k in cell.limits)
        return ("yes" if cell.good else "**no**") + (" " + marks if marks else "")

    lines = ["| server | " + " | ".join(TITLES[f] for f in FEATURES) + " |",
             "|---|" + "---|" * len(FEATURES)]
    lines += ["| %s | %s |" % (v.label, " | ".join(shown(found[v.name, f]) for f in FEATURES))
              for v in VARIANTS.values()]
    lines += [""] + ["- %s %s" % (mark[k], LIMITS[k][1]) for k in used]
    return "\n".join(lines) + "\n"


def block(readme):
    return readme.split(BEGIN)[1].split(END)[0]


def parse(text):
    """The other way: (server, feature) → Cell; ValueError for what render() does not write."""
    lines = text.splitlines()
    titles = [t.strip() for t in lines[0].strip("|").split("|")]
    if titles != ["server"] + [TITLES[f] for f in FEATURES]:
        raise ValueError("other columns: %s" % titles)
    known = {words: k for k, (_, words) in LIMITS.items()}
    marks = {}
    for line in lines:
        note = re.fullmatch(r"- ([%s]) (.*)" % MARKS, line)
        if note and note.group(2) not in known:
            raise ValueError("unknown note: %s" % line)
        if note:
            marks[note.group(1)] = known[note.group(2)]
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in lines[2:]
            if line.startswith("|")]
    labels = [v.label for v in VARIANTS.values()]
    if [row[0] for row in rows] != labels:
        raise ValueError("other servers: %s" % sorted({r[0] for r in rows} ^ set(labels)))
    out = {}
    for name, row in zip(VARIANTS, rows):
        for feature, cell in zip(FEATURES, row[1:]):
            m = re.fullmatch(r"(yes|\*\*no\*\*)(?: ([%s]+))?" % MARKS, cell)
            if not m:
                raise ValueError("%s, %s: %s" % (row[0], feature, cell))
            out[name, feature] = Cell(m.group(1) == "yes",
                                      frozenset(marks[c] for c in m.group(2) or ""))
    return out


def misfits(readme, results):
    """What some results show and the README's table does not say, as lines."""
    said = parse(block(readme))
    out = []
    for pair in results:
        name = "%s to %s" % (pair["origin"], pair["destination"])
        for feature, found in pair["features"].items():
            good = all(said[pair[end], feature].good for end in ("origin", "destination"))
            if found["result"] == "wrong" and good:
                out.append("%s: %s fails" % (name, feature))
            out += ["%s: %s has a limit (%s)" % (name, feature, limit)
                    for limit in found["limits"]
                    if limit not in said[pair["destination"], LIMITS[limit][0]].limits]
    return out


def main(results, readme):
    with open(results, encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    missing = set(all_pairs()) - {(r["origin"], r["destination"]) for r in found}
    if missing:
        sys.exit("%s has no results of %d pairs: make check-interop" % (results, len(missing)))
    path = pathlib.Path(readme)
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    path.write_text(before + BEGIN + render(found) + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
