"""A socket that keeps a total deadline.

``timeout=`` of requests is per read: a body that drips a byte a second holds it for ever. Here the socket's timeout is
set to what is left of the deadline before each system call, so that no sequence of reads can outlast it, and no
watchdog thread is needed.
"""

from __future__ import annotations

import socket
import ssl
import time

from urllib3.util import wait_for_read

from sync.exceptions import ConnectFailed, ConnectionLost, DeadlineExceeded, RemoteError, TlsFailed
from sync.http.deadline import Deadline
from sync.http.resolve import resolve

SLACK_S = 0.02
"""A timeout already set that is later than the deadline by no more than this stays: it saves a system call."""

READ_SIZE = 65536
WRITE_SIZE = 65536


class Wire:
    """One connected socket, plain or TLS, and what was read from it too early: ``buffer`` from ``at`` on.

    Args:
        host: the name or address, without brackets.
        port: TCP port.
        context: for TLS; None for plain HTTP.
    """

    __slots__ = ("_timeout", "at", "broken", "buffer", "context", "deadline", "host", "idle_since", "port", "sock")

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self.host = host
        self.port = port
        self.context = context
        self.sock: socket.socket | None = None
        self.buffer = b""
        self.at = 0
        self.broken = False
        self.idle_since = 0.0
        self.deadline = 0.0
        self._timeout = 0.0

    @property
    def unread(self) -> bool:
        """Whether something was read from the socket and from nobody yet."""
        return self.at < len(self.buffer)

    def open(self, deadline: Deadline) -> None:
        """Connect, and shake hands where it is TLS.

        Raises:
            NotSent: one of its classes; nothing of the request was written.
        """
        self.deadline = deadline.at
        plain = self._connect(deadline.connect_at)
        if self.context is None:
            self.sock = plain
            return
        try:
            self._arm(plain, deadline.connect_at)
            self.sock = self.context.wrap_socket(plain, server_hostname=self.host.rstrip("."))
        except (OSError, ValueError) as error:
            plain.close()
            raise TlsFailed(f"the TLS handshake with {self.host} failed: {_reason(error)}") from error

    def begin(self, deadline: Deadline) -> bool:
        """Return whether this idle connection may be used for another call."""
        self.deadline = deadline.at
        return self.sock is not None and not wait_for_read(self.sock, timeout=0.0)

    def write(self, head: bytes, body: bytes | None) -> None:
        """Write a request.

        Raises:
            ConnectFailed: no time was left, nothing was written.
            DeliveryUnknown: one of its classes; some of it may have been written.
        """
        sock = self._open_socket()
        if time.monotonic() >= self.deadline:
            raise ConnectFailed("no time was left to send the request", code="connect_timeout")
        data = head + body if body and len(body) <= WRITE_SIZE else head
        try:
            self._arm(sock, self.deadline)
            sock.sendall(data)
            if body and data is head:
                self._write_long(sock, memoryview(body))
        except (BrokenPipeError, ConnectionResetError):
            # A server may answer (413, 401) and close before it has read everything: that answer can still be read,
            # and where there is none the read fails.
            self.broken = True
        except OSError as error:
            raise self._lost(error) from error

    def read(self, size: int = READ_SIZE) -> bytes:
        """Return up to ``size`` bytes as soon as there are any; empty at the end of the stream.

        Raises:
            DeadlineExceeded: the total deadline has passed.
            ConnectionLost: the connection broke.
        """
        if self.at < len(self.buffer):
            data = self.buffer[self.at : self.at + size]
            self.at += len(data)
            return data
        return self.receive(size)

    def put_back(self, data: bytes) -> None:
        """Let the next read begin with these bytes."""
        self.buffer, self.at = data + self.buffer[self.at :], 0

    def receive(self, size: int = READ_SIZE) -> bytes:
        """Return what comes next from the socket; raises as ``read``."""
        sock = self._open_socket()
        try:
            self._arm(sock, self.deadline)
            return sock.recv(size)
        except OSError as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close the socket, without any ceremony that could block."""
        sock, self.sock = self.sock, None
        self.buffer, self.at = b"", 0
        if sock is not None:
            sock.close()

    def _open_socket(self) -> socket.socket:
        if self.sock is None:
            raise ConnectionLost(f"the connection to {self.host} is closed")
        return self.sock

    def _connect(self, until: float) -> socket.socket:
        failure: OSError | None = None
        for family, kind, protocol, _, address in resolve(self.host, self.port, until):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._arm(sock, until)
                sock.connect(address)
            except OSError as error:
                failure = error
                sock.close()
            else:
                return sock
        code = "connect_timeout" if isinstance(failure, TimeoutError) else ""
        raise ConnectFailed(f"no connection to {self.host}:{self.port}: {_reason(failure)}", code=code) from failure

    def _arm(self, sock: socket.socket, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        if not left <= self._timeout <= left + SLACK_S or sock is not self.sock:
            sock.settimeout(left)
            self._timeout = left

    def _write_long(self, sock: socket.socket, view: memoryview) -> None:
        # In pieces, since the timeout of a TLS socket's sendall() is per piece.
        while view:
            self._arm(sock, self.deadline)
            view = view[sock.send(view[:WRITE_SIZE]) :]

    def _lost(self, error: OSError) -> RemoteError:
        if isinstance(error, TimeoutError):
            return DeadlineExceeded(f"{self.host} did not answer within the deadline")
        return ConnectionLost(f"the connection to {self.host} broke: {_reason(error)}")


def _reason(error: Exception | None) -> str:
    """Return what went wrong, in the system's own words: these never hold anything of the request."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS error"
    if isinstance(error, OSError):
        return error.strerror or ("timed out" if isinstance(error, TimeoutError) else type(error).__name__)
    return type(error).__name__
