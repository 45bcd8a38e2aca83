# SPDX-License-Identifier: Apache-2.0
"""The first sync and the one after it, between servers of several kinds."""

import contextlib

import pytest

from harness import corpus
from harness.dovecot import Dovecot
from harness.proxy import Proxy

MIB = 1024 * 1024


@pytest.mark.limit(120)
def test_all_kinds_of_mail(make_pair, mm, origin):
    pair = make_pair()
    stored, refused = corpus.fill_all_kinds(origin, pair.user)
    assert stored > 300
    assert len(refused) == 1, refused  # a message of no octets at all
    mm.start()

    done = pair.run()
    assert done["result"] == "ok"
    assert (done["copied"], done["present"], done["skipped"], done["failed"]) == (stored, 0, 0, 0)
    pair.assert_equal()

    before = pair.snapshot()
    done = pair.run()
    assert (done["copied"], done["present"], done["failed"]) == (0, stored, 0)
    assert done["flags_updated"] == 0
    assert pair.snapshot() == before


def test_created_folders_are_subscribed_and_others_follow_the_origin(pair):
    with pair.at_destination() as client:
        client.create("There subscribed at the origin")
        client.create("There not subscribed")
    with pair.at_origin() as client:
        corpus.simple(client, "There subscribed at the origin", 1)
        for folder in ("There not subscribed", "New"):
            client.create(folder)
            client.append(folder, b"Subject: x\r\n\r\nx\r\n")
    pair.run()
    with pair.at_destination() as client:
        assert set(client.subscribed()) - {"INBOX"} == {"There subscribed at the origin", "New"}


SERVERS = {
    "dots-to-sdbox-slash": ({"separator": ".", "prefix": "INBOX."}, {"mail_format": "sdbox"}),
    "sdbox-to-dots": ({"mail_format": "sdbox"}, {"separator": ".", "prefix": "INBOX."}),
    "dots-no-prefix": ({"separator": "."}, {"layout": "fs", "prefix": "Mail/"}),
}


@pytest.mark.limit(120)
@pytest.mark.parametrize("kinds", SERVERS.values(), ids=SERVERS.keys())
def test_between_servers_of_other_kinds(make_pair, mm, ca, kinds):
    with Dovecot(fsync="never", name="origin", ca=ca, users={}, **kinds[0]) as origin, \
            Dovecot(fsync="never", name="destination", ca=ca, users={}, **kinds[1]) as destination:
        pair = make_pair(origin=origin, destination=destination)
        stored, _ = corpus.fill_all_kinds(origin, pair.user, big=MIB, ordinary=3)
        mm.start()
        done = pair.run()
        assert (done["copied"], done["failed"]) == (stored, 0)
        pair.assert_equal()
        before = pair.snapshot()
        assert pair.run()["copied"] == 0
        assert pair.snapshot() == before
        mm.terminate()


# Each server really lacks it: the proxy hides the words and notes whoever uses them all the same.
POOR = {
    "no-literal+": (["LITERAL+"], ["LITERAL+"]),
    "no-multiappend": ([], ["MULTIAPPEND"]),
    "no-uidplus": ([], ["UIDPLUS"]),
    "no-condstore": (["CONDSTORE", "QRESYNC"], ["CONDSTORE", "QRESYNC"]),
    "no-qresync": (["QRESYNC"], ["QRESYNC"]),
    "no-list-status": (["LIST-STATUS"], ["LIST-STATUS"]),
    "nothing": (["LITERAL+", "MULTIAPPEND", "UIDPLUS", "CONDSTORE", "QRESYNC", "LIST-STATUS",
                 "LIST-EXTENDED", "SPECIAL-USE", "ENABLE", "UNSELECT", "ID", "SASL-IR", "ESEARCH",
                 "STATUS=SIZE", "NAMESPACE"],) * 2,
}


@pytest.mark.limit(120)
@pytest.mark.parametrize("lacking", POOR.values(), ids=POOR.keys())
def test_servers_that_lack_things(make_pair, mm, origin, destination, lacking):
    with Proxy(origin, without=lacking[0]) as near, Proxy(destination, without=lacking[1]) as far:
        pair = make_pair(via_origin=near, via_destination=far)
        stored, _ = corpus.fill_all_kinds(origin, pair.user, big=0, ordinary=2)
        mm.start()
        done = pair.run()
        assert (done["copied"], done["failed"]) == (stored, 0)
        pair.assert_equal()
        assert pair.run()["copied"] == 0

        # and what changes later is found without help, too
        with pair.at_origin() as client:
            corpus.simple(client, "Sent", 2, first=5000)
            client.store("Sent", client.messages("Sent")[0].uid, "+FLAGS", "\\Flagged", "later")
            client.store("INBOX", client.messages("INBOX")[0].uid, "FLAGS", "$Other")
        done = pair.run()
        assert done["copied"] == 2
        assert done["flags_updated"] == 2
        pair.assert_equal()
        mm.terminate()
        assert near.violations == []
        assert far.violations == []


def test_many_small_messages_one_by_one(make_pair, mm, origin, destination):
    """More than may be in flight, each in a command of its own."""
    corpus_of = {"INBOX": 150, "Archive": 70}
    with Proxy(destination, without=["MULTIAPPEND"]) as far:
        pair = make_pair(via_destination=far)
        with pair.at_origin() as client:
            for folder, n in corpus_of.items():
                corpus.simple(client, folder, n, size=200)
        mm.start()
        assert pair.run()["copied"] == 220
        pair.assert_equal()
        assert not far.violations


def test_special_use_folders_keep_their_names(make_pair, mm, ca, destination):
    """Role to role is `automap`, a later version: now every name stays as it is."""
    with Dovecot(fsync="never", ca=ca, users={}, special_use={"Gesendet": "\\Sent"}) as origin:
        pair = make_pair(origin=origin)
        with pair.at_origin() as client:
            corpus.simple(client, "Gesendet", 2)
        mm.start()
        pair.run()
        pair.assert_equal()
        mm.terminate()
    assert "Sent" in destination.special_use


def test_an_empty_mailbox(pair):
    done = pair.run()
    assert (done["result"], done["copied"], done["present"]) == ("ok", 0, 0)
    pair.assert_equal()


@pytest.mark.limit(120)
def test_many_folders_at_once(make_pair, mm, origin):
    """More folders than lanes, and more lanes than one."""
    pair = make_pair(limits={"connections": 4})
    with pair.at_origin() as client:
        for i in range(40):
            corpus.simple(client, "F%02d" % i, i % 4, first=i * 10)
    mm.start()
    pair.run()
    pair.assert_equal()


def table_of(plan):
    """The lines before that of the result, which names the run."""
    lines = plan.splitlines()
    table = lines[:next(i for i, line in enumerate(lines) if ": plan in " in line)]
    assert table[0].startswith("  ORIGIN")
    return table


def test_dry_run_changes_nothing(make_pair, mm, origin):
    pair = make_pair()
    stored, _ = corpus.fill_all_kinds(origin, pair.user, big=0, ordinary=1)
    with pair.at_destination() as client:
        corpus.simple(client, "Own", 2)
    mm.start()
    theirs = pair.snapshot()
    with pair.at_origin() as client:
        ours = client.everything()

    got = mm.ctl("plan", pair.account)
    assert got.rc == 0, got
    assert "Отправленные" in got.out
    same = mm.ctl("run", pair.account, "--dry-run")
    assert same.rc == 0, same
    assert table_of(same.out) == table_of(got.out)
    done = pair.run("--dry-run")
    assert done["copied"] == stored
    assert done["dry_run"] is True

    assert pair.snapshot() == theirs
    with pair.at_origin() as client:
        assert client.everything() == ours
    assert pair.run()["copied"] == stored


def test_without_the_daemon(make_pair, mm, origin):
    """run --local: the tool starts the worker itself."""
    pair = make_pair()
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 3)
    mm.write_config()
    got = mm.ctl("run", "--local", pair.account)
    assert got.rc == 0, got
    pair.assert_equal()
    got = mm.ctl("run", "--local", pair.account)
    assert got.rc == 0, got
    pair.assert_equal()


def test_two_accounts_one_job_at_a_time(mm, origin, destination, make_pair):
    """max_jobs = 1: while the first runs there is no second worker."""
    mm.globals["max_jobs"] = 1
    seen = []
    with contextlib.ExitStack() as stack:
        pairs = []
        for name in ("first", "second"):
            far = stack.enter_context(
                Proxy(destination, at_up=(3000, lambda: seen.append(len(mm.workers())))))
            pairs.append(make_pair(user="jobs-" + name, account=name, via_destination=far,
                                   via_origin=stack.enter_context(Proxy(origin))))
            with pairs[-1].at_origin() as client:
                corpus.simple(client, "INBOX", 20)
        mm.start()
        rc, _, _ = mm.run_json("first", "second")
        assert rc == 0
        for pair in pairs:
            pair.assert_equal()
        mm.terminate()
    assert seen == [1, 1]
