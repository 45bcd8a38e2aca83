# SPDX-License-Identifier: Apache-2.0
"""mailmigd played by a thread: the control protocol, with the answers a test wants."""

import json
import os
import socket
import threading

from . import scratch

CONTROL = "io.mailmig.Control."


class Gone(Exception):
    """The client closed the connection."""


class Call:
    """One request. A handler answers it with event(), reply() or error()."""

    def __init__(self, connection, request):
        self._connection = connection
        self.method = request.get("method", "")
        self.parameters = request.get("parameters", {})
        self.more = request.get("more", False)

    def _send(self, message):
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\0")
        except OSError as gone:
            raise Gone from gone

    def event(self, **event):
        self._send({"parameters": {"event": event}, "continues": True})

    def runs(self, *accounts):
        runs = [{"account": a, "run": "01" + a.upper()} for a in accounts]
        self._send({"parameters": {"runs": runs}, "continues": True})

    def reply(self, **parameters):
        self._send({"parameters": parameters})

    def error(self, name, **parameters):
        self._send({"error": name if "." in name else CONTROL + name, "parameters": parameters})

    def octets(self, data):
        self._connection.sendall(data)

    def hang_up(self):
        # Both ways at once: a close alone would wait for the thread's own file object.
        self._connection.shutdown(socket.SHUT_RDWR)
        raise Gone


class FakeDaemon:
    """Handlers by method name, without the interface: daemon.on["Status"] = function(call).

    calls: what was asked, as (method, parameters, more)."""

    def __init__(self):
        self.dir = scratch.directory()
        self.path = os.path.join(self.dir, "control")
        self.on = {}
        self.calls = []
        self.errors = []
        self._called = threading.Condition()
        self._threads = []
        self._connections = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(16)
        self._start(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()
        scratch.remove(self.dir)
        if kind is None and self.errors:
            raise self.errors[0]

    def wait_for(self, method, timeout=20):
        """Until that method was called; returns its parameters."""
        def found():
            return [p for m, p, _ in self.calls if m == method]

        with self._called:
            assert self._called.wait_for(found, timeout), "nobody called %s" % method
            return found()[-1]

    def _start(self, function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection):
        data = b""
        try:
            while True:
                while b"\0" not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                message, data = data.split(b"\0", 1)
                self._handle(Call(connection, json.loads(message)))
        except (Gone, OSError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)
        finally:
            connection.close()

    def _handle(self, call):
        name = call.method[len(CONTROL):] if call.method.startswith(CONTROL) else call.method
        with self._called:
            self.calls.append((name, call.parameters, call.more))
            self._called.notify_all()
        handler = self.on.get(name)
        if handler is None:
            call.error("org.varlink.service.MethodNotFound", method=call.method)
        else:
            handler(call)


def summary(account, **values):
    """A `last_run` as the contract has it."""
    out = {"id": "01" + account.upper(), "job": "sync", "started": "2026-11-20T17:00:00Z",
           "finished": "2026-11-20T17:00:10Z", "result": "ok", "exit_code": 0, "copied": 0,
           "present": 0, "skipped": 0, "failed": 0, "flags_updated": 0, "deleted": 0, "bytes": 0,
           "errors": [], "account": account, "dry_run": False}
    out.update(values)
    return out


def account(name, **values):
    """An account of a status answer."""
    out = {"name": name, "group": None, "mode": "sync", "enabled": True, "state": "idle",
           "timer": {"enabled": False, "next": None}, "last_run": None, "last_success": None,
           "totals": {"messages": 0, "bytes": 0}, "progress": None}
    out.update(values)
    return out


def status(*accounts, **daemon):
    return {"version": "0.1.0", "accounts": list(accounts),
            "daemon": {"pid": 1, "since": "2020-02-01T08:00:00Z", "jobs_running": 0,
                       "jobs_queued": 0, **daemon}}
