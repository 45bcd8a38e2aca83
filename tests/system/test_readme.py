# SPDX-License-Identifier: Apache-2.0
"""The chapter "Install" of README.md, word for word, from a machine without mailmig to one without
it again."""

import os

from harness import readme

from .machine import wait_for

# What a remaining user, certificates, logs and package databases change.
IGNORED = ("/proc", "/sys", "/run", "/tmp", "/dev", "/var/log", "/var/cache", "/var/lib/dpkg",
           "/var/lib/apt", "/srv", "/root")


def files(machine):
    prune = " -o ".join("-path %s" % path for path in IGNORED)
    return set(machine.out(r"find / \( %s \) -prune -o -print" % prune).splitlines())


def test_install_section(bare):
    machine = bare.machine
    bare.origin.add_user("alice", "old password")
    bare.destination.add_user("alice@new.example", "new password")
    bare.origin.fill("alice", 25)
    typed = {"alice-old": "old password\n", "alice-new": "new password\n"}
    before = files(machine)
    blocks = readme.blocks()
    printed = {}

    def run(command):
        if command.startswith("systemctl status mailmig@"):  # the person looks when it has run
            wait_for(lambda: len(bare.destination.digests("alice@new.example")) == 25,
                     "the first run", 60)
            machine.wait_for("[ $(systemctl is-active mailmig@alice.service) = inactive ]")
        text = next((text for label, text in typed.items() if command.endswith(label)), "y\n")
        done = machine.run(command, check=False, stdin=text)
        # systemctl status of a unit that is not running at this moment says so by 3.
        inactive = done.rc == 3 and command.startswith("systemctl status mailmig@")
        assert done.rc == 0 or inactive, "%s: exit %d\n%s%s" % (command, *done)
        printed[command] = done.out + done.err

    for block in blocks[:-1]:
        if isinstance(block, readme.File):
            # Written by an editor, which keeps owner and mode.
            machine.path(block.path).write_text(block.text, encoding="utf-8")
        else:
            for command in block.commands:
                run(command)

    assert bare.origin.digests("alice") == bare.destination.digests("alice@new.example")
    assert "active (running)" in printed["systemctl status mailmigd"]
    assert "FAIL" not in printed["mailmigctl check alice"]
    assert "mailmig@alice.timer" in printed["systemctl list-timers 'mailmig@*'"]
    assert "25" in printed["systemctl status mailmig@alice.service"]
    assert "ok" in printed["mailmigctl status"]
    assert "The run of account alice has finished" in printed["journalctl -x MAILMIG_ACCOUNT=alice"]

    for command in blocks[-1].commands:
        run(command)
    left = files(machine) - before
    assert left == set(), sorted(left)
    assert machine.run("getent passwd mailmig", check=False).rc == 0, "the user stays"
    assert machine.out("systemctl list-units --all --plain --no-legend 'mailmig*'") == ""
    assert machine.out("systemctl list-unit-files --no-legend 'mailmig*'", check=False) == ""
    for name in ("mailmigd", "mailmigctl", "mailmig-worker"):
        assert not machine.processes(name)


def test_blocks_are_as_expected():
    """What is read from README.md is all of it: nothing slips through by a changed marker."""
    commands = [c for b in readme.blocks() if isinstance(b, readme.Run) for c in b.commands]
    for start in ("apt install ./mailmig_", "systemctl reload mailmigd",
                  "systemctl enable --now mailmig@alice.timer", "apt purge mailmig"):
        assert any(c.startswith(start) for c in commands), start
    assert [b.path for b in readme.blocks() if isinstance(b, readme.File)] == ["/etc/mailmig.conf"]
    assert os.path.exists(readme.ROOT / "README.md")
