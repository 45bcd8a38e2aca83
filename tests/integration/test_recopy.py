# SPDX-License-Identifier: Apache-2.0
"""What was deleted at the destination stays deleted, or is copied again (recopy_deleted)."""

import glob
import os

import pytest

from harness import corpus
from harness.changes import delete, renumber
from harness.imapclient import quoted
from harness.proxy import Proxy
from harness.quirky import Quirky, Script


def uids(client, folder):
    return [m.uid for m in client.messages(folder)]


def expunge(client, folder, which):
    for uid in which:
        client.expunge(folder, uid)


def fill(pair, inbox=30, other=10):
    with pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", inbox)
        corpus.simple(ours, "Other", other, first=1000)


def delete_there(pair, folder="INBOX", which=slice(2, 4)):
    with pair.at_destination() as theirs:
        expunge(theirs, folder, uids(theirs, folder)[which])


@pytest.fixture(params=["full", "no-condstore", "no-uidplus"])
def recopying(request, make_pair, mm, origin, destination):
    lacking = {"full": [], "no-condstore": ["CONDSTORE", "QRESYNC"],
               "no-uidplus": ["UIDPLUS"]}[request.param]
    near, far = Proxy(origin, without=lacking), Proxy(destination, without=lacking)
    request.addfinalizer(far.stop)
    request.addfinalizer(near.stop)
    made = make_pair(recopy_deleted=True, via_origin=near, via_destination=far)
    mm.start()
    yield made
    mm.terminate()


def test_copied_again(recopying, mm):
    fill(recopying)
    recopying.run()
    for _ in range(2):  # nothing to do: nothing is copied
        assert recopying.run()["copied"] == 0
    delete_there(recopying)
    delete_there(recopying, "Other", slice(0, 1))
    assert recopying.run("--dry-run")["copied"] == 3
    done = recopying.run()
    assert (done["copied"], done["failed"]) == (3, 0)
    recopying.assert_equal(order=False)
    for _ in range(2):
        assert recopying.run()["copied"] == 0
    recopying.assert_equal(order=False)


def test_only_what_the_origin_has(recopying):
    """What is gone on both sides is; what comes and goes at once is seen."""
    fill(recopying)
    recopying.run()
    with recopying.at_origin() as ours, recopying.at_destination() as theirs:
        expunge(ours, "INBOX", uids(ours, "INBOX")[5:6])
        expunge(theirs, "INBOX", uids(theirs, "INBOX")[5:7])
        corpus.simple(theirs, "INBOX", 2, first=5000)  # of their own
        corpus.simple(ours, "INBOX", 1, first=6000)
    assert recopying.run()["copied"] == 2
    with recopying.at_origin() as ours, recopying.at_destination() as theirs:
        there = [m.sha256 for m in theirs.messages("INBOX")]
        assert {m.sha256 for m in ours.messages("INBOX")} <= set(there)
        assert len(there) == len(set(there)) == 30 + 2
    assert recopying.run()["copied"] == 0


def test_folders_without_changes_cost_nothing(make_pair, mm):
    pair = make_pair(recopy_deleted=True)
    fill(pair)
    mm.start()
    pair.run()
    for _ in range(2):
        _, events, done = mm.run_json(pair.account)
        assert done["copied"] == 0
        assert all(e["unchanged"] for e in events if e["event"] == "folder")


def test_brake(recopying):
    """A destination that has lost much is a person's to look at."""
    fill(recopying)
    recopying.run()
    delete_there(recopying, which=slice(0, 8))
    delete_there(recopying, "Other", slice(0, 10))
    with recopying.at_origin() as ours:
        corpus.simple(ours, "INBOX", 1, first=6000)
    done = recopying.run(rc=8)
    assert done["copied"] == 1
    told = sorted(e["text"] for e in done["errors"])
    assert told == ["10 of 10 messages are gone at the destination; they were not copied again",
                    "8 of 30 messages are gone at the destination; they were not copied again"]
    assert "--confirm-deletes" in done["errors"][0]["advice"]
    done = recopying.run("--confirm-deletes")
    assert done["copied"] == 18
    recopying.assert_equal(order=False)


LIES = {
    "lists nothing and says so":
        (["edit ^\\* \\d+ EXISTS => * 0 EXISTS", "edit MESSAGES \\d+ => MESSAGES 0",
          "on UID FETCH 1:\\*", "edit ^\\* .*$ =>", "pass"], 8),
    "seems empty in the list": (["edit MESSAGES \\d+ => MESSAGES 0"], 0),
    "lists nothing": (["edit ^\\* 30 EXISTS => * 29 EXISTS", "edit MESSAGES 30 => MESSAGES 29",
                       "on UID FETCH 1:\\*", "edit ^\\* .*$ =>", "pass"], 1),
    "hides two and says so":
        (["edit ^\\* 30 EXISTS => * 28 EXISTS", "edit MESSAGES 30 => MESSAGES 28",
          "on UID FETCH 1:\\*", "edit ^\\* \\d+ FETCH .*UID (7|8) .*$ =>", "pass"], 0),
    "hides two wherever it is asked":
        (["edit ^\\* 30 EXISTS => * 28 EXISTS", "edit MESSAGES 30 => MESSAGES 28",
          "on UID FETCH [1-8][:,].*\\(UID FLAGS\\)",
          "edit ^\\* \\d+ FETCH .*UID (7|8) .*$ =>", "pass"], 0),
}


@pytest.mark.parametrize("name", LIES)
def test_a_destination_that_hides_messages(make_pair, mm, destination, name):
    """What is there after all is not doubled."""
    script, code = LIES[name]
    far = Quirky(destination, Script([]))
    try:
        pair = make_pair(recopy_deleted=True, via_destination=far, limits={"connections": 1})
        fill(pair)
        mm.start()
        pair.run()
        before = pair.snapshot()
        far.script = Script(script)
        assert pair.run(rc=code)["copied"] == 0
        assert pair.snapshot() == before
        far.script = Script([])
        assert pair.run()["copied"] == 0
        assert pair.snapshot() == before
    finally:
        far.stop()


def test_stays_deleted_unless_asked(make_pair, mm):
    """The default; switched on later, what was deleted before is copied again."""
    pair = make_pair()
    fill(pair)
    mm.start()
    pair.run()
    delete_there(pair)
    with pair.at_destination() as theirs:  # moved there is deleted here
        theirs.create("Mine")
        theirs.select("INBOX")
        theirs.command("UID", "MOVE", "9", quoted(theirs.raw_name("Mine")), responses="EXPUNGE")
    assert pair.run()["copied"] == 0
    with pair.at_origin() as ours:
        corpus.simple(ours, "INBOX", 1, first=6000)
    assert pair.run()["copied"] == 1
    with pair.at_destination() as theirs:
        assert theirs.count("INBOX") == 28
    mm.accounts[0]["recopy_deleted"] = True
    mm.write_config()
    assert mm.ctl("reload").rc == 0
    assert pair.run()["copied"] == 3
    with pair.at_destination() as theirs:
        assert (theirs.count("INBOX"), theirs.count("Mine")) == (31, 1)
    assert pair.run()["copied"] == 0


def test_lost_state_and_new_folders_copy_again(make_pair, mm):
    """Nobody remembers what was deleted there: it is copied again."""
    pair = make_pair()
    fill(pair)
    mm.start()
    pair.run()
    delete_there(pair)
    for path in glob.glob(os.path.join(mm.state, "accounts", pair.account + ".db*")):
        os.unlink(path)
    assert pair.run()["copied"] == 2
    delete_there(pair, "Other", slice(0, 2))
    with pair.at_destination() as theirs:
        renumber(theirs, "Other")
    assert pair.run()["copied"] == 2
    with pair.at_destination() as theirs:
        delete(theirs, "Other")
    assert pair.run()["copied"] == 10
    pair.assert_equal(order=False)


def test_both_keys(make_pair, mm):
    """The origin decides: what it has is there, what it has not is not."""
    pair = make_pair(recopy_deleted=True, propagate_deletes=True)
    fill(pair)
    mm.start()
    pair.run()
    with pair.at_origin() as ours, pair.at_destination() as theirs:
        o, d = uids(ours, "INBOX"), uids(theirs, "INBOX")
        expunge(ours, "INBOX", o[0:2])
        expunge(theirs, "INBOX", d[1:4])
    done = pair.run()
    assert (done["copied"], done["deleted"]) == (2, 1)
    pair.assert_equal(order=False)
    _, events, done = mm.run_json(pair.account)
    assert (done["copied"], done["deleted"]) == (0, 0)
    _, events, done = mm.run_json(pair.account)
    assert all(e["unchanged"] for e in events if e["event"] == "folder")
