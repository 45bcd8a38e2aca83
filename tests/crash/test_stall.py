# SPDX-License-Identifier: Apache-2.0
"""A server falls silent, in each phase of a session: the run ends by its deadline and says what was
waited for, and for how long; the next run completes it. Also a server that is alive and never
comes to an end."""

import ssl
import time

import pytest

from crash.world import World, side_by_side
from harness import corpus
from harness.line import Fault, Line
from harness.quirky import Quirky, Script

ONCE = {"retry": {"attempts": 1}}
TIMEOUT = "1s"
TOOK = (0.9, 8)  # seconds of a run that waits for one time-out
LONG_TOOK = (2.5, 9)  # and of one in which octets keep coming: three times the time-out
POOR = "without LITERAL+ MULTIAPPEND UIDPLUS CONDSTORE QRESYNC LIST-STATUS LIST-EXTENDED"


def script(*lines):
    return lambda server, tls: Quirky(server, Script(lines), tls=tls, ca_file=server.ca_file)


def line(*args, tls=False, **keys):
    return lambda server, _: Line(server, Fault(*args, **keys), tls=tls)


# What stands before the server, how it is reached, the exit code, what is waited for.
EITHER = {
    "greeting": (script("silence"), "none", 6, "waiting for the greeting"),
    "handshake": (line("stall", "down", 10, tls=True), "implicit", 6,
                  "waiting for the TLS handshake"),
    "starttls": (script("on STARTTLS", "silence"), "starttls", 6, "waiting for STARTTLS reply"),
    "login": (script("on AUTHENTICATE", "silence"), "none", 9, "waiting for login reply"),
    "capabilities": (script("on CAPABILITY", "silence"), "none", 6, "waiting for CAPABILITY reply"),
    "capabilities after login": (
        script("on AUTHENTICATE", r"edit \* CAPABILITY [^\r]*\r\n =>",
               r"edit OK \[CAPABILITY [^\]]*\] => OK", "pass", "once CAPABILITY", "pass",
               "on CAPABILITY", "silence"), "none", 9, "waiting for CAPABILITY reply"),
    "listing": (script(r"on LIST", "silence"), "none", 9, "waiting for the list of folders"),
}
ONLY = {
    ("origin", "entering"): (script("on EXAMINE", "silence"), "none", 9,
                             "waiting for EXAMINE reply"),
    ("origin", "body"): (line("stall", "down", 3000), "none", 9, "waiting for FETCH data"),
    ("destination", "creating"): (script("on CREATE", "silence"), "none", 9,
                                  "waiting for CREATE reply"),
    ("destination", "entering"): (script("on SELECT", "silence"), "none", 9,
                                  "waiting for SELECT reply"),
    ("destination", "consent"): (script(POOR, "on LITERAL .*APPEND", "silence"), "none", 9,
                                 "waiting for the server's consent to a literal"),
    ("destination", "answer"): (script("on APPEND", "do", "silence"), "none", 9,
                                "waiting for APPEND reply"),
    ("destination", "look"): (script("on UID FETCH", "silence"), "none", 9,
                              "waiting for"),
}
CASES = [(side, phase, *row) for phase, row in EITHER.items() for side in ("origin", "destination")]
CASES += [(*key, *row) for key, row in ONLY.items()]

BIG = 8 * 1024 * 1024  # more than the kernel takes

# An octet now and then, in the middle of a line.
SLOW = {"span": None, "piece": 1, "wait": 0.3}
ALIVE = [
    ("origin", "list", line("throttle", "down", 700, **SLOW), "none"),
    ("destination", "list", line("throttle", "down", 700, **SLOW), "none"),
    ("origin", "greeting", line("throttle", "down", 3, **SLOW), "none"),
]


@pytest.fixture
def world(origin, destination, user):
    return World(origin, destination, user)


@pytest.fixture(scope="module")
def context(ca):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*ca.valid())
    return made


def run(account, context, side, made, tls, took):
    """One run through a bad server: exit code and `done` event."""
    with made(account.world.servers[side], context) as bad:
        begin = time.monotonic()
        code, done = account.run({side: bad}, tls=tls, timeout=TIMEOUT, limits={"connections": 1})
        elapsed = time.monotonic() - begin
    assert took[0] <= elapsed <= took[1], elapsed
    return code, done


def finish(account):
    code, done = account.run()
    assert code == 0, done
    account.assert_equal()
    account.assert_done()


def failures(function, cases):
    """What goes wrong, with the name of its case, over all of them."""
    def one(case):
        try:
            function(*case)
        except Exception as e:  # pylint: disable=broad-except
            return "%s, %s: %s: %s" % (*case[:2], type(e).__name__, e)
        return None

    return [text for text in side_by_side(one, cases) if text]


def test_silence(world, context):
    def one(side, phase, made, tls, expected, awaited):
        with world.account(**ONCE) as account:
            code, done = run(account, context, side, made, tls, TOOK)
            errors = [e["text"] for e in done["errors"]]
            assert code == expected, (code, errors)
            assert any(e.startswith(side) and "no answer for 1.0 s (%s" % awaited in e
                       for e in errors), errors
            finish(account)

    wrong = failures(one, CASES)
    assert not wrong, "%d of %d:\n%s" % (len(wrong), len(CASES), "\n".join(wrong))


def test_logout_is_not_waited_for(world, context):
    for side in world.servers:
        with world.account(**ONCE) as account:
            code, _ = run(account, context, side, script("on LOGOUT", "silence"), "none", (0, 5))
            assert code == 0
            account.assert_done()


def test_alive_and_never_ending(world, context):
    def one(side, phase, made, tls):
        took = TOOK if phase == "greeting" else LONG_TOOK
        with world.account(**ONCE) as account:
            code, done = run(account, context, side, made, tls, took)
            assert code in (6, 9), done
            assert done["errors"][0]["text"].startswith(side), done
            finish(account)

    wrong = failures(one, ALIVE)
    assert not wrong, "\n".join(wrong)


def test_alive_and_hardly_reading(origin, destination, user, context):
    """The kernel on its side is full too: what is left of a large message goes on for ever."""
    world = World(origin, destination, user, lambda c: corpus.simple(c, "INBOX", 1, size=BIG))
    with world.account(**ONCE) as account:
        code, done = run(account, context, "destination",
                         lambda server, _: Line(server, Fault("throttle", "up", 5000, **SLOW),
                                                window=8192), "none", TOOK)
        assert code == 9, done
        assert done["errors"][0]["text"].startswith("destination"), done
        finish(account)
