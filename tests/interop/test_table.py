# SPDX-License-Identifier: Apache-2.0
"""The README's table of servers: it has all of them and all features, and it tells what a run
shows."""

import pytest

from harness.mailmig import ROOT

from . import table
from .rounds import FEATURES
from .variants import SAMPLE, VARIANTS, all_pairs

GOOD = {"result": "ok", "limits": []}


def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def results(**changed):
    """All pairs well, but for the features of Maildir to Cyrus that are given."""
    return [{"origin": o, "destination": d, "features": {
        f: changed.get(f, GOOD) if (o, d) == ("maildir", "cyrus") else GOOD for f in FEATURES}}
            for o, d in all_pairs()]


def page(found):
    return "before\n" + table.BEGIN + table.render(found) + table.END + "after\n"


def test_readme_has_the_table():
    found = table.parse(table.block(readme()))
    assert set(found) == {(v, f) for v in VARIANTS for f in FEATURES}
    assert [key for key, cell in found.items() if not cell.good] == []


def test_table_and_back():
    found = results(bytes={"result": "limit", "limits": ["rewrites", "refuses"]},
                    dates={"result": "wrong", "limits": []})
    read = table.parse(table.block(page(found)))
    assert read == table.cells(found)
    assert read["cyrus", "bytes"] == table.Cell(True, frozenset(("rewrites", "refuses")))
    assert not read["maildir", "dates"].good and not read["cyrus", "dates"].good
    assert read["maildir", "bytes"] == table.Cell(True, frozenset())


@pytest.mark.parametrize("changed,said", [
    ({"flags": {"result": "wrong", "limits": []}}, "maildir to cyrus: flags fails"),
    ({"changes": {"result": "limit", "limits": ["keywords"]}},
     "maildir to cyrus: changes has a limit (keywords)"),
])
def test_misfit_is_told(changed, said):
    assert table.misfits(page(results()), results(**changed)) == [said]
    assert table.misfits(page(results(**changed)), results(**changed)) == []


@pytest.mark.parametrize("old,new", [("| octets |", "| bytes |"), ("| Courier 5 |", "| Courier 4 |"),
                                     ("| yes |", "| perhaps |")])
def test_other_table_is_refused(old, new):
    with pytest.raises(ValueError):
        table.parse(table.block(page(results()).replace(old, new)))


def test_sample_has_every_server_on_both_sides():
    for end in range(2):
        assert {pair[end] for pair in SAMPLE} >= {v.name for v in VARIANTS.values() if v.jailed
                                                  and v.name != "cyrus-alt"}
    switches = {name.partition("-")[2] for pair in SAMPLE for name in pair}
    assert switches >= {v.partition("-")[2] for v in VARIANTS}
