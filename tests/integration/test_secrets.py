# SPDX-License-Identifier: Apache-2.0
"""Secrets out of credentials and out of mailmig's own store, with real logins."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import termios

import pytest

from harness import corpus
from harness.mailmig import program
from secret_rig import (SECRET, STORED, Held, credentials, ctl, store_both,
                        stored_pair)  # pylint: disable=unused-import

# pylint: disable=redefined-outer-name


def error(done):
    assert len(done["errors"]) == 1
    return "%s; %s" % (done["errors"][0]["text"], done["errors"][0]["advice"])


def run(mm, *names, env=None, args=()):
    """`run --json` in an environment: exit code and the `done` events by account."""
    got = ctl(mm, "--json", "run", *args, *names, env=env)
    events = [json.loads(line) for line in got.out.splitlines()]
    return got.rc, {e["account"]: e for e in events if e.get("event") == "done"}


def open_files(pid):
    """Where the descriptors of a process lead to."""
    out = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            out.append(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except FileNotFoundError:
            pass
    return out


# ---- credentials ----

CRED = {"password_credential": "origin-secret"}


@pytest.fixture
def credential_pair(make_pair, mm):
    pair = make_pair(password=SECRET, origin_keys=CRED,
                     destination_keys={"password_credential": "bob@dest"})
    with pair.at_origin() as client:
        corpus.simple(client, "INBOX", 3)
    mm.start()
    return pair


def test_credentials_of_the_unit_that_asks(credential_pair, mm):
    directory = credentials(mm, **{"origin-secret": SECRET + b"\n", "bob@dest": SECRET})
    rc, done = run(mm, credential_pair.account, env={"CREDENTIALS_DIRECTORY": directory})
    assert rc == 0, done
    assert done[credential_pair.account]["copied"] == 3
    credential_pair.assert_equal()
    assert mm.ctl("version").rc == 0  # it is at rest again
    assert directory not in open_files(mm.daemon.pid)

    # They were for that run. The next one needs its own.
    rc, done = run(mm, credential_pair.account)
    assert rc == 3
    assert 'credential "origin-secret" was not given to this run' in error(
        done[credential_pair.account])
    assert "systemd-creds encrypt --name=origin-secret" in error(done[credential_pair.account])
    assert "systemctl start mailmig@%s.service" % credential_pair.account in error(
        done[credential_pair.account])


def test_credentials_of_the_daemon(make_pair, mm):
    pair = make_pair(password=SECRET, origin_keys=CRED,
                     destination_keys={"password_credential": "bob@dest"})
    mm.start(env={"CREDENTIALS_DIRECTORY": credentials(
        mm, **{"origin-secret": SECRET, "bob@dest": SECRET})})
    assert pair.run()["result"] == "ok"

    # What comes with the request goes first, name by name.
    rc, done = run(mm, pair.account, env={"CREDENTIALS_DIRECTORY": credentials(
        mm, "wrong", **{"bob@dest": b"wrong"})})
    assert rc == 5
    assert "destination" in error(done[pair.account])


def test_credentials_outlive_the_daemon(make_pair, mm, origin):
    """A unit's client brings them again to the daemon that comes after a killed one."""
    with Held(origin) as held:
        pair = make_pair(password=SECRET, via_origin=held.proxy, origin_keys=CRED,
                         destination_keys={"password_credential": "bob@dest"})
        with pair.at_origin() as client:
            corpus.simple(client, "INBOX", 3)
        mm.start()
        directory = credentials(mm, **{"origin-secret": SECRET, "bob@dest": SECRET})
        with subprocess.Popen(mm.command("run", "--from-unit", pair.account),
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env={**mm._environment(), "CREDENTIALS_DIRECTORY": directory}
                              ) as process:
            assert held.reached.wait(30)
            mm.kill()
            held.go.set()
            mm.start()
            _, err = process.communicate(timeout=50)
            assert process.returncode == 0, err
        assert mm.account_status(pair.account)["last_run"]["result"] == "ok"
        pair.assert_equal()


def test_credentials_of_a_local_run(make_pair, mm):
    pair = make_pair(password=SECRET, origin_keys=CRED,
                     destination_keys={"password_credential": "bob@dest"})
    mm.write_config()
    directory = credentials(mm, **{"origin-secret": SECRET, "bob@dest": SECRET})
    rc, done = run(mm, pair.account, args=["--local"], env={"CREDENTIALS_DIRECTORY": directory})
    assert (rc, done[pair.account]["result"]) == (0, "ok")
    rc, done = run(mm, pair.account, args=["--local"])
    assert rc == 3
    assert 'credential "origin-secret" was not given to this run' in error(done[pair.account])


@pytest.mark.parametrize("break_it, words", (
    (lambda path: os.truncate(path, 0), "is empty"),
    (lambda path: os.chmod(path, 0o644), "can be read by everyone"),
    (lambda path: (os.unlink(path), os.mkdir(path)), "is not a regular file"),
    (lambda path: (os.unlink(path), os.mkfifo(path)), "is not a regular file"),
    (lambda path: (os.unlink(path), os.symlink("/etc/passwd", path)), "is a symbolic link"),
), ids=("empty", "open", "directory", "fifo", "link"))
def test_a_broken_credential_hurts_one_account(make_pair, mm, break_it, words):
    good = make_pair(account="good", password=SECRET,
                     origin_keys={"password_credential": "good"})
    bad = make_pair(account="bad", user=good.user + "x", password=SECRET,
                    origin_keys={"password_credential": "bad"})
    mm.start()
    directory = credentials(mm, good=SECRET, bad=SECRET)
    break_it(os.path.join(directory, "bad"))
    rc, done = run(mm, good.account, bad.account, env={"CREDENTIALS_DIRECTORY": directory})
    assert rc == 3
    assert done["good"]["result"] == "ok"
    assert words in error(done["bad"])


def test_an_empty_or_missing_directory(credential_pair, mm):
    for directory in (credentials(mm), os.path.join(mm.dir, "nothing"), "", "relative"):
        rc, done = run(mm, credential_pair.account, env={"CREDENTIALS_DIRECTORY": directory})
        assert rc == 3
        assert "was not given to this run" in error(done[credential_pair.account])


def test_descriptors_of_strangers(mm, make_pair):
    """More than one, of anything, with any request: none stays open in the daemon."""
    make_pair()
    mm.start()
    before = open_files(mm.daemon.pid).count("/dev/null")
    version = b'{"method":"io.mailmig.Control.Version"}\0'
    for count in (1, 2, 50):
        with socket.socket(socket.AF_UNIX) as s, open("/dev/null", "rb") as null:
            s.connect(mm.socket)
            for half in (version[:10], version[10:]):
                socket.send_fds(s, [half], [null.fileno()] * count)
            assert b"version" in s.recv(65536)
            assert mm.ctl("version").rc == 0
            assert open_files(mm.daemon.pid).count("/dev/null") == before


# ---- stored secrets ----

def test_stored_secrets(stored_pair, mm):
    name = stored_pair.account
    assert mm.ctl("secret", "list").out == "no secrets are stored\n"
    done = stored_pair.run(rc=3)
    assert 'stored secret "alice.origin" does not exist' in error(done)
    assert "mailmigctl secret set alice.origin" in error(done)

    got = ctl(mm, "secret", "set", "alice.origin", stdin=SECRET + b"\n")
    assert (got.rc, got.out) == (0, "secret alice.origin is stored; used by %s\n" % name)
    assert "alice.destination" in error(stored_pair.run(rc=3))
    assert ctl(mm, "secret", "set", "alice.destination", stdin=b"wrong").rc == 0
    assert "destination" in error(stored_pair.run(rc=5))
    assert ctl(mm, "secret", "set", "alice.destination", stdin=SECRET + b"\r\n").rc == 0
    assert stored_pair.run()["copied"] == 3
    stored_pair.assert_equal()

    # Without the daemon too, and after another one has started.
    mm.terminate()
    rc, done = run(mm, name, args=["--local"])
    assert (rc, done[name]["present"]) == (0, 3)
    mm.start()
    assert stored_pair.run()["present"] == 3
    state = os.stat(os.path.join(mm.state, "secret.key"))
    assert state.st_mode & 0o7777 == 0o400


def test_list_and_remove(stored_pair, mm):
    store_both(mm)
    got = ctl(mm, "secret", "set", "spare", stdin=b"x")
    assert got.out == 'secret spare is stored; to use it: password_stored = "spare"\n'

    got = mm.ctl("secret", "list")
    assert got.rc == 0
    lines = got.out.splitlines()
    assert re.match(r"SECRET +STORED +USED BY$", lines[0].strip())
    assert len(lines) == 4
    assert any(re.match(r" *alice.origin +today \d\d:\d\d +%s$" % stored_pair.account, line)
               for line in lines)
    assert any(re.match(r" *spare +today \d\d:\d\d +-$", line) for line in lines)
    _, value = mm.ctl_json("secret", "list")
    assert value["left_out"] == 0
    by_name = {s["name"]: s for s in value["secrets"]}
    assert set(by_name) == {"alice.origin", "alice.destination", "spare"}
    assert by_name["alice.destination"]["used_by"] == [stored_pair.account]
    assert set(by_name["spare"]) == {"name", "stored", "used_by"}

    got = mm.ctl("secret", "remove", "alice.origin", "spare")
    assert got.rc == 8
    assert "alice.origin is in use" in got.err
    assert stored_pair.account in got.err
    assert got.out == "secret spare is removed\n"
    got = mm.ctl("secret", "remove", "spare")
    assert got.rc == 3
    assert 'there is no stored secret "spare"' in got.err

    del mm.accounts[:]
    mm.write_config()
    assert mm.ctl("reload").rc == 0
    assert mm.ctl("secret", "remove", "alice.origin", "alice.destination").rc == 0
    assert mm.ctl("secret", "list").out == "no secrets are stored\n"
    assert os.listdir(os.path.join(mm.state, "secrets")) == []


def test_broken_records_hurt_one_account(make_pair, mm):
    good = make_pair(account="good", password=SECRET, origin_keys={"password_stored": "good"})
    bad = make_pair(account="bad", user=good.user + "x", password=SECRET,
                    origin_keys={"password_stored": "bad"})
    mm.start()
    path = os.path.join(mm.state, "secrets", "bad")
    for name in ("good", "bad"):
        assert ctl(mm, "secret", "set", name, stdin=SECRET).rc == 0
    with open(path, "rb") as f:
        octets = f.read()
    with open(os.path.join(mm.state, "secrets", "good"), "rb") as f:
        of_another = f.read()

    for broken in (octets[:-1] + bytes([octets[-1] ^ 1]), b"", b"x" * 100, of_another,
                   octets + b"x" * (1 << 20)):
        with open(path, "wb") as f:
            f.write(broken)
        rc, done = run(mm, "good", "bad")
        assert rc == 3
        assert done["good"]["result"] == "ok"
        assert 'stored secret "bad" does not open' in error(done["bad"])
        assert "mailmigctl secret set bad" in error(done["bad"])
    assert mm.ctl("secret", "list").rc == 0
    assert ctl(mm, "secret", "set", "bad", stdin=SECRET).rc == 0
    assert bad.run()["result"] == "ok"


def test_the_key(stored_pair, mm):
    store_both(mm)
    key = os.path.join(mm.state, "secret.key")
    os.rename(key, key + ".away")
    assert 'stored secret "alice.origin" was encrypted with a key that is not here' in error(
        stored_pair.run(rc=3))
    os.rename(key + ".away", key)
    os.chmod(key, 0o444)
    assert "can be read by everyone" in error(stored_pair.run(rc=3))
    os.chmod(key, 0o400)
    assert stored_pair.run()["copied"] == 3


def test_the_key_as_a_credential(make_pair, mm):
    pair = make_pair(password=SECRET, **STORED)
    directory = credentials(mm, **{"mailmig.key": os.urandom(32).hex().encode() + b"\n"})
    mm.start(env={"CREDENTIALS_DIRECTORY": directory})
    store_both(mm)
    assert not os.path.exists(os.path.join(mm.state, "secret.key"))
    assert pair.run()["result"] == "ok"
    mm.terminate()
    mm.start()
    assert "a key that is not here" in error(pair.run(rc=3))


@pytest.mark.parametrize("args, words", (
    (["secret"], "set, list or remove"),
    (["secret", "show", "x"], "set, list or remove"),
    (["secret", "set"], "one name"),
    (["secret", "set", "x", "the value"], "one name"),
    (["secret", "list", "x"], "takes no name"),
    (["secret", "remove"], "needs a name"),
    (["secret", "set", "../x"], "cannot be the name"),
    (["secret", "set", "."], "cannot be the name"),
))
def test_usage(mm, args, words):
    mm.start()
    got = ctl(mm, *args, stdin=SECRET)
    assert got.rc == 2
    assert words in got.err
    assert not os.path.exists(os.path.join(mm.state, "secrets"))


@pytest.mark.parametrize("octets", (b"", b"\n", b"x" * (16 * 1024 + 1), b"x" * (1 << 20)))
def test_values_that_are_none(mm, octets):
    mm.start()
    assert ctl(mm, "secret", "set", "x", stdin=octets).rc == 2
    assert not os.path.exists(os.path.join(mm.state, "secrets"))
    assert ctl(mm, "secret", "set", "x", stdin=b"x" * 16 * 1024).rc == 0


@pytest.mark.parametrize("parameters", (
    {"name": "x", "hex": ""}, {"name": "x", "hex": "6"}, {"name": "x", "hex": "6G"},
    {"name": "x", "hex": "6A"}, {"name": "../x", "hex": "61"}, {"name": "", "hex": "61"},
    {"name": "x" * 65, "hex": "61"}, {"name": "x"},
))
def test_requests_that_are_none(mm, parameters):
    mm.start()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(mm.socket)
        s.sendall(json.dumps({"method": "io.mailmig.Control.SecretSet",
                              "parameters": parameters}).encode() + b"\0")
        assert b"InvalidParameter" in s.recv(65536)


# ---- the prompt ----

class Prompt:
    """mailmigctl secret set NAME on a terminal."""

    def __init__(self, mm, name):
        self.master, slave = pty.openpty()
        # As the controlling terminal: ^C is a signal.
        self.process = subprocess.Popen(mm.command("secret", "set", name), stdin=slave,
                                        stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env=mm._environment())
        os.close(slave)
        self.text = b""

    def wait_for(self, words):
        while words not in self.text:
            assert self._read(), self.text

    def _read(self):
        ready, _, _ = select.select([self.master], [], [], 30)
        assert ready, self.text
        try:
            more = os.read(self.master, 4096)
        except OSError:
            return False
        self.text += more
        return bool(more)

    def type(self, octets):
        os.write(self.master, octets)

    def end(self):
        while self._read():
            pass
        code = self.process.wait(30)
        os.close(self.master)
        return code


def test_prompt(stored_pair, mm):
    store_both(mm)
    assert ctl(mm, "secret", "set", "alice.origin", stdin=b"wrong").rc == 0
    prompt = Prompt(mm, "alice.origin")
    prompt.wait_for(b"Secret for alice.origin: ")
    prompt.type(SECRET + b"\n")
    prompt.wait_for(b"Again for alice.origin: ")
    prompt.type(SECRET + b"\n")
    assert prompt.end() == 0, prompt.text
    assert SECRET not in prompt.text and b"battery" not in prompt.text
    assert b"is stored" in prompt.text
    assert stored_pair.run()["copied"] == 3


@pytest.mark.parametrize("first, second, words", (
    (b"one\n", b"two\n", b"the two are not the same"),
    (b"\n", b"\n", b"there is no secret"),
    (b"one\n", b"\x04", b"there is no secret"),
))
def test_prompt_without_a_result(mm, first, second, words):
    mm.start()
    prompt = Prompt(mm, "x")
    prompt.wait_for(b"Secret for x: ")
    prompt.type(first)
    prompt.wait_for(b"Again for x: ")
    prompt.type(second)
    assert prompt.end() == 2
    assert words in prompt.text
    assert not os.path.exists(os.path.join(mm.state, "secrets"))


def test_prompt_interrupted(mm):
    """The terminal gets its echo back."""
    mm.start()
    prompt = Prompt(mm, "x")
    prompt.wait_for(b"Secret for x: ")
    assert not termios.tcgetattr(prompt.master)[3] & termios.ECHO
    prompt.type(b"half a sec\x03")
    code = prompt.process.wait(30)
    assert code == -signal.SIGINT
    assert termios.tcgetattr(prompt.master)[3] & termios.ECHO
    os.close(prompt.master)


# ---- the configuration ----

def test_mistakes_have_file_and_line(mm, make_pair):
    make_pair(origin_keys={"password_credential": "a/b"},
              destination_keys={"password_stored": "", "password_credential": "ok"})
    mm.write_config()
    check = subprocess.run([program("mailmigd"), "--config", mm.config, "--check"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = check.stdout.decode()
    assert check.returncode == 3
    for words in ("origin.password_credential is no name of a secret; use 1 to 64 of",
                  "destination.password_stored is empty",
                  "destination.password_credential beside password_stored; keep one"):
        assert re.search(r"mailmig\.conf:\d+: .*%s" % re.escape(words), text), text
