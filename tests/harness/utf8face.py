# SPDX-License-Identifier: Apache-2.0
"""What a server without it lacks for UTF8=ACCEPT (RFC 6855): names in UTF-8, both ways, and APPEND
of UTF8 messages. Stands in a session of quirky.py."""

import re

from .imapclient import decode_name, encode_name

NAMED = re.compile(rb'^\S+ (SELECT|EXAMINE|CREATE|SUBSCRIBE|UNSUBSCRIBE|STATUS|APPEND|GETQUOTAROOT) ',
                   re.I)
QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.S)
LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n")
WIDE = re.compile(rb" UTF8 \(~\{(\d+)\+?\}\r\n")
LISTED = re.compile(rb'\)( "[^"]*")? UTF8 \(~')  # Courier knows it only behind a list of flags
TOLD = re.compile(rb'^\* (LIST \([^)]*\) (?:"(?:[^"\\]|\\.)*"|NIL) |LSUB \([^)]*\) '
                  rb'(?:"(?:[^"\\]|\\.)*"|NIL) |STATUS )', re.I | re.S)


def quote(octets):
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", octets) + b'"'


def unquote(octets):
    return re.sub(rb"\\(.)", rb"\1", octets, flags=re.S)


def _is_utf8(header):
    try:
        return not header.decode("utf-8").isascii()
    except UnicodeError:
        return False


class Utf8Face:
    """only: commands that name folders are refused before ENABLE (UTF8=ONLY).

    enabled: ENABLE was said. wide: how many messages came as UTF8."""

    def __init__(self, only=False):
        self.only = only
        self.enabled = False
        self.wide = 0

    def refusal(self, command):
        """Why the server would not do this: a response text, or None."""
        if self.only and not self.enabled and (NAMED.match(command) or
                                               re.match(rb"\S+ (LIST|LSUB) ", command, re.I)):
            return b"NO [CANNOT] ENABLE UTF8=ACCEPT first"
        if WIDE.search(command) and not LISTED.search(command):
            return b"NO Error in IMAP command received by server."
        if re.match(rb"\S+ APPEND ", command, re.I):
            for start, n in self._messages(command):
                header = re.split(rb"\r?\n\r?\n", command[start:start + n], 1)[0]
                if _is_utf8(header) != bool(WIDE.search(command[max(0, start - 40):start])):
                    return b"NO UTF8 is for headers in UTF-8, and they are for it"
        return None

    def command(self, command):
        """As the server behind wants it."""
        if re.match(rb"\S+ ENABLE .*UTF8=ACCEPT", command, re.I):
            self.enabled = True
            return command
        if not self.enabled:
            return command
        m = NAMED.match(command)
        if not m:
            return command
        name, rest = self._name(command[m.end():])
        return command[:m.end()] + quote(self._inside(name)) + self._plain(rest)

    def response(self, response, command):
        """As the client hears it."""
        if re.match(rb"\S+ ENABLE .*UTF8=ACCEPT", command, re.I):
            return b"" if response.startswith(b"* ENABLED") else \
                b"* ENABLED UTF8=ACCEPT\r\n" + response
        if not self.enabled:
            return response
        if response.startswith(b"* NAMESPACE "):
            return QUOTED.sub(lambda q: quote(self._outside(unquote(q.group(1)))), response)
        m = TOLD.match(response)
        if not m:
            return response
        name, rest = self._name(response[m.end():])
        return response[:m.end()] + quote(self._outside(name)) + rest

    @staticmethod
    def _name(text):
        """(name, what follows it) of a string or atom."""
        m = QUOTED.match(text)
        if m:
            return unquote(m.group(1)), text[m.end():]
        m = LITERAL.match(text)
        if m:
            end = m.end() + int(m.group(1))
            return text[m.end():end], text[end:]
        m = re.match(rb"[^ \r\n]*", text)
        return m.group(0), text[m.end():]

    @staticmethod
    def _outside(name):
        try:
            return decode_name(name.decode("ascii")).encode()
        except (ValueError, UnicodeError):
            return name

    @staticmethod
    def _inside(name):
        try:
            return encode_name(name.decode("utf-8")).encode()
        except UnicodeError:
            return name

    @staticmethod
    def _messages(command):
        """(where it begins, octets) of each literal."""
        at = 0
        while True:
            m = LITERAL.search(command, at)
            if not m:
                return
            yield m.end(), int(m.group(1))
            at = m.end() + int(m.group(1))

    def _plain(self, rest):
        """Messages that came as UTF8 as any others."""
        out, at = b"", 0
        while True:
            m = LITERAL.search(rest, at)
            if not m:
                return out + rest[at:]
            end = m.end() + int(m.group(1))
            wide = WIDE.search(rest[at:m.end()])
            if wide:
                self.wide += 1
                out += rest[at:at + wide.start()] + b" {" + wide.group(1) + b"+}\r\n"
                assert rest[end:end + 1] == b")", rest[end:end + 20]
                out += rest[m.end():end]
                end += 1
            else:
                out += rest[at:end]
            at = end
