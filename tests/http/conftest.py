"""A server that says exactly the bytes a test wants said."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sync.http import Transport

Handler = Callable[[socket.socket, bytes], None]


def ok(body: bytes = b'{"id": "1"}', *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class RawServer:
    """Reads a request, lets the handler speak, and waits for the next one on the same connection."""

    def __init__(self, handler: Handler | bytes) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.closed = 0
        self.stopping = threading.Event()
        self._handler: Handler = handler if callable(handler) else lambda sock, _: sock.sendall(handler)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:  # it was woken, to end
                return
            self.connections += 1
            self._sockets.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            while request := read_request(sock):
                self.requests.append(request)
                self._handler(sock, request)
        self.closed += 1

    def wait_until_closed(self, count: int) -> None:
        until = time.monotonic() + 5
        while self.closed < count:
            assert time.monotonic() < until
            time.sleep(0.005)

    def stop(self) -> None:
        self.stopping.set()
        for sock in (self._listener, *self._sockets):  # the first wakes the thread that accepts, where the system can
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()


def read_request(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def serve() -> Iterator[Callable[[Handler | bytes], RawServer]]:
    servers: list[RawServer] = []

    def start(handler: Handler | bytes) -> RawServer:
        servers.append(RawServer(handler))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport()
    yield transport
    transport.close()
