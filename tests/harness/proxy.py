# SPDX-License-Identifier: Apache-2.0
"""Stands between a client and a server (without TLS): counts, cuts at chosen moments, takes
capabilities away for real, and notes a client that uses what it was not offered."""

import re
import socket

from .listener import Listener, shut
from .wire import Splitter

CHUNK = 65536

# Capability → what only a client that uses it would say.
USES = {
    "LITERAL+": rb"\{\d+\+\}\r\n$",
    "CONDSTORE": rb"(?i)\(.*CONDSTORE|CHANGEDSINCE|UNCHANGEDSINCE|MODSEQ|ENABLE .*CONDSTORE",
    "QRESYNC": rb"(?i)QRESYNC|VANISHED",
    "LIST-STATUS": rb"(?i)LIST .*RETURN.*STATUS",
    "LIST-EXTENDED": rb"(?i)LIST .*RETURN|LIST \(",
    "UIDPLUS": rb"(?i)UID EXPUNGE",
    "ENABLE": rb"(?i)^\S+ ENABLE",
    "NAMESPACE": rb"(?i)^\S+ NAMESPACE",
    "UNSELECT": rb"(?i)^\S+ UNSELECT",
    "ID": rb"(?i)^\S+ ID ",
    "SASL-IR": rb"(?i)^\S+ AUTHENTICATE \S+ \S",
    "ESEARCH": rb"(?i)SEARCH RETURN",
    "STATUS=SIZE": rb"(?i)STATUS.*\bSIZE\b",
    "COMPRESS=DEFLATE": rb"(?i)^\S+ COMPRESS",
}

# What a server without a capability would not say.
HIDES = {
    "UIDPLUS": re.compile(rb"\[APPENDUID [^\]]*\] ?"),
    "CONDSTORE": re.compile(rb"\[HIGHESTMODSEQ \d+\]"),
}


class Proxy(Listener):
    """Listens on loopback, relays every connection to `server` (host, port).

    without: capabilities to take away.
    cut_up, cut_down: after so many octets to (from) the server, all connections together, the
                connections end without a word and later ones are refused at once; heal() undoes.
    at_up, at_down: (octets, function): called once when so many octets have passed, before the
                rest does.
    at_line:    (regular expression, function): called once before a client's line that matches.
    at_answer:  the same before a server's line that matches; until it returns, that waits.
    hold_ok:    a regular expression: an answer line of the server that matches is not passed on;
                the connection ends instead (the command was done, nobody hears it).

    octets, connections, violations are for looking at."""

    def __init__(self, server, without=(), cut_up=None, cut_down=None, at_up=None, at_down=None,
                 at_line=None, at_answer=None, hold_ok=None):
        self.target = server
        # What is compressed cannot be looked at.
        self.without = {w.upper() for w in without} | {"COMPRESS=DEFLATE"}
        self.limits = {"up": cut_up, "down": cut_down}
        self.triggers = {"up": at_up, "down": at_down}
        self.at_line = at_line
        self.at_answer = at_answer
        self.hold_ok = hold_ok
        self.octets = {"up": 0, "down": 0}
        self.violations = []
        self.dead = False
        super().__init__()

    def heal(self):
        """From now on nothing is cut."""
        with self.lock:
            self.limits = {"up": None, "down": None}
            self.triggers = {"up": None, "down": None}
            self.at_line = self.at_answer = self.hold_ok = None
            self.dead = False

    # ---- inside ----

    def _cut(self):
        """End every connection, and those that come from now on."""
        self.dead = True
        self.end_connections()

    def serve(self, sock, number):
        server = self.reach(self.target.port, sock)
        if not server:
            return
        if not self.dead:
            down = self.spawn(self._pump, "down", server, sock)
            self._pump("up", sock, server)
            down.join()
        self.release(server)
        self.release(sock)

    def _pump(self, way, source, sink):
        splitter = Splitter()
        after_literal = [False]
        try:
            while True:
                octets = source.recv(CHUNK)
                if not octets:
                    break
                for kind, piece in splitter.feed(octets):
                    if not self._pass(way, kind, piece, sink, after_literal):
                        self._cut()
                        return
        except OSError:
            pass
        finally:
            shut(source)
            shut(sink)

    def _pass(self, way, kind, piece, sink, after_literal):
        """Send one piece on; False: end the connection."""
        if way == "up" and self.without:
            self._watch(kind, piece, after_literal)
        if way == "up" and kind == "line" and self.at_line and re.search(
                self.at_line[0].encode(), piece):
            function, self.at_line = self.at_line[1], None
            function()
        if way == "down" and kind == "line":
            piece = self._mask(piece)
            if self.at_answer and re.search(self.at_answer[0].encode(), piece):
                function, self.at_answer = self.at_answer[1], None
                function()
            if self.hold_ok and re.search(self.hold_ok.encode(), piece):
                return False
        with self.lock:
            before = self.octets[way]
            self.octets[way] = before + len(piece)
            limit, trigger = self.limits[way], self.triggers[way]
            if trigger and before + len(piece) >= trigger[0]:
                self.triggers[way] = None
            else:
                trigger = None
        if trigger:
            head = max(0, min(len(piece), trigger[0] - before))
            sink.sendall(piece[:head])
            trigger[1]()
            piece = piece[head:]
        if limit is not None and before + len(piece) >= limit:
            sink.sendall(piece[:max(0, limit - before)])
            return False
        sink.sendall(piece)
        return True

    def _watch(self, kind, piece, after_literal):
        if kind == "data":
            after_literal[0] = True
            return
        for capability in self.without & USES.keys():
            if re.search(USES[capability], piece):
                self.violations.append("%s: %r" % (capability, piece[:200]))
        if after_literal[0] and "MULTIAPPEND" in self.without and re.match(
                rb' (\([^)]*\) )?("[^"]*" )?\{\d+\+?\}\r\n$', piece):
            self.violations.append("MULTIAPPEND: %r" % piece[:200])
        after_literal[0] = False

    def _mask(self, line):
        if not self.without:
            return line
        if re.match(rb"(?i)\* (CAPABILITY|(OK|PREAUTH) \[CAPABILITY)|\S+ OK \[CAPABILITY", line):
            def keep(match):
                words = match.group(0).split(b" ")
                return b" ".join(w for w in words if w.decode().upper() not in self.without)

            return re.sub(rb"(?i)CAPABILITY [^\]\r]*", keep, line)
        if line.startswith(b"* ") and not re.match(rb"\* OK \[", line):
            return line
        for capability in self.without & HIDES.keys():
            line = HIDES[capability].sub(b"", line)
        return line
