# SPDX-License-Identifier: Apache-2.0
"""Ways in: TLS of three kinds, mechanisms, passwords of any octets, an administrator for a user."""

import base64
import re
import shlex

import pytest

from harness import corpus
from harness.dovecot import Dovecot
from harness.scripted import ScriptedServer


def put_one(pair):
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 1)


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
def test_transport(make_pair, mm, tls):
    pair = make_pair(tls=tls)
    put_one(pair)
    mm.start()
    pair.run()
    pair.assert_equal()


def test_cleartext_only_when_allowed(make_pair, mm):
    pair = make_pair(tls="none", server_keys={"allow_cleartext": None})
    put_one(pair)
    mm.write_config()
    got = mm.ctl("run", "--local", pair.account)
    assert got.rc == 3, got
    assert "allow_cleartext" in got.err + got.out
    with pair.at_destination() as client:
        assert client.count("INBOX") == 0


PASSWORDS = {
    "quotes": b'say "hello"',
    "backslash": b"back\\slash\\",
    "blanks": b" leading, and trailing ",
    "brace": b"{5}",
    "percent": b"100%s %n $HOME `id` 'x'",
    "utf-8": "пароль密码".encode(),
    "8-bit": bytes(range(128, 256)),
    "control": b"\x02\x03\x1b\x7f",
    "long": b"x" * 900,
    "star": b"*",
    "nil": b"NIL",
}


@pytest.mark.parametrize("auth", ["plain", "login"])
def test_passwords_of_any_octets(mm, origin, destination, make_pair, auth):
    pairs = []
    for label, password in PASSWORDS.items():
        name = "%s-%s" % (auth, label)
        pairs.append(make_pair(user=name, account=name, password=password,
                               server_keys={"auth": auth}))
        put_one(pairs[-1])
    mm.start()
    mm.run_json(*[p.account for p in pairs])
    failed = {p.account: p.differences() for p in pairs}
    assert {k: v for k, v in failed.items() if v} == {}


WILD = b"\x01\t a\r\nb\xff\"\\{3}"  # what Dovecot itself cannot hold


@pytest.mark.parametrize("auth, line", [
    ("plain", "AUTHENTICATE PLAIN " + base64.b64encode(b"\0joe\0" + WILD).decode()),
    ("login", "LOGIN {3}\r\njoe {%d}\r\n%s" % (len(WILD), WILD.decode("latin-1"))),
])
def test_passwords_nobody_should_have(mm, destination, auth, line):
    """Octet for octet what the file holds, whatever it is."""
    with ScriptedServer("send * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready") as server:
        mm.add_server("origin", server, tls="none", auth=auth)
        mm.add_server("destination", destination)
        mm.add_account("joe", mm.endpoint("origin", "joe", WILD),
                       mm.endpoint("destination", "joe2", WILD))
        mm.start()
        mm.run_json("joe")
        mm.terminate()
        logins = [h.split(" ", 1)[1] for h in server.heard if "joe" in h or "PLAIN" in h]
    # the name may be a literal, a quoted string or an atom
    logins = {re.sub(r'^LOGIN ("joe"|joe) ', "LOGIN {3}\r\njoe ", text) for text in logins}
    assert logins == {line}


@pytest.mark.parametrize("written, code", [(b"secret\n", 0), (b"secret\r\n", 0),
                                           (b"secret\n\n", 5), (b" secret", 5)])
def test_one_newline_of_a_secret_file_is_cut(make_pair, mm, written, code):
    pair = make_pair(origin_keys={"secret": written})
    put_one(pair)
    mm.start()
    pair.run(rc=code)


def test_password_command(make_pair, mm, user):
    secret = 'from "a" command \\ with $signs'
    keys = {"password_command": "printf '%%s\\n' %s" % shlex.quote(secret)}
    pair = make_pair(password=secret, origin_keys=keys, destination_keys=keys)
    put_one(pair)
    mm.start()
    pair.run()
    pair.assert_equal()


def test_administrator_for_a_user(make_pair, mm, ca, destination):
    """SASL PLAIN with an authorisation identity: the user's own password is not known."""
    with Dovecot(fsync="never", ca=ca, users={}, masters={"boss": b"master \"key\""}) as origin:
        pair = make_pair(origin=origin, origin_keys={"secret": None})
        put_one(pair)
        server = next(s for s in mm.servers if s["name"] == "origin")
        server["admin_user"] = "boss"
        server["password_file"] = mm.secret("boss", b"master \"key\"\n")
        mm.start()
        pair.run()
        pair.assert_equal()
        mm.terminate()


@pytest.mark.parametrize("mode", [0o644, 0o602])
def test_secret_file_open_to_others(make_pair, mm, mode):
    pair = make_pair(origin_keys={"password_file": None})
    path = mm.secret("open", "secret", mode)
    mm.accounts[0]["origin"]["password_file"] = path
    put_one(pair)
    mm.start()
    done = pair.run(rc=3)
    assert path in done["errors"][0]["text"]
    assert "chmod" in done["errors"][0]["text"] + done["errors"][0]["advice"]
    with pair.at_destination() as client:
        assert client.count("INBOX") == 0
    mm.secret("open", "secret", 0o600)
    pair.run()
    pair.assert_equal()
