# SPDX-License-Identifier: Apache-2.0
"""Groups: accounts from a CSV file, run, shown, paused and scheduled under one name."""

import json
import os
import subprocess

import pytest

from daemon_rig import make  # noqa: F401  pylint: disable=unused-import
from harness.imapclient import Client
from harness.mailmig import Mailmig, program

HEADER = "origin_user,origin_password,destination_user,destination_password,name\n"


def group(name, path, **keys):
    return {"name": name, "accounts_file": path, "origin": {"server": "origin"},
            "destination": {"server": "destination"}, **keys}


def by_name(status):
    return {a["name"]: a for a in status["accounts"]}


# ---- with real servers ----

@pytest.fixture(name="office")
def make_office(origin, destination):
    """Three mailboxes on two servers and a group of them; the password of "bad" is wrong."""
    mm = Mailmig()
    mm.add_server("origin", origin)
    mm.add_server("destination", destination)
    rows = HEADER
    for user in ("anna", "bad", "carl"):
        if user not in origin.users:
            origin.add_user(user, 'pass "word", é')
            destination.add_user(user, "new")
        with Client(origin, user) as client:
            client.append("INBOX", b"Subject: of %s\r\n\r\nhello\r\n" % user.encode())
        password = "wrong" if user == "bad" else 'pass ""word"", é'
        rows += '%s,"%s",%s,new,\r\n' % (user, password, user)
    path = mm.secret("office.csv", "\ufeff" + rows)
    mm.globals["groups"] = [group("office", path, folders={"subscribe": False})]
    mm.start()
    yield mm, origin, destination, path
    mm.stop()


def counts(server, user):
    with Client(server, user) as client:
        return client.counts().get("INBOX", 0)


def test_run_all_members(office):
    mm, _, destination, path = office
    done = mm.ctl("run", "office")
    assert done.rc == 5, done
    assert [counts(destination, u) for u in ("anna", "bad", "carl")] == [1, 0, 1]

    status = by_name(json.loads(mm.ctl("status", "office", "--json").out))
    assert list(status) == ["office/anna", "office/bad", "office/carl"]
    assert all(a["group"] == "office" for a in status.values())
    assert [a["last_run"]["exit_code"] for a in status.values()] == [0, 5, 0]
    directory = os.path.join(mm.state, "accounts", "office")
    assert os.stat(directory).st_mode & 0o777 == 0o700
    assert {"anna.db", "bad.lock", "carl.db"} <= set(os.listdir(directory))

    # One of them by its own name; then the password is mended, and a reload reads the file.
    assert mm.ctl("run", "office/anna").rc == 0
    assert mm.ctl("run", "--all").rc == 5
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace('"wrong"', '"pass ""word"", é"').replace("carl", "nobody"))
    assert "3 accounts" in mm.ctl("reload").out
    assert list(by_name(json.loads(mm.ctl("status", "--json").out))) == [
        "office/anna", "office/bad", "office/nobody"]
    assert mm.ctl("run", "office/bad").rc == 0
    assert counts(destination, "bad") == 1
    assert mm.ctl("run", "office").rc == 5  # nobody


def test_check_and_plan(office):
    mm = office[0]
    done = mm.ctl("check", "office", "--json")
    assert done.rc == 5, done
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert {line["account"] for line in lines[:-1]} == {
        "office/anna", "office/bad", "office/carl"}

    refused = mm.ctl("plan", "office")
    assert refused.rc == 2 and "group" in refused.err and "GROUP/NAME" in refused.err
    assert mm.ctl("plan", "office/anna").rc == 0
    local = mm.ctl("--config", mm.config, "run", "--local", "office")
    assert local.rc == 3 and "office/anna" in local.err
    assert mm.ctl("--config", mm.config, "run", "--local", "office/anna").rc == 0
    offline = mm.ctl("--config", mm.config, "check", "--offline", "office")
    assert all(name in offline.out for name in ("office/anna", "office/bad", "office/carl"))


# ---- with workers on strings ----

def write_csv(daemon, *users, mode=0o600):
    path = os.path.join(os.path.dirname(daemon.config), "g.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("origin_user,origin_password,destination_user,destination_password\n")
        f.writelines("%s,p,to-%s,p\n" % (u, u) for u in users)
    os.chmod(path, mode)
    return path


def write_group(daemon, *users, more="", mode=0o600):
    write_csv(daemon, *users, mode=mode)
    daemon.write_config(["single"], extra=(
        'groups = ( { name = "g"; accounts_file = "g.csv"; %s '
        'origin = { server = "old"; }; destination = { server = "new"; }; } );\n' % more))


@pytest.fixture(name="three")
def make_three(make):  # noqa: F811
    daemon = make(["single"])
    write_group(daemon, "x", "y", "z")
    return daemon.start()


def ctl(daemon, *args):
    return subprocess.run([program("mailmigctl"), "--socket", daemon.socket, *args], check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_group_takes_what_an_account_takes(three):
    """--all, names twice, join, cancel, pause and resume."""
    with three.client() as c, three.client() as other:
        runs = c.follow(accounts=["g", "g/y"])
        assert [r["account"] for r in runs] == ["g/x", "g/y", "g/z"]
        workers = {w.job["account"]: w for w in (three.worker(), three.worker(), three.worker())}
        assert other.follow(accounts=["g/y"])[0]["run"] == runs[1]["run"]
        queued = three.client().call("Run", accounts=["g"])  # what runs is joined
        assert queued["parameters"]["runs"] == runs

        assert three.client().call("Pause", account="g")["parameters"] == {"ending": True}
        for worker in workers.values():
            assert worker.take() == {"cancel": True}
            worker.done("cancelled", 9)
        assert c.until_done()[1]["exit_code"] == 9

    states = {n: a["state"] for n, a in by_name(three.status()).items()}
    assert states == {"single": "never-run", "g/x": "paused", "g/y": "paused", "g/z": "paused"}
    with three.client() as c:
        assert c.call("Run", accounts=["g"])["error"].endswith(".AccountPaused")
        assert not c.call("Resume", account="g/y").get("error")
        assert [r["account"] for r in c.call("Run", accounts=["g"])["parameters"]["runs"]] == ["g/y"]
        worker = three.worker()
        assert not c.call("Cancel", account="g").get("error")
        assert worker.take() == {"cancel": True}
        worker.done("cancelled", 9)
    unknown = three.client().call("Run", accounts=["h"])
    assert unknown["parameters"]["have"] == ["single", "g"]


def test_errors_change_nothing(three):
    write_group(three, "x", "y", "x")
    refused = ctl(three, "reload")
    assert refused.returncode == 3
    assert "g.csv:4: member \"x\" is there already (line 2)" in refused.stderr
    write_group(three, "x", mode=0o604)
    refused = ctl(three, "reload")
    assert refused.returncode == 3 and "chmod 0600 %s" % write_csv(three) in refused.stderr
    assert list(by_name(three.status())) == ["single", "g/x", "g/y", "g/z"]


def test_members_have_no_timer(three):
    for verb in ("enable", "disable"):
        refused = ctl(three, verb, "g/x")
        assert refused.returncode == 2 and "mailmigctl %s g\n" % verb in refused.stderr
    assert "g is a group" in ctl(three, "log", "g").stderr
    words = ctl(three, "--complete", "accounts", "run").stdout
    assert [line.split("\t")[0] for line in words.splitlines()] == [
        "single", "g", "g/x", "g/y", "g/z"]
