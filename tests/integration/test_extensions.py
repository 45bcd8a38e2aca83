# SPDX-License-Identifier: Apache-2.0
"""COMPRESS=DEFLATE and UTF8=ACCEPT: what travels in another form, and arrives as it was."""

import contextlib
import os
import random
import sqlite3

import pytest

from harness import corpus
from harness.dovecot import Dovecot
from harness.line import Line
from harness.mailmig import server_entry
from harness.quirky import Quirky, Script

DATE = "01-Jan-2018 10:00:00 +0000"
LAG = 0.01  # seconds: a line that is worth it
BIG = 3 * 1024 * 1024  # more than waits in memory

# Names that have two forms, and two of which one looks like the other of another.
NAMES = ("Entwürfe", "日本語/Ende", "R&D", "Mail 📬", "Tom & Jerry/A&-B", "say \"hello\"",
         "back\\slash ö", "x" * 60 + "é")
POOR = ["without LITERAL+ MULTIAPPEND UIDPLUS CONDSTORE LIST-STATUS"]


def reach(mm, servers, tls="none", **keys):
    """The sides are these from now on."""
    mm.servers = [server_entry(side, server, tls, **keys) for side, server in servers.items()]


# ---- COMPRESS ----

@pytest.fixture(scope="module")
def packing(ca):
    """Two servers that compress."""
    with Dovecot(fsync="never", name="origin", ca=ca, users={}, compress=True) as origin, \
            Dovecot(fsync="never", name="destination", ca=ca, users={}, compress=True) as other:
        yield {"origin": origin, "destination": other}


def fill(client):
    """Words, base64, octets of no order, one of each large. How many."""
    rng = random.Random(8)
    corpus.simple(client, "INBOX", 30, size=4000)
    client.create("Large", subscribe=True)
    for body in (corpus.lines(rng, BIG), b"the same again\r\n" * (BIG // 16),
                 b"\r\n".join(rng.randbytes(70).translate(None, b"\r\n\0") for _ in range(BIG // 70))):
        client.append("Large", b"Subject: large\r\n\r\n" + body, ("\\Seen",), DATE)
    return 33


@pytest.mark.parametrize("sides,tls", [
    (("origin",), "none"), (("destination",), "none"), (("origin", "destination"), "none"),
    (("origin", "destination"), "implicit")], ids=lambda p: p if isinstance(p, str) else "-".join(p))
def test_compressed(make_pair, mm, origin, destination, packing, sides, tls):
    servers = {s: packing[s] if s in sides else server
               for s, server in (("origin", origin), ("destination", destination))}
    with contextlib.ExitStack() as stack:
        lines = {s: stack.enter_context(Line(server, tls=tls == "implicit", lag=LAG))
                 for s, server in servers.items()}
        pair = make_pair(**servers)
        reach(mm, lines, tls, daily_download="1TB", daily_upload="1TB")
        with pair.at_origin() as client:
            number = fill(client)
            octets = sum(m.size for f in ("INBOX", "Large") for m in client.messages(f))
        mm.start()
        done = pair.run()
        assert (done["copied"], done["failed"]) == (number, 0)
        moved = {"origin": lines["origin"].octets["down"],
                 "destination": lines["destination"].octets["up"]}
        for side, n in moved.items():
            assert (n < 0.75 * octets) if side in sides else (n > octets), (side, n, octets)
        pair.assert_equal()
        # What a day has seen is the mail, whatever travelled.
        path = os.path.join(mm.state, "accounts", pair.account + ".db")
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as db:
            traffic = dict(db.execute("SELECT way, sum(octets) FROM traffic GROUP BY way"))
        big = sorted(traffic.values())[-2:]  # from the origin, and to the destination
        assert octets < big[0] and big[1] < 1.1 * octets, (traffic, octets)
        done = pair.run()
        assert done["copied"] == 0 and done["round_trips"] <= 16


# ---- UTF8=ACCEPT ----

def wide(name, text, more=b""):
    return b"Subject: " + text + b"\r\n" + more + b"Message-ID: <%s@x>\r\n\r\nbody \xe9\r\n" % name


def fill_names(client):
    """One of each kind in each folder. How many, and how many with UTF-8 in their headers."""
    for folder in NAMES:
        client.create(folder, subscribe=True)
    for i, folder in enumerate(("INBOX",) + NAMES):
        name = b"%d" % i
        for flags, octets in (((), wide(b"u" + name, "Grüße".encode())),
                              (("\\Seen",), wide(b"v" + name, b"x", "To: ü@é\r\n".encode())),
                              ((), wide(b"l" + name, b"caf\xe9")),
                              (("\\Flagged",), wide(b"a" + name, b"plain"))):
            client.append(folder, octets, flags, DATE)
    return 4 * (1 + len(NAMES)), 2 * (1 + len(NAMES))


@contextlib.contextmanager
def faces(pair, sides, script):
    """Servers that speak UTF-8 before those sides."""
    with contextlib.ExitStack() as stack:
        found = {s: stack.enter_context(Quirky(getattr(pair, s), Script(script))) for s in sides}
        reach(pair.mm, {"origin": pair.origin, "destination": pair.destination, **found})
        pair.mm.write_config()
        yield found


def run(pair):
    code, events, done = pair.mm.run_json(pair.account, args=("--local",))
    assert code == 0 and not done["errors"], [e["text"] for e in done["errors"]]
    return done, {e["folder"]: e for e in events if e["event"] == "folder"}


@pytest.mark.parametrize("poor", [False, True], ids=["all", "poor"])
@pytest.mark.parametrize("side", ["origin", "destination"])
def test_names_in_utf8(make_pair, side, poor):
    """Whether a server offers it is not the same each time: no folder is another one for that."""
    pair = make_pair(limits={"connections": 3})
    script = ["utf8"] + (POOR if poor else [])
    with pair.at_origin() as client:
        number, n_wide = fill_names(client)
    with faces(pair, (side,), script) as found:
        done, _ = run(pair)
        assert done["copied"] == number
    pair.assert_equal()
    heard = found[side].heard
    assert any("日本語" in h.encode("latin-1").decode("utf-8", "replace") for h in heard)
    assert not any("&ZeVnLIqe-" in h for h in heard)
    assert found[side].wide == (n_wide if side == "destination" else 0)
    for sides in ((), ("origin", "destination"), (side,), ()):
        with faces(pair, sides, script):
            done, folders = run(pair)
        assert (done["copied"], done["flags_updated"]) == (0, 0)
        if not poor:
            assert all(f["unchanged"] for f in folders.values()), (sides, folders)
    pair.assert_equal()


REFUSALS = {
    "nothing": ["send $tag OK done"],
    "another": ["send * ENABLED CONDSTORE UTF8=ACCEPTED", "send $tag OK done"],
    "no": ["send * ENABLED UTF8=ACCEPT", "send $tag NO not today"],
    "bad": ["send $tag BAD what?"],
    "late": ["send $tag OK done", "send * ENABLED UTF8=ACCEPT"],
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS.keys())
def test_not_enabled(make_pair, answer):
    """Names stay as they are then, and all octets of headers in an ordinary message."""
    pair = make_pair()
    with pair.at_origin() as client:
        number, _ = fill_names(client)
    with faces(pair, ("origin", "destination"),
               ["offer UTF8=ACCEPT", r"on ^\S+ ENABLE"] + answer) as found:
        done, _ = run(pair)
        assert done["copied"] == number
    for face in found.values():
        assert not any("UTF8 (" in h for h in face.heard)
    pair.assert_equal()


def test_a_prefix_with_two_forms(make_pair, ca, user):
    keys = {"users": {user: "secret"}, "ca": ca, "fsync": "never"}
    with Dovecot(name="origin", separator=".", prefix="Fächer.", **keys) as origin, \
            Dovecot(name="destination", separator="/", prefix="Kästen & mehr/", **keys) as other:
        pair = make_pair(origin=origin, destination=other)
        with pair.at_origin() as client:
            for folder in ("Entwürfe", "Plain"):
                client.create(folder, subscribe=True)
                client.append(folder, b"Subject: x\r\n\r\nx\r\n")
        with faces(pair, (), []):
            done, _ = run(pair)
        assert done["copied"] == 2
        with pair.at_destination() as client:
            assert set(client.folders()) >= {"Entwürfe", "Plain"}
        with faces(pair, ("origin", "destination"), ["utf8"]):
            done, folders = run(pair)
            assert done["copied"] == 0 and all(f["unchanged"] for f in folders.values())
