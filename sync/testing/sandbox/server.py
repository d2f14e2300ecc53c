"""The sockets: a thread for each connection, each kept alive as long as the client likes."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sync.testing.sandbox import control, transmit
from sync.testing.sandbox.config import Config
from sync.testing.sandbox.message import Request, error
from sync.testing.sandbox.remote import SandboxRemote
from sync.testing.sandbox.wire import BadRequest, Wire

BACKLOG = 512


class SandboxServer:
    """A sandbox remote on a port, served by threads of this process. A context manager.

    Args:
        config: how it behaves; ``options`` are set on top of it.
        host: address to listen at.
        port: 0 for a free one.
        journal: file for the journal.
        state: file for the state; it survives a restart.
        fsync: both files survive a crash of the machine.
        options: of ``Config``.

    Raises:
        ConfigError: an option makes no sense.
        OSError: the port is taken.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        journal: str | Path | None = None,
        state: str | Path | None = None,
        fsync: bool = False,
        **options: Any,
    ) -> None:
        settled = (config or Config()).changed(options)
        self.listener = socket.create_server((host, port), backlog=BACKLOG)
        self.host = host
        self.port: int = self.listener.getsockname()[1]
        try:
            self.remote = SandboxRemote(settled, journal=journal, state=state, fsync=fsync)
        except BaseException:
            self.listener.close()
            raise
        self._waker, self._bell = socket.socketpair()
        self._connections: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, name="sandbox-accept", daemon=True)

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> Self:
        """Serve from now on."""
        self._acceptor.start()
        return self

    def stop(self) -> None:
        """Close every connection and the port."""
        self.remote.stopping.set()
        self._bell.send(b"x")
        if self._acceptor.is_alive():
            self._acceptor.join(5.0)
        with self._lock:
            connections, threads = list(self._connections), list(self._threads)
        for connection in connections:
            with contextlib.suppress(OSError):  # the client may have left first
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5.0)
        self.remote.stop()
        for end in (self.listener, self._waker, self._bell):
            end.close()

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self.listener, self._waker], [], [])
            if self._waker in ready:
                return
            try:
                connection, address = self.listener.accept()
            except OSError:
                continue  # the client left between the handshake and here
            client = f"{address[0]}:{address[1]}"
            thread = threading.Thread(target=self._serve, args=(connection, client), name=client, daemon=True)
            with self._lock:
                self._connections.add(connection)
                self._threads.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket, client: str) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._converse(connection, Wire(connection, client))
        except OSError:
            return  # the client left, or idled too long
        finally:
            with self._lock:
                self._connections.discard(connection)
                self._threads.discard(threading.current_thread())
            connection.close()

    def _converse(self, connection: socket.socket, wire: Wire) -> None:
        stopping = self.remote.stopping.is_set
        while not stopping():
            connection.settimeout(self.remote.config.keep_alive_s or None)
            try:
                request = wire.read()
            except BadRequest as exc:
                connection.sendall(transmit.encoded(error(exc.status, "bad_request", str(exc)), _nobody()))
                transmit.linger(connection)
                return
            if request is None or not self._answer(connection, request):
                return

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        reply = control.answer(self.remote, request) if control.owns(request.path) else self.remote.serve(request)
        if self.remote.config.gzip:
            reply = transmit.compressed(reply, request)
        return transmit.send(connection, reply, request, self.remote.stopping.is_set)


def _nobody() -> Request:
    """Return a stand-in for a request that could not be read."""
    return Request(method="", path="", query="", headers={"connection": "close"}, body=b"", at=0.0, monotonic=0.0)
