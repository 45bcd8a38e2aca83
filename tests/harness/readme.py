# SPDX-License-Identifier: Apache-2.0
"""The commands of README.md that a test does word for word.

`<!-- system test: run -->` before a fenced block: its lines that begin with "# " are commands for
root's shell, the others show what is printed. `<!-- system test: file PATH -->`: the block is the
content of PATH."""

import collections
import re

from .mailmig import ROOT

Run = collections.namedtuple("Run", "commands")
File = collections.namedtuple("File", "path text")

BLOCK = re.compile(r"^<!-- system test: (run|file (\S+)) -->\n```\w*\n(.*?)^```$",
                   re.MULTILINE | re.DOTALL)


def commands(text):
    joined = text.replace("\\\n", " ")
    return [line[2:] for line in joined.split("\n") if line.startswith("# ")]


def blocks():
    """In the order in which they stand there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [File(path, body) if path else Run(commands(body))
             for _, path, body in BLOCK.findall(text)]
    assert len(found) == text.count("<!-- system test:"), "a marker has no block"
    return found
