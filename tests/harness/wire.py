# SPDX-License-Identifier: Apache-2.0
"""IMAP's line and literal framing, for those who stand between or play the server."""

import re

LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")


class Splitter:
    """Octets in; (kind, octets) out, where kind is "line" (up to and with its CRLF) or "data"
    (a piece of a literal). Joined together the output is the input."""

    def __init__(self):
        self.buffer = b""
        self.literal = 0

    def feed(self, octets):
        self.buffer += octets
        while self.buffer:
            if self.literal:
                piece = self.buffer[:self.literal]
                self.buffer = self.buffer[len(piece):]
                self.literal -= len(piece)
                yield "data", piece
                continue
            end = self.buffer.find(b"\n")
            if end < 0:
                return
            line, self.buffer = self.buffer[:end + 1], self.buffer[end + 1:]
            m = LITERAL.search(line)
            self.literal = int(m.group(1)) if m else 0
            yield "line", line
