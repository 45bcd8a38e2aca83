# SPDX-License-Identifier: Apache-2.0
"""A bad line between a client and a server: octets pass untouched (TLS too), up to a chosen one."""

import socket
import struct
import threading
import time

from .listener import Listener, shut

CHUNK = 65536
TRICKLE = 4        # octets at a time
TRICKLE_WAIT = 0.02  # seconds between them
LAGGING = 6        # pieces from the server that a lag concerns

KINDS = ("cut", "reset", "stall", "throttle", "corrupt")


class Fault:
    """What happens after `after` octets of one direction.

    kind:   "cut"       that connection ends;
            "reset"     the same without a word (RST);
            "stall"     nothing more passes, either way, and the connection stays open;
            "throttle"  `span` octets of this direction come as a trickle (None: all that follow),
                        `piece` octets at a time with `wait` seconds between them;
            "corrupt"   one bit of the next octet is another one.
    way:    "up" (to the server) or "down".
    number: count the octets of connection `number` alone; default: of all together.
    each:   count those of each connection by itself, and strike in each.
    once:   what comes later is left alone. Otherwise every later connection is struck too, at its
            first octet."""

    def __init__(self, kind, way, after, number=None, each=False, once=True, span=200,
                 piece=TRICKLE, wait=TRICKLE_WAIT):
        if kind not in KINDS or way not in ("up", "down"):
            raise ValueError("%s %s" % (kind, way))
        self.kind, self.way, self.after = kind, way, after
        self.number, self.each, self.once = number, each, once and not each
        self.span, self.piece, self.wait = span, piece, wait

    def __str__(self):
        return "%s %s after %d octets" % (self.kind, self.way, self.after)


class Line(Listener):
    """Relays every connection to `server`, to its TLS port or the one in clear.

    lag:     the first answers of each connection, up to its login, come so many seconds late, so
             that the line looks like a long one.
    window:  how many octets the kernel takes from a client before we do; default: many.
    octets:  {"up": n, "down": n}, all connections together.
    times:   when each connection came (monotonic); arrived: a semaphore, released for each.
    struck:  an Event: the fault has happened."""

    def __init__(self, server, fault=None, tls=False, window=None, lag=0):
        self.target = server
        self.tls = tls
        self.lag = lag
        self.ca_file = server.ca_file
        self.fault = fault
        self.octets = {"up": 0, "down": 0}
        self.times = []
        self.arrived = threading.Semaphore(0)
        self.struck = threading.Event()
        super().__init__(window)

    def heal(self):
        """From now on nothing happens. What has stalled stays so."""
        self.fault = None

    # ---- inside ----

    def serve(self, sock, number):
        self.times.append(time.monotonic())
        self.arrived.release()
        server = self.reach(self.target.tls_port if self.tls else self.target.port, sock)
        if not server:
            return
        relay = _Relay(self, sock, server, number)
        down = self.spawn(relay.pump, "down")
        relay.pump("up")
        down.join()
        self.release(server)
        self.release(sock)

    def meet(self, relay, way, n):
        """n octets want to pass: how many may before the fault, and the fault; or n and None."""
        with self.lock:
            fault = self.fault
            before = relay.octets[way]
            if fault and not fault.each and fault.number is None:
                before = self.octets[way]
            relay.octets[way] += n
            self.octets[way] += n
            if not fault or fault.way != way or before + n <= fault.after or \
                    fault.number not in (None, relay.number) or relay.hit:
                return n, None
            if fault.once:
                self.fault = None
            relay.hit = True
            self.struck.set()
            return max(0, fault.after - before), fault


class _Relay:
    """One connection and the one behind it."""

    def __init__(self, line, client, server, number):
        self.line, self.number = line, number
        self.ends = {"up": (client, server), "down": (server, client)}
        self.octets = {"up": 0, "down": 0}
        self.hit = False
        self.early = LAGGING if line.lag else 0
        self.stalled = threading.Event()
        self.trickle = {"up": 0, "down": 0}  # octets to come slowly
        self.fault = None

    def pump(self, way):
        source, sink = self.ends[way]
        try:
            while True:
                slowly = self.trickle[way] > 0
                octets = source.recv(self.fault.piece if slowly else CHUNK)
                if not octets:
                    break
                self.give(way, octets, sink)
        except (OSError, _Cut):
            pass
        finally:
            # Those that are to be reset must not say a word before.
            for sock in (source, sink):
                (_wake if self.fault and self.fault.kind == "reset" else shut)(sock)

    def give(self, way, octets, sink):
        if way == "down" and self.early > 0:
            self.early -= 1
            self.line.stopped.wait(self.line.lag)
        n, fault = self.line.meet(self, way, len(octets))
        self.send(way, octets[:n], sink)
        octets = octets[n:]
        if fault:
            self.fault = fault
            octets = self.strike(way, octets, fault)
        self.send(way, octets, sink)

    def strike(self, way, octets, fault):
        if fault.kind == "corrupt":
            return bytes([octets[0] ^ 0x02]) + octets[1:]
        if fault.kind == "throttle":
            self.trickle[way] = float("inf") if fault.span is None else fault.span
            return octets
        if fault.kind == "stall":
            self.stalled.set()
            return octets
        if fault.kind == "reset":
            for sock in self.ends[way]:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Cut()

    def send(self, way, octets, sink):
        while octets and self.trickle[way] > 0 and not self.stalled.is_set():
            piece = octets[:self.fault.piece]
            sink.sendall(piece)
            self.trickle[way] -= len(piece)
            octets = octets[len(piece):]
            if self.line.stopped.wait(self.fault.wait):
                raise _Cut()
        if octets and self.stalled.is_set():
            self.line.stopped.wait()
            raise _Cut()
        sink.sendall(octets)


class _Cut(Exception):
    pass


def _wake(sock):
    """Whoever reads from it stops; the other side hears nothing."""
    try:
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        pass
