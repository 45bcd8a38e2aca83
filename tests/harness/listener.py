# SPDX-License-Identifier: Apache-2.0
"""What everything has in common that listens on loopback and serves each client in a thread."""

import socket
import threading


def shut(sock):
    """End a connection that another thread may be using: that one closes it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Listener:
    """Calls serve(sock, number) for each connection (the first is number 1) in a thread of its own,
    until stop(). Whoever inherits prepares what serve() needs before he calls our __init__().

    host, port, tls_port, ca_file: where, as programs are told (harness/mailmig.py).
    connections:                   how many came.
    lock, stopped:                 for those who inherit."""

    host = "localhost"
    ca_file = None

    def __init__(self, window=None):
        self.connections = 0
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self._threads = []
        self._sockets = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        if window:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.port = self.tls_port = self._listener.getsockname()[1]
        self.spawn(self._accept)

    def serve(self, sock, number):
        raise NotImplementedError

    def stop(self):
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self.end_connections()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    # ---- for those who inherit ----

    def spawn(self, target, *args):
        """A thread that stop() waits for."""
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def hold(self, sock):
        """One more socket that end_connections() and stop() are to end. Returns it."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self._sockets.add(sock)
            late = self.stopped.is_set()
        if late:
            shut(sock)
        return sock

    def reach(self, port, sock):
        """A held connection to a server for this client. None: it is not there, and the client is
        released."""
        try:
            return self.hold(socket.create_connection(("127.0.0.1", port)))
        except OSError:
            self.release(sock)
            return None

    def release(self, sock):
        """Close a socket, held or not."""
        with self.lock:
            self._sockets.discard(sock)
        sock.close()

    def end_connections(self):
        with self.lock:
            for sock in self._sockets:
                shut(sock)

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.spawn(self.serve, self.hold(sock), self.connections)
