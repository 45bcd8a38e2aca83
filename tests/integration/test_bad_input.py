# SPDX-License-Identifier: Apache-2.0
"""What goes wrong outside: each ends in one clear line that says what, where and what to do, in
the exit code of the contract, and in a state from which the next run goes on."""

import hashlib
import os
import socket
import ssl
import subprocess

import pytest

from daemon_rig import eventually
from harness import certs, corpus, scratch
from harness.dovecot import Dovecot
from harness.mailmig import program
from harness.scripted import ScriptedServer

CONTROLS = set(map(chr, range(32))) | {"\x7f"}


def assert_clear(done, *words):
    """The first error: one line with every word, and advice."""
    assert done["errors"], done
    error = done["errors"][0]
    assert error["text"] and not CONTROLS & set(error["text"])
    for word in words:
        assert str(word).lower() in error["text"].lower(), error
    assert error["advice"] and not CONTROLS & set(error["advice"]), error
    return error


def assert_said_once(pair, text, rc):
    """People see the same: the line once, in their output too, after those of the attempts."""
    got = pair.mm.ctl("run", pair.account)
    assert got.rc == rc, got
    lines = [line for line in (got.out + got.err).splitlines() if text in line]
    lines = [line for line in lines if not line.endswith("; connecting again")]
    assert len(lines) == 1, (got, text)


@pytest.fixture
def filled(make_pair):
    """Makes a pair with three messages at the origin."""
    def make(**keys):
        pair = make_pair(**keys)
        with pair.at_origin() as client:
            corpus.simple(client, "INBOX", 2)
            corpus.simple(client, "Sent", 1, first=10)
        return pair

    return make


def entry(pair, name):
    return next(s for s in pair.mm.servers if s["name"] == name)


def mend(pair, **keys):
    """Other keys for the origin's server entry (None takes one away), and a run that goes well."""
    server = entry(pair, "origin")
    server.update(keys)
    for key in [k for k, v in server.items() if v is None]:
        del server[key]
    pair.mm.write_config()
    got = pair.mm.ctl("reload")
    assert got.rc == 0, got
    pair.run()
    pair.assert_equal()


@pytest.mark.parametrize("side", ["origin", "destination"])
def test_wrong_password(filled, mm, side):
    pair = filled(**{side + "_keys": {"secret": "not the password"}})
    mm.start()
    error = assert_clear(pair.run(rc=5), side, pair.user)
    assert error["class"] == "login"
    assert "not the password" not in mm.log()
    assert_said_once(pair, error["text"], 5)
    path = mm.accounts[0][side]["password_file"]
    with open(path, "w", encoding="ascii") as out:
        out.write("secret")
    pair.run()
    pair.assert_equal()


def test_password_changed_between_runs(filled, mm, origin):
    pair = filled()
    mm.start()
    pair.run()
    origin.set_password(pair.user, "a new one")
    assert_clear(pair.run(rc=5), "origin")
    origin.set_password(pair.user, "secret")
    assert pair.run()["copied"] == 0


def test_unknown_host(filled, mm, origin):
    pair = filled()
    entry(pair, "origin")["host"] = "no-such-host.invalid"
    mm.start()
    error = assert_clear(pair.run(rc=6), "no-such-host.invalid")
    assert error["class"] == "connect"
    assert_said_once(pair, error["text"], 6)
    mend(pair, host=origin.host)


def test_refused_port(filled, mm, origin):
    pair = filled()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    entry(pair, "origin")["port"] = port
    mm.start()
    error = assert_clear(pair.run(rc=6), port)
    assert_said_once(pair, error["text"], 6)
    mend(pair, port=origin.tls_port)


def foreign(_):
    """((certificate, key), directory to remove): of an authority nobody knows."""
    path = scratch.directory()
    os.chmod(path, 0o755)
    return certs.CA(path, "somebody else's CA").valid(), path


CERTIFICATES = {
    "expired": (lambda ca: (ca.expired(), None), "expired"),
    "other host": (lambda ca: (ca.wrong_host(), None), "localhost"),
    "foreign": (foreign, "certificate"),
}


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("kind", CERTIFICATES.keys())
def test_certificates(filled, mm, ca, kind, tls):
    make, word = CERTIFICATES[kind]
    cert, path = make(ca)
    try:
        with Dovecot(fsync="never", name="origin", ca=ca, cert=cert, users={}) as origin:
            pair = filled(origin=origin, tls=tls)
            mm.start()
            # the client that filled it has logged in; the server writes that down in its own time
            eventually(lambda: "Login:" in origin.log(), "a login in the server's log")
            logins = origin.log().count("Login:")
            error = assert_clear(pair.run(rc=6), word)
            assert error["class"] == "connect"
            assert origin.log().count("Login:") == logins
            if tls == "implicit":
                assert_said_once(pair, error["text"], 6)
            # an administrator who knows what he does
            mend(pair, tls_verify=False)
            mm.terminate()
    finally:
        if path:
            scratch.remove(path)


def test_pinned_certificate(filled, mm, ca):
    """tls_fingerprint: the right one is enough without an authority, a wrong one is refused."""
    cert, path = foreign(ca)
    try:
        with Dovecot(fsync="never", name="origin", ca=ca, cert=cert, users={}) as origin:
            pair = filled(origin=origin)
            server = entry(pair, "origin")
            server["tls_fingerprint"] = "00" * 32
            server.pop("tls_ca")
            mm.start()
            assert_clear(pair.run(rc=6), "pinned", "0" * 64)
            with open(cert[0], encoding="ascii") as f:
                der = ssl.PEM_cert_to_DER_cert(f.read())
            mend(pair, tls_fingerprint=hashlib.sha256(der).hexdigest())
            mm.terminate()
    finally:
        scratch.remove(path)


def test_tls_where_there_is_none(filled, mm, origin):
    """Implicit TLS on a port that greets in clear: ends soon, and says so."""
    pair = filled()
    entry(pair, "origin")["port"] = origin.port
    mm.start()
    assert_clear(pair.run(rc=6), origin.port)
    mend(pair, port=origin.tls_port)


# ---- servers that misbehave: (dialogue, exit codes, words) ----

OK = "send * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS NAMESPACE] ready\n"
LOGIN = OK + "on LOGIN|AUTHENTICATE\n"
LIST = OK + "on LIST\n"
ANY = OK + "on (LIST|STATUS|SELECT|EXAMINE|NAMESPACE)\n"
LATE = OK + "on (LIST|STATUS|SELECT|EXAMINE)\n"
SERVERS = {
    "bye as greeting": ("send * BYE too many connections from you\nclose", (6,),
                        ["too many connections"]),
    "nonsense as greeting": ("send SSH-2.0-OpenSSH_9.2p1\nclose", (6,), []),
    "half a greeting": ("raw * OK rea\nclose", (6,), []),
    "silence as greeting": ("silence", (6, 9), []),
    "closed at once": ("close", (6,), []),
    "reset at once": ("drop", (6,), []),
    "silence at login": (LOGIN + "silence", (6, 9), []),
    "bye at login": (LOGIN + "send * BYE closing down\nclose", (5, 6), ["closing down"]),
    "login unavailable": (LOGIN + "send $tag NO [UNAVAILABLE] try later", (5, 6), ["try later"]),
    "half an answer": (LIST + "raw * LIST () \"/\" INB\nsilence", (6, 9), []),
    "dropped in an answer": (LIST + "raw * LIST () \"/\" INB\ndrop", (6,), []),
    "nonsense as an answer": (LIST + "send * LIST )(\nsend $tag OK done", (1, 6), []),
    "endless line": (LIST + "raw * LIST () \"/\" \"\nrepeat 300000000 a\nsilence", (1, 6), []),
    "endless answer": (LIST + "repeat 20000000 * LIST () \"/\" x\\r\\n\nsilence", (1, 6), []),
    "huge literal": (LIST + "send * LIST () \"/\" {4294967295}\nrepeat 300000000 a\nsilence",
                     (1, 6), []),
    "no to everything": (ANY + "send $tag NO out of order", (1, 6), ["out of order"]),
    "bad to everything": (ANY + "send $tag BAD what", (1, 6), ["what"]),
    "bye in the middle": (LATE + "send * BYE going down\nclose", (6,), ["going down"]),
}


@pytest.mark.parametrize("side", ["origin", "destination"])
@pytest.mark.parametrize("kind", SERVERS.keys())
def test_misbehaving_server(filled, mm, kind, side):
    text, codes, words = SERVERS[kind]
    with ScriptedServer(text) as server:
        pair = filled(server_keys={"timeout": "2s"}, **{"via_" + side: server})
        mm.globals["retry"] = {"attempts": 1}
        mm.start()
        rc, _, done = mm.run_json(pair.account)
        assert rc in codes, (rc, done, server.heard)
        assert_clear(done, side, *words)
        mm.terminate()
        assert not any(line.startswith("mailmigd: worker") and "signal" in line
                       for line in mm.log().splitlines())
    with pair.at_destination() as client:
        assert client.count("INBOX") == 0

    # and when the server is its old self again
    real = pair.origin if side == "origin" else pair.destination
    entry(pair, side)["port"] = real.port
    mm.start()
    pair.run()
    pair.assert_equal()


def test_starttls_not_offered(filled, mm):
    """No password in clear, whatever the server says."""
    with ScriptedServer(OK) as server:
        pair = filled()
        origin = entry(pair, "origin")
        origin.update(tls="starttls", port=server.port)
        mm.start()
        assert_clear(pair.run(rc=6), "starttls")
        mm.terminate()
        assert not [h for h in server.heard if "LOGIN" in h or "AUTHENTICATE" in h]


def test_login_disabled(filled, mm):
    with ScriptedServer("send * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready\n"
                        "on CAPABILITY\nsend * CAPABILITY IMAP4rev1 LOGINDISABLED\nsend $tag OK x"
                        ) as server:
        pair = filled(via_origin=server)
        mm.start()
        rc, _, done = mm.run_json(pair.account)
        assert rc in (5, 6)
        assert_clear(done, "origin")
        mm.terminate()
        assert not [h for h in server.heard if "LOGIN " in h or "AUTHENTICATE" in h]


# ---- what the destination does not take ----

def test_folder_whose_name_is_refused(make_pair, mm, ca, destination):
    """A dot in a name, which a Maildir++ cannot hold: the folder gets another name, and keeps it."""
    with Dovecot(fsync="never", name="origin", ca=ca, users={}, layout="fs") as origin:
        pair = make_pair(origin=origin)
        with pair.at_origin() as client:
            corpus.simple(client, "version 1.2", 2)
        mm.start()
        assert pair.run()["copied"] == 2
        with pair.at_destination() as client:
            assert client.counts()["version 1%2E2"] == 2
        done = pair.run()
        assert (done["copied"], done["present"]) == (0, 2)
        mm.terminate()


def test_folder_that_cannot_be_created(make_pair, mm, ca, destination):
    """A name too long for a Maildir++, whatever is escaped: that folder fails, the rest is copied."""
    name = "a" * 150 + "/" + "b" * 150
    with Dovecot(fsync="never", name="origin", ca=ca, users={}, layout="fs") as origin:
        pair = make_pair(origin=origin)
        with pair.at_origin() as client:
            corpus.simple(client, name, 2)
            corpus.simple(client, "good", 2, first=10)
        mm.start()
        done = pair.run(rc=1)
        assert done["result"] == "partial"
        assert (done["copied"], done["failed"]) == (2, 2)
        error = assert_clear(done, "b" * 20)
        assert error["folder"] == name
        assert_said_once(pair, error["text"], 1)
        found = pair.differences()
        assert found == ["%s: the folder is missing" % name], found

        # once it is there (here: not any more needed), the next run is complete
        with pair.at_origin() as client:
            client.command("RENAME", '"%s"' % name, '"short"')
        assert pair.run()["copied"] == 2
        mm.terminate()


def test_message_the_destination_refuses(make_pair, mm, ca, origin):
    """Too large for it: counted as failed and named; the others arrive, in order."""
    with Dovecot(fsync="never", name="destination", ca=ca, users={},
                 extra="mail_plugins = quota\nprotocol imap {\n  mail_plugins = quota\n}\n"
                       "plugin {\n  quota = count:User quota\n  quota_vsizes = yes\n"
                       "  quota_max_mail_size = 20k\n}\n") as destination:
        pair = make_pair(destination=destination)
        with pair.at_origin() as client:
            corpus.simple(client, "INBOX", 3)
            corpus.simple(client, "INBOX", 1, first=10, size=50000)
            corpus.simple(client, "INBOX", 3, first=20)
        mm.start()
        done = pair.run(rc=1)
        assert (done["copied"], done["failed"]) == (6, 1)
        error = assert_clear(done, "larger than the maximum")
        assert (error["folder"], error["uid"]) == ("INBOX", 4)
        found = pair.differences()
        assert len(found) == 1 and "missing 1 x" in found[0], found
        done = pair.run(rc=1)
        assert (done["copied"], done["present"], done["failed"]) == (0, 6, 1)
        mm.terminate()


def test_destination_over_quota(make_pair, mm, ca):
    with Dovecot(fsync="never", name="destination", ca=ca, users={},
                 extra="mail_plugins = quota\nprotocol imap {\n  mail_plugins = quota\n}\n"
                       "plugin {\n  quota = count:User quota\n  quota_vsizes = yes\n"
                       "  quota_rule = *:storage=30k\n}\n") as destination:
        pair = make_pair(destination=destination)
        with pair.at_origin() as client:
            corpus.simple(client, "INBOX", 8, size=8000)
        mm.start()
        rc, _, done = mm.run_json(pair.account)
        assert rc in (1, 8)
        assert_clear(done, "quota")
        with pair.at_destination() as client:
            there = client.count("INBOX")
        assert 0 < there < 8
        assert (done["copied"], done["present"]) == (there, 0)
        assert done["copied"] + done["failed"] + done["skipped"] == 8
        rc, _, done = mm.run_json(pair.account)
        assert rc in (1, 8)
        assert (done["copied"], done["present"]) == (0, there)
        mm.terminate()


# ---- the state directory ----

@pytest.fixture
def small_disk(mm):
    """The state directory on a file system of 1 MiB."""
    os.mkdir(mm.state)
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", mm.state],
            stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("needs to be root and allowed to mount")
    yield mm.state
    mm.terminate(check=False)
    subprocess.run(["umount", "-l", mm.state], check=True)


def fill_up(directory):
    with open(os.path.join(directory, "filler"), "wb", buffering=0) as out:
        for size in (65536, 4096, 1):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError:
                pass
    return os.path.join(directory, "filler")


def test_state_on_a_full_disk(filled, mm, small_disk):
    mm.globals["min_free"] = "0"
    pair = filled()
    mm.start()
    pair.run()
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 150, first=100)
    filler = fill_up(small_disk)
    rc, _, done = mm.run_json(pair.account)
    assert rc == 10
    assert_clear(done, mm.state)
    os.unlink(filler)
    pair.run()
    pair.assert_equal()


def test_too_little_free_space(filled, mm, small_disk):
    """min_free: refused for safety before anything is begun."""
    mm.globals["min_free"] = "512KiB"
    pair = filled()
    mm.start()
    filler = fill_up(small_disk)
    with open(filler, "r+b") as f:
        f.truncate(os.path.getsize(filler) - 300 * 1024)
    rc, _, done = mm.run_json(pair.account)
    assert rc == 8
    assert_clear(done, mm.state)
    with pair.at_destination() as client:
        assert client.folders() == ["INBOX"]
    os.unlink(filler)
    pair.run()
    pair.assert_equal()


def test_state_directory_read_only(filled, mm, small_disk):
    mm.globals["min_free"] = "0"
    pair = filled()
    mm.start()
    pair.run()
    mm.terminate()
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 1, first=100)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    rc, _, done = mm.run_json(pair.account, args=("--local",))
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert rc == 10
    assert_clear(done, mm.state)
    mm.start()
    pair.run()
    pair.assert_equal()


def test_state_file_is_garbage(filled, mm):
    """A damaged database is set aside, not overwritten; the mail is recognised without it."""
    pair = filled()
    mm.start()
    pair.run()
    path = os.path.join(mm.state, "accounts", pair.account + ".db")
    for extra in ("-wal", "-shm"):
        if os.path.exists(path + extra):
            os.unlink(path + extra)
    garbage = b"this is not a database\n" * 400
    with open(path, "wb") as out:
        out.write(garbage)
    done = pair.run()
    assert (done["copied"], done["present"]) == (0, 3)
    pair.assert_equal()
    kept = [name for name in os.listdir(os.path.dirname(path))
            if open(os.path.join(os.path.dirname(path), name), "rb").read() == garbage]
    assert len(kept) == 1 and kept[0].startswith(pair.account), kept


def test_configuration_errors_are_all_told(mm):
    with open(mm.config, "w", encoding="ascii") as out:
        out.write('state_dir = "%s";\nmax_jobs = "many";\nnonsense = 1;\n'
                  'accounts = ( { name = "a"; origin = { server = "gone"; user = "x"; }; } );\n'
                  % mm.state)
    done = subprocess.run([program("mailmigd"), "--check", "--config", mm.config],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 3
    text = done.stdout + done.stderr
    for line in ("%s:2:" % mm.config, "%s:3:" % mm.config, "%s:4:" % mm.config):
        assert line in text, text
