# SPDX-License-Identifier: Apache-2.0
"""A server that does as it is told: expects, sends, delays, drops. For what no real server can be
brought to do, and for tests/dialogues/*.dlg.

A dialogue is text, a line each. It begins with what happens at the connection, then come rules;
a rule is `on REGEX` (searched in the client's line, case ignored, tag included) or `once REGEX`
(used up after the first time), and below it what to do. The first rule that matches is taken; a
command without a rule gets the answer of an empty, friendly server. Comments begin with #.

    send TEXT          a line; $tag is the command's tag, $1… what the regex caught
    raw TEXT           octets without a line end; Python's escapes (\\r \\n \\x00)
    repeat N TEXT      the octets of TEXT N times
    delay SECONDS
    default            the answer of the friendly server
    silence            say nothing more; wait for the client to go
    close              end the connection in order
    drop               end it with a reset
"""

import re
import select
import socket
import struct

from .listener import Listener
from .wire import LITERAL

LINE_MAX = 1024 * 1024

FRIENDLY = (
    (r"^\S+ CAPABILITY", ["send * CAPABILITY IMAP4rev1 NAMESPACE UIDPLUS AUTH=PLAIN SASL-IR",
                          "send $tag OK done"]),
    (r"^\S+ AUTHENTICATE PLAIN \S", ["send $tag OK hello"]),
    (r"^\S+ LOGIN ", ["send $tag OK hello"]),
    (r"^\S+ NAMESPACE", ['send * NAMESPACE (("" "/")) NIL NIL', "send $tag OK done"]),
    (r"^\S+ (LIST|LSUB) .*\"\"?\s*$", ['send * LIST (\\Noselect) "/" ""', "send $tag OK done"]),
    (r"^\S+ LIST ", ['send * LIST () "/" INBOX', "send $tag OK done"]),
    (r"^\S+ LSUB ", ['send * LSUB () "/" INBOX', "send $tag OK done"]),
    (r"^\S+ STATUS (\S+)", ["send * STATUS $1 (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1)",
                            "send $tag OK done"]),
    (r"^\S+ (SELECT|EXAMINE)", ["send * 0 EXISTS", "send * 0 RECENT",
                                "send * FLAGS (\\Seen \\Deleted \\Answered \\Flagged \\Draft)",
                                "send * OK [PERMANENTFLAGS (\\Seen \\Deleted \\Answered \\Flagged "
                                "\\Draft \\*)] all", "send * OK [UIDVALIDITY 1] valid",
                                "send * OK [UIDNEXT 1] next", "send $tag OK [READ-WRITE] done"]),
    (r"^\S+ UID SEARCH", ["send * SEARCH", "send $tag OK done"]),
    (r"^\S+ LOGOUT", ["send * BYE logging out", "send $tag OK done", "close"]),
    (r"^\S+ ", ["send $tag OK done"]),
)


class _End(Exception):
    pass


def parse(text):
    """A dialogue as (actions at the connection, [[regex, once, actions], …])."""
    greeting, rules = [], []
    actions = greeting
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word in ("on", "once"):
            actions = []
            rules.append([re.compile(rest, re.I), word == "once", actions])
        elif word in ("send", "raw", "repeat", "delay", "default", "silence", "close", "drop"):
            actions.append(line)
        else:
            raise ValueError("line %d: unknown word %s" % (number, word))
    return greeting, rules


class ScriptedServer(Listener):
    """Plays one dialogue to each connection, on a port of the system's choice.

    tls: an ssl.SSLContext for implicit TLS. `heard` collects the clients' lines."""

    def __init__(self, text, tls=None):
        self.greeting, self.rules = parse(text)
        self.friendly = [[re.compile(r, re.I), False, a] for r, a in FRIENDLY]
        self.tls = tls
        self.heard = []
        super().__init__()

    def serve(self, sock, number):
        try:
            if self.tls:
                sock = self.hold(self.tls.wrap_socket(sock, server_side=True))
            with sock.makefile("rb") as lines:
                self._play(sock, lines, self.greeting, "*", None)
                while True:
                    line = self._command(sock, lines)
                    if line is None:
                        break
                    self._answer(sock, lines, line)
        except (_End, OSError):
            pass
        finally:
            self.release(sock)

    def _command(self, sock, lines):
        """One command, literals included, as text. None at the end."""
        text = b""
        while True:
            line = lines.readline(LINE_MAX)
            if not line.endswith(b"\n"):
                return None
            text += line
            m = LITERAL.search(line)
            if not m:
                break
            if not m.group(2):
                sock.sendall(b"+ go ahead\r\n")
            text += lines.read(int(m.group(1)))
        text = text.decode("latin-1")
        self.heard.append(re.sub(r"\r\n$", "", text))
        return text

    def _answer(self, sock, lines, line):
        tag = line.split(" ", 1)[0]
        with self.lock:
            for rule in self.rules:
                m = rule[0].search(line)
                if m:
                    if rule[1]:
                        self.rules.remove(rule)
                    break
            else:
                rule = None
        if rule is None:
            self._be_friendly(sock, lines, tag, line)
            return
        self._play(sock, lines, rule[2], tag, m, line)

    def _be_friendly(self, sock, lines, tag, line):
        if re.search(r"^\S+ AUTHENTICATE \S+\s*$", line, re.I):
            sock.sendall(b"+ \r\n")
            lines.readline(LINE_MAX)
            sock.sendall(tag.encode("latin-1") + b" OK hello\r\n")
            return
        for regex, _, actions in self.friendly:
            m = regex.search(line)
            if m:
                self._play(sock, lines, actions, tag, m, line)
                return

    def _play(self, sock, lines, actions, tag, match, line=""):
        for action in actions:
            word, _, rest = action.partition(" ")
            rest = rest.replace("$tag", tag)
            if match and match.groups():
                rest = re.sub(r"\$(\d)", lambda m: match.group(int(m.group(1))) or "", rest)
            if word == "send":
                sock.sendall(rest.encode() + b"\r\n")
            elif word == "raw":
                sock.sendall(_unescape(rest))
            elif word == "repeat":
                n, _, text = rest.partition(" ")
                self._repeat(sock, int(n), _unescape(text))
            elif word == "delay":
                self.stopped.wait(float(rest))
            elif word == "default":
                self._be_friendly(sock, lines, tag, line)
            elif word == "silence":
                self._wait_for_end(sock)
            elif word == "close":
                raise _End()
            elif word == "drop":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise _End()

    @staticmethod
    def _repeat(sock, n, octets):
        block = max(1, 65536 // max(1, len(octets)))
        while n > 0:
            sock.sendall(octets * min(n, block))
            n -= block

    @staticmethod
    def _wait_for_end(sock):
        while True:
            select.select([sock], [], [])
            if not sock.recv(65536):
                raise _End()


def _unescape(text):
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")
