# SPDX-License-Identifier: Apache-2.0
"""What `mailmigctl check` says, and what every check has to keep to."""

import os
import re

LINE = re.compile(r"(ok|warn|FAIL) (\S+) ([a-zA-Z ]+): (.*)")
# What an administrator can type; a placeholder in capitals is his to fill in.
COMMANDS = re.compile(r"\b(mailmigctl|openssl s_client|getent|chmod|chown|install|rm|du|systemctl|"
                      r"journalctl|doveadm|doveconf|runuser) \S")


class Found:
    """The lines of a check, by account and item."""

    def __init__(self, result):
        self.rc, self.out, self.err = result
        self.lines = []
        for line in self.out.splitlines():
            found = LINE.fullmatch(line)
            assert found, "not a line of a check: " + line
            self.lines.append(found.groups())
        for result, _, _, text in self.lines:
            assert result == "ok" or COMMANDS.search(text), "no command: " + text

    def line(self, account, item):
        """(result, text) of the one line about this."""
        found = [(r, t) for r, a, i, t in self.lines if (a, i) == (account, item)]
        assert len(found) == 1, "%d lines about %s %s:\n%s%s" % (len(found), account, item, self.out,
                                                                self.err)
        return found[0]

    def items(self, account):
        return [i for _, a, i, _ in self.lines if a == account]

    def not_ok(self):
        return [(r, a, i) for r, a, i, _ in self.lines if r != "ok"]


def check(mm, *args):
    return Found(mm.ctl("check", *args))


def broken(pair, item, code, *words):
    """The one fault of the account, and what it says."""
    pair.mm.start()
    found = check(pair.mm, pair.account)
    assert [i for r, _, i in found.not_ok() if r == "FAIL"] == [item], found.out
    assert found.rc == code
    text = found.line(pair.account, item)[1]
    for word in words:
        assert word in text
    return found


def tree(directory):
    """Names, sizes and times of all that lies there."""
    out = {}
    for root, _, files in os.walk(directory):
        for name in files:
            st = os.stat(os.path.join(root, name))
            out[os.path.join(root, name)] = (st.st_size, st.st_mtime_ns)
    return out
