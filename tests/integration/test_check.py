# SPDX-License-Identifier: Apache-2.0
"""mailmigctl check: real servers, every fault with the command that mends it."""

import json
import os
import re
import socket

import pytest

from harness import certs, corpus, scratch
from harness.checks import broken, check, tree
from harness.dovecot import Dovecot

QUOTA = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=64K
  quota_rule2 = *:messages=1000
}
"""


ONLINE = ["%s %s" % (side, item) for side in ("origin", "destination")
          for item in ("secret", "name", "connection", "TLS", "login", "capabilities", "mailbox")]


# ---- all is well ----

def test_everything_is_looked_at(pair):
    with pair.at_origin() as client:
        client.create("Archive")
        corpus.simple(client, "Archive", 1)
    found = check(pair.mm, pair.account)
    assert found.rc == 0 and found.err == ""
    assert found.items(pair.account) == ONLINE + ["folder map", "destination quota", "disk",
                                                  "last good run"]
    assert found.not_ok() == [("warn", pair.account, "last good run")]
    # A machine without /etc/hosts has ::1 before it.
    for item, words in (("origin name", "localhost is "), ("origin name", "127.0.0.1"),
                        ("origin TLS", "TLSv1.3"), ("origin TLS", "CN=localhost, 29 days left"),
                        ("origin capabilities", "CONDSTORE, LIST-STATUS"),
                        ("destination capabilities", "UIDPLUS, MULTIAPPEND, LITERAL+"),
                        ("origin mailbox", "1 message, "), ("destination mailbox", "0 messages"),
                        ("folder map", "1 to be created"), ("disk", "min_free is 1.0 MiB")):
        assert words in found.line(pair.account, item)[1]

    pair.run()
    found = check(pair.mm, pair.account)
    assert found.rc == 0 and found.not_ok() == []
    assert "ago" in found.line(pair.account, "last good run")[1]


def test_nothing_is_written(pair):
    with pair.at_origin() as client:
        client.create("Archive")
        corpus.simple(client, "INBOX", 1)
    pair.run()
    with pair.at_origin() as client:
        client.create("Later")
        corpus.simple(client, "Later", 1)
    before = pair.snapshot(), tree(pair.mm.state)
    with pair.at_origin() as client:
        origin = client.everything(), client.subscribed()
    assert check(pair.mm).rc == 0
    assert (pair.snapshot(), tree(pair.mm.state)) == before
    with pair.at_origin() as client:
        assert (client.everything(), client.subscribed()) == origin


def test_without_names_the_service_and_all_accounts_in_order(make_pair, mm):
    names = ["c", "a", "b", "e", "d", "f"]
    for name in names:
        make_pair(account=name)
    mm.start()
    found = check(mm)
    assert found.rc == 0
    order = list(dict.fromkeys(a for _, a, _, _ in found.lines))
    assert order == ["-"] + names
    assert found.items("-") == ["configuration", "daemon", "state directory", "leftovers", "disk"]
    assert "6 accounts" in found.line("-", "configuration")[1]
    # Of those named in the order of naming, and nothing of the service.
    found = check(mm, "f", "b")
    assert list(dict.fromkeys(a for _, a, _, _ in found.lines)) == ["f", "b"]
    assert check(mm, "--all").items("d") == found.items("b")


def test_json(pair):
    got = pair.mm.ctl("--json", "check")
    events = [json.loads(line) for line in got.out.splitlines()]
    done = events.pop()
    assert {e["event"] for e in events} == {"check"}
    assert [e["account"] for e in events][:1] + [events[-1]["account"]] == [None, pair.account]
    assert done == {"event": "done", "exit_code": 0, "fail": 0, "warn": 1, "ok": len(events) - 1}
    login = next(e for e in events if (e["side"], e["item"]) == ("origin", "login"))
    assert login == {**login, "result": "ok", "exit_code": 0, "text": "as " + pair.user, "advice": ""}


def test_quiet_tells_only_what_is_not_well(pair):
    found = check(pair.mm, "-q")
    assert [i for _, _, i, _ in found.lines] == ["last good run"]


def test_a_run_at_the_same_time(pair):
    """No lock is taken, no queue waited in."""
    held = os.path.join(pair.mm.state, "accounts")
    pair.run()
    assert os.path.isdir(held)
    fd = os.open(os.path.join(held, pair.account + ".lock"), os.O_RDWR)
    try:
        os.lockf(fd, os.F_LOCK, 0)
        assert check(pair.mm, pair.account).rc == 0
    finally:
        os.close(fd)


# ---- servers that are not as they should be ----

def test_wrong_password(make_pair):
    pair = make_pair(destination_keys={"secret": "wrong"})
    found = broken(pair, "destination login", 5, "AUTHENTICATIONFAILED", "install -o root -m 600", "secrets/")
    # What could be seen without it was seen.
    assert found.line(pair.account, "destination TLS")[0] == "ok"
    assert found.line(pair.account, "origin mailbox")[0] == "ok"


def test_unknown_host(make_pair):
    pair = make_pair(server_keys={"host": "no.such.host.invalid"})
    pair.mm.start()
    found = check(pair.mm, pair.account)
    assert found.rc == 6
    for side in ("origin", "destination"):
        assert found.line(pair.account, side + " name") == (
            "FAIL", found.line(pair.account, side + " name")[1])
        assert "getent ahosts no.such.host.invalid" in found.line(pair.account, side + " name")[1]
    assert "origin connection" not in found.items(pair.account)


def test_refused_port(make_pair, mm):
    pair = make_pair()
    with socket.socket() as s:  # bound, and nobody listens: no one else can
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        mm.servers[1]["port"] = port
        broken(pair, "destination connection", 6, "Connection refused",
               "openssl s_client -connect localhost:%d" % port)


def test_dead_host_costs_its_time_once(make_pair, mm):
    """One connection is tried, and nothing more of that server."""
    pair = make_pair()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(8)
        mm.servers[0].update(port=s.getsockname()[1], timeout="1s")
        broken(pair, "origin connection", 6, "no answer for", "openssl s_client")
        s.settimeout(10)
        s.accept()[0].close()
        s.setblocking(False)
        with pytest.raises(BlockingIOError):
            s.accept()


@pytest.mark.parametrize("kind, words", [
    ("expired", ["expired", "openssl x509"]),
    ("wrong_host", ["localhost", "openssl s_client -connect localhost:"]),
])
def test_bad_certificate(make_pair, ca, user, kind, words):
    with Dovecot(users={user: "secret"}, ca=ca, cert=getattr(ca, kind)(), fsync="never") as server:
        broken(make_pair(destination=server), "destination TLS", 6, "have the certificate renewed",
               *words)


def test_certificate_of_a_foreign_authority(make_pair, mm):
    path = scratch.directory()
    try:
        pair = make_pair()
        mm.servers[0]["tls_ca"] = certs.CA(os.path.join(path, "other")).file
        broken(pair, "origin TLS", 6, "tls_ca", "tls_fingerprint", "-fingerprint -sha256")
    finally:
        scratch.remove(path)


def test_certificate_near_its_end(make_pair, ca, user):
    soon = ca.issue("soon", days=(-1, 5))
    with Dovecot(users={user: "secret"}, ca=ca, cert=soon, fsync="never") as server:
        pair = make_pair(destination=server)
        pair.mm.start()
        found = check(pair.mm, pair.account)
        assert found.rc == 0
        result, text = found.line(pair.account, "destination TLS")
        assert result == "warn" and "4 days left" in text and "openssl x509" in text


def test_certificate_not_checked(make_pair):
    pair = make_pair(server_keys={"tls_verify": False, "tls_ca": None})
    pair.mm.start()
    found = check(pair.mm, pair.account)
    assert found.rc == 0
    result, text = found.line(pair.account, "origin TLS")
    assert result == "warn" and re.search(r'tls_fingerprint = "[0-9a-f]{64}"', text)


def test_starttls(make_pair):
    pair = make_pair(tls="starttls")
    pair.mm.start()
    found = check(pair.mm, pair.account)
    assert found.rc == 0
    assert "TLSv1.3, certificate CN=localhost, 29 days left" in \
        found.line(pair.account, "origin TLS")[1]


def test_pinned_certificate(make_pair, mm):
    pair = make_pair(server_keys={"tls_ca": None})
    mm.servers[0].update(tls_fingerprint="ab" * 32)
    mm.servers[1].update(tls_verify=False)
    found = broken(pair, "origin TLS", 6, "is not the pinned", "-fingerprint -sha256")
    pin = re.search(r'tls_fingerprint = "(\w+)"', found.line(pair.account, "destination TLS")[1])
    mm.servers[1].update(tls_fingerprint=pin.group(1))
    mm.write_config()
    mm.ctl("reload")
    result, text = check(mm, pair.account).line(pair.account, "destination TLS")
    assert result == "ok" and text.endswith(", pinned")


def test_no_tls(make_pair):
    pair = make_pair(tls="none")
    pair.mm.start()
    found = check(pair.mm, pair.account)
    assert found.rc == 0
    assert found.line(pair.account, "origin TLS")[0] == "warn"


def test_capabilities_that_are_missing(make_pair, ca, user):
    keys = {"users": {user: "secret"}, "ca": ca, "fsync": "never",
            "without": ("UIDPLUS", "CONDSTORE", "QRESYNC", "STATUS=SIZE")}
    with Dovecot(**keys) as origin, Dovecot(**keys) as destination:
        pair = make_pair(origin=origin, destination=destination)
        with pair.at_origin() as client:
            corpus.simple(client, "New", 1)
            size = len(client.body("New", 1))
        pair.mm.start()
        found = check(pair.mm, pair.account)
        assert found.rc == 0
        assert "without CONDSTORE: flags of all messages are read in every run" in \
            found.line(pair.account, "origin capabilities")[1]
        assert found.line(pair.account, "destination capabilities")[0] == "warn"
        # The size was asked for message by message.
        assert "2 folders, 1 message, %d B" % size in found.line(pair.account, "origin mailbox")[1]
        with pair.at_origin() as client:  # not selected either: that would end \\Recent
            assert client.imap.status("New", "(RECENT)")[1] == [b"New (RECENT 1)"]


# ---- room ----

@pytest.fixture
def small(ca, user):
    with Dovecot(users={user: "secret"}, ca=ca, fsync="never", extra=QUOTA) as server:
        yield server


def test_quota_with_room(make_pair, small):
    pair = make_pair(destination=small)
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 1)
    pair.mm.start()
    found = check(pair.mm, pair.account)
    assert found.rc == 0
    assert found.line(pair.account, "destination quota")[0] == "ok"
    assert "0 B of 64.0 KiB used" in found.line(pair.account, "destination quota")[1]


def test_quota_without_room(make_pair, small):
    pair = make_pair(destination=small)
    with pair.at_origin() as client:
        for _ in range(3):
            client.append("INBOX", b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" * 20000)
    found = broken(pair, "destination quota", 8, "of 64.0 KiB used", "doveadm quota get -u")
    assert "KiB to be copied" in found.line(pair.account, "destination quota")[1]


def test_quota_with_rules(make_pair, small):
    """Of what rules choose nobody knows how much it is before it was looked at."""
    pair = make_pair(destination=small, messages={"max_size": "10KiB"})
    with pair.at_origin() as client:
        client.append("INBOX", b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" * 60000)
    pair.mm.start()
    found = check(pair.mm, pair.account)
    assert found.rc == 0
    assert found.line(pair.account, "destination quota")[0] == "warn"
    assert "up to 117.3 KiB to be copied" in found.line(pair.account, "destination quota")[1]


def test_low_disk(make_pair, mm):
    pair = make_pair()
    mm.globals["min_free"] = "900TiB"
    found = broken(pair, "disk", 8, "min_free is 900.0 TiB", "lower min_free", "du -xh")
    assert found.line(pair.account, "destination login")[0] == "ok"
    assert check(mm).line("-", "disk")[0] == "FAIL"


def test_folder_that_may_not_be_created(make_pair):
    pair = make_pair(folders={"create": False})
    with pair.at_origin() as client:
        client.create("Archive")
    pair.mm.start()
    found = check(pair.mm, pair.account)
    assert found.rc == 0
    result, text = found.line(pair.account, "folder map")
    assert result == "warn" and "1 missing" in text and "mailmigctl plan " + pair.account in text
