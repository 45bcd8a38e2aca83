# SPDX-License-Identifier: Apache-2.0
"""A real server behind a bad one: passes commands on, but answers some as it is told. For
tests/dialogues/*.dlg: what the client is told is wrong, what is stored is real.

Rules are those of scripted.py (`on REGEX`, `once REGEX`, searched in the whole command, literals
included), and so are send, raw, repeat, delay, silence, close and drop. Without a rule a command
and its answer are passed on. More actions:

    edit REGEX => TEXT     in each response to this command, in the order given; before `pass`.
                           The regex sees the response with its literals and its CRLF; $1… and
                           Python's escapes in TEXT. A response that becomes empty is dropped.
    edit1 REGEX => TEXT    the same, used up after the first response that it matches
    ask REGEX => TEXT      the same for the command on its way to the server
    alter REGEX => TEXT    the same for the messages in it, one by one, whatever their size becomes
    pass                   send the command on, relay the answer
    do                     send the command on, keep the answer back
    count N TEXT           TEXT N times, $i in it being a number each time
    flood TEXT             the octets of TEXT until the client is gone
    drip SECONDS TEXT      the same, an octet each time, with such pauses
    sip SECONDS N          read N octets each time, with such pauses, until the client is gone
    reverse                the responses to this command come the other way round; before `pass`
    hangup                 end the connection to the client, and go on without it
    consent                (on LITERAL …, last) the literal may come
    deflate                what follows is compressed, both ways
    bare TEXT              as raw, and not compressed; bareflood TEXT: until the client is gone
    greet                  (at the connection) the real greeting
    from N                 (at the connection) what follows is for the N-th connection and later
                           ones; those before get the real greeting

Before the first rule: the greeting, `edit` for all responses, `without WORD …`: capabilities that
are not offered, and `stale`: what a session has appended shows there only after a NOOP, CHECK,
SELECT or EXAMINE; `offer WORD …`: capabilities that are offered, whatever becomes of them;
`compress`: COMPRESS=DEFLATE, offered and done, by a server that is far away (the answer to CAPABILITY
comes 10 ms late); `utf8`: UTF8=ACCEPT, likewise, and `utf8 only`: UTF8=ONLY."""

import itertools
import re
import select
import socket
import struct

from .deflated import Deflated
from .listener import Listener, shut
from .utf8face import Utf8Face
from .wire import LITERAL

LINE_MAX = 4 * 1024 * 1024
FAR = 0.01  # seconds
ACTIONS = ("send", "raw", "repeat", "delay", "silence", "close", "drop", "edit", "edit1", "ask",
           "pass", "do", "greet", "from", "starttls", "hangup", "alter",
           "consent", "count", "reverse", "flood", "drip", "sip",
           "deflate", "bare", "bareflood")
EDITS = ("edit", "edit1", "ask", "alter")


class _End(Exception):
    pass


def _unescape(text):
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")


class Edit:
    """One substitution in octets."""

    def __init__(self, rest, once):
        regex, arrow, text = rest.partition("=>")
        if not arrow:
            raise ValueError("edit without =>: %s" % rest)
        self.regex = re.compile(regex.strip().encode("latin-1"), re.S | re.I)
        self.text = _unescape(text.strip())
        self.once = once
        self.used = False

    def __call__(self, octets):
        if self.used:
            return octets

        def one(match):
            self.used = self.once
            return re.sub(rb"\$(\d)", lambda m: match.group(int(m.group(1))) or b"", self.text)

        return self.regex.sub(one, octets, 1 if self.once else 0)


def alter(command, edit):
    """The command with other messages in it."""
    out, rest = b"", command
    while True:
        m = re.search(rb"\{(\d+)\+?\}\r\n", rest)
        if not m:
            return out + rest
        end = m.end() + int(m.group(1))
        message = edit(rest[m.end():end])
        out += rest[:m.start()] + b"{%d+}\r\n" % len(message) + message
        rest = rest[end:]


class Script:
    """What to do, out of lines of text."""

    def __init__(self, lines):
        # What is compressed by the server itself cannot be looked at.
        self.without, self.edits = {"COMPRESS=DEFLATE"}, []
        self.greeting, self.rules = [], []
        self.stale = self.compress = False
        self.utf8 = None
        self.offer = []
        actions = None
        for line in lines:
            word, _, rest = line.partition(" ")
            if word in ("on", "once"):
                actions = []
                self.rules.append([re.compile(rest, re.I | re.S), word == "once", actions])
            elif word == "without":
                self.without |= set(rest.upper().split())
            elif line == "stale":
                self.stale = True
            elif word == "offer":
                self.offer += rest.split()
            elif line == "compress":
                self.compress = True
                self.offer.append("COMPRESS=DEFLATE")
            elif word == "utf8":
                self.utf8 = line
                self.offer.append("UTF8=ONLY" if rest == "only" else "UTF8=ACCEPT")
            elif word in ACTIONS:
                value = Edit(rest, word == "edit1") if word in EDITS else rest
                if actions is None and word in ("edit", "edit1"):
                    self.edits.append(value)
                else:
                    (self.greeting if actions is None else actions).append((word, value))
            else:
                raise ValueError("unknown word: %s" % line)


class Quirky(Listener):
    """Stands before `server` (host, port) on a port of the system's choice.

    tls:      an ssl.SSLContext: implicit TLS, or what a `starttls` action begins.
    heard:    all commands, as text. in_clear: those that came without encryption.
    packed:   how many connections were compressed. wide: messages that came as UTF8."""

    def __init__(self, server, script, tls=None, implicit=False, ca_file=None):
        self.target = server
        self.script = script
        self.tls = tls
        self.implicit = implicit
        self.ca_file = ca_file
        self.heard = []
        self.in_clear = []
        self.packed = self.wide = 0
        super().__init__()

    def serve(self, sock, number):
        server = self.reach(self.target.port, sock)
        if not server:
            return
        _Connection(self, sock, server, number).serve()

    def take_rule(self, text):
        with self.lock:
            for rule in self.script.rules:
                match = rule[0].search(text)
                if match:
                    if rule[1]:
                        self.script.rules.remove(rule)
                    return match, rule[2]
        if self.script.compress and re.match(r"\S+ COMPRESS DEFLATE\r\n$", text, re.I):
            return None, [("send", "$tag OK here we go"), ("deflate", "")]
        return None, [("pass", "")]


class _Connection:
    def __init__(self, quirky, client, server, number):
        self.quirky = quirky
        self.number = number
        self.script = quirky.script
        self.client = client
        self.encrypted = False
        self.utf8 = Utf8Face(self.script.utf8 == "utf8 only") if self.script.utf8 else None
        self.hidden = set()  # UIDs appended by this session that it cannot see yet
        self.lines = None
        self.server = server
        self.answers = server.makefile("rb")

    def serve(self):
        try:
            if self.quirky.implicit:
                self.encrypt()
            self.lines = self.client.makefile("rb")
            actions = self.script.greeting or [("greet", "")]
            self.greeting = self.response()
            self.play(actions, None, b"", "*")
            while True:
                command = self.command()
                if command is None:
                    break
                text = command.decode("latin-1")
                self.quirky.heard.append(text.rstrip("\r\n"))
                if not self.encrypted:
                    self.quirky.in_clear.append(text)
                if self.script.compress and re.match(r"\S+ CAPABILITY\r\n$", text, re.I):
                    self.quirky.stopped.wait(FAR)
                match, actions = self.quirky.take_rule(text)
                self.play(actions, match, command, text.split(" ", 1)[0])
        except (_End, OSError, ValueError):
            pass
        finally:
            self.answers.close()
            self.quirky.release(self.server)
            if self.lines:
                self.lines.close()
            self.quirky.wide += self.utf8.wide if self.utf8 else 0
            self.quirky.release(self.client.sock if isinstance(self.client, Deflated)
                                else self.client)

    def encrypt(self):
        # The old one no longer has a descriptor to end.
        self.client = self.quirky.hold(
            self.quirky.tls.wrap_socket(self.client, server_side=True))
        self.encrypted = True

    def command(self):
        """One command with its literals. None at the end."""
        out = b""
        while True:
            line = self.lines.readline(LINE_MAX)
            if not line.endswith(b"\n"):
                return None
            out += line
            m = LITERAL.search(line)
            if not m:
                # The second half of AUTHENTICATE without SASL-IR.
                if re.search(rb"^\S+ AUTHENTICATE \S+\r\n$", out, re.I):
                    self.client.sendall(b"+ \r\n")
                    out = out[:-2] + b" " + self.lines.readline(LINE_MAX)
                return out
            if not m.group(2):
                refusal = self.refusal(out)
                if refusal:
                    return refusal
                self.client.sendall(b"+ go ahead\r\n")
            out += self.lines.read(int(m.group(1)))

    def refusal(self, so_far):
        """A rule `on LITERAL …` answers instead of consenting to a literal."""
        text = "LITERAL " + so_far.decode("latin-1")
        match, actions = self.quirky.take_rule(text)
        if not match:
            return None
        self.quirky.heard.append(text)
        self.play(actions, match, so_far, so_far.split(b" ", 1)[0].decode("latin-1"))
        if ("consent", "") in actions:
            return None
        return self.command()

    def response(self):
        """One response of the real server, literals included."""
        out = b""
        while True:
            line = self.answers.readline(LINE_MAX)
            if not line.endswith(b"\n"):
                raise _End()
            out += line
            m = LITERAL.search(line)
            if not m or re.match(rb"\* (OK|NO|BAD|BYE) ", out):
                return out
            out += self.answers.read(int(m.group(1)))

    def forward(self, command, edits, relay, reverse):
        refusal = self.utf8.refusal(command) if self.utf8 else None
        if refusal:
            self.client.sendall(command.split(b" ", 1)[0] + b" " + refusal + b"\r\n")
            return
        if self.utf8:
            said, command = command, self.utf8.command(command)
        # Consent was given already: with LITERAL+ the server needs none.
        self.server.sendall(re.sub(rb"\{(\d+)\}\r\n", rb"{\1+}\r\n", command))
        tag = command.split(b" ", 1)[0]
        held = []
        while True:
            response = self.response()
            last = response.startswith(tag + b" ")
            response = self.hide(command, self.mask(response))
            if self.utf8:
                response = self.utf8.response(response, said)
            for edit in edits + self.script.edits:
                response = edit(response)
            if relay and response and reverse and not last:
                held.insert(0, response)
            elif relay and response:
                self.client.sendall(b"".join(held) + response)
            if last:
                return

    def mask(self, response):
        if b"CAPABILITY" not in response:
            return response

        def keep(match):
            return b" ".join(w for w in match.group(0).split(b" ")
                             if w.decode("latin-1").upper() not in self.script.without) + \
                "".join(" " + word for word in self.script.offer).encode()

        return re.sub(rb"CAPABILITY [^\]\r]*", keep, response)

    def hide(self, command, response):
        if not self.script.stale:
            return response
        if re.match(rb"\S+ (NOOP|CHECK|SELECT|EXAMINE)\b", command, re.I):
            self.hidden.clear()
        told = re.search(rb"\[APPENDUID \d+ ([\d:,]+)\]", response)
        for part in told.group(1).decode().split(",") if told else ():
            first, _, last = part.partition(":")
            self.hidden |= set(range(int(first), int(last or first) + 1))
        fetched = re.match(rb"\* \d+ FETCH \(.*?UID (\d+)", response)
        return b"" if fetched and int(fetched.group(1)) in self.hidden else response

    def play(self, actions, match, command, tag):
        edits, reverse = [], False
        for word, value in actions:
            if word == "reverse":
                reverse = True
            elif word in ("edit", "edit1"):
                edits.append(value)
            elif word == "ask":
                command = value(command)
            elif word == "alter":
                command = alter(command, value)
            elif word in ("pass", "do"):
                self.forward(command, edits, word == "pass", reverse)
            elif word == "greet" or (word == "from" and self.number < int(value)):
                greeting = self.mask(self.greeting)
                for edit in self.script.edits:
                    greeting = edit(greeting)
                self.client.sendall(greeting)
                if word == "from":
                    return
            elif word in ("from", "consent"):
                continue
            else:
                text = value.replace("$tag", tag)
                if match and match.groups():
                    text = re.sub(r"\$(\d)", lambda m: match.group(int(m.group(1))) or "", text)
                self.simple(word, text)

    def simple(self, word, text):
        if word == "send":
            self.client.sendall(_unescape(text) + b"\r\n")
        elif word == "raw":
            self.client.sendall(_unescape(text))
        elif word == "repeat":
            n, _, piece = text.partition(" ")
            octets, n = _unescape(piece), int(n)
            while n > 0 and not self.quirky.stopped.is_set():
                block = min(n, max(1, 65536 // len(octets)))
                self.client.sendall(octets * block)
                n -= block
        elif word == "count":
            n, _, piece = text.partition(" ")
            octets, n = _unescape(piece), int(n)
            for first in range(0, n, 1000):
                self.client.sendall(b"".join(octets.replace(b"$i", b"%d" % i)
                                             for i in range(first, min(n, first + 1000))))
        elif word == "flood":
            octets = _unescape(text)
            octets *= max(1, 65536 // len(octets))
            while not self.quirky.stopped.is_set():
                self.client.sendall(octets)
        elif word == "drip":
            seconds, _, piece = text.partition(" ")
            for octet in itertools.cycle(_unescape(piece)):
                self.client.sendall(bytes((octet,)))
                if self.quirky.stopped.wait(float(seconds)):
                    break
        elif word == "sip":
            seconds, _, n = text.partition(" ")
            while not self.quirky.stopped.wait(float(seconds)):
                if not self.client.recv(int(n)):
                    raise _End()
        elif word == "delay":
            self.quirky.stopped.wait(float(text))
        elif word == "silence":
            while True:
                select.select([self.client], [], [])
                if not self.client.recv(65536):
                    raise _End()
        elif word == "starttls":
            self.encrypt()
            self.lines = self.client.makefile("rb")
        elif word == "deflate":
            self.client = Deflated(self.client)
            self.lines = self.client.makefile("rb")
            self.quirky.packed += 1
        elif word == "bare":
            self.client.sock.sendall(_unescape(text))
        elif word == "bareflood":
            octets = _unescape(text) * 1000
            while not self.quirky.stopped.is_set():
                self.client.sock.sendall(octets)
        elif word == "hangup":
            shut(self.client)
        elif word == "close":
            raise _End()
        elif word == "drop":
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _End()
