# SPDX-License-Identifier: Apache-2.0
"""A socket whose octets travel as DEFLATE (RFC 4978), for those who stand between or play the
server."""

import io
import zlib

CHUNK = 65536


class Deflated:
    """Has the face of the socket that it stands before."""

    def __init__(self, sock, level=6):
        self.sock = sock
        self.packer = zlib.compressobj(level, zlib.DEFLATED, -15)
        self.unpacker = zlib.decompressobj(-15)

    def __getattr__(self, name):
        return getattr(self.sock, name)

    def sendall(self, octets):
        self.sock.sendall(self.packer.compress(octets) + self.packer.flush(zlib.Z_SYNC_FLUSH))

    def recv(self, n):
        while True:
            out = self.unpacker.decompress(self.unpacker.unconsumed_tail, n)
            if out:
                return out
            octets = self.sock.recv(CHUNK)
            if not octets:
                return b""
            out = self.unpacker.decompress(octets, n)
            if out:
                return out

    def makefile(self, _mode):
        return io.BufferedReader(_Raw(self))


class _Raw(io.RawIOBase):
    def __init__(self, deflated):
        super().__init__()
        self.deflated = deflated

    def readable(self):
        return True

    def readinto(self, buffer):
        octets = self.deflated.recv(len(buffer))
        buffer[:len(octets)] = octets
        return len(octets)
