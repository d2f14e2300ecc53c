"""The way an answer leaves: whole at once, or in every way that a network and a bad server have."""

from __future__ import annotations

import gzip
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from sync.testing.sandbox.message import Reply, Request

REASONS = {status.value: status.phrase for status in HTTPStatus}
GZIP_FROM = 512
BLOCK = b"4000\r\n" + b" " * 0x4000 + b"\r\n"

Stopping = Callable[[], bool]


def send(connection: socket.socket, reply: Reply, request: Request, stopping: Stopping) -> bool:
    """Send a reply in its manner.

    Args:
        stopping: true once the server is to stop; ends holds and drips.

    Returns:
        Whether the connection may serve another request.

    Raises:
        OSError: the client left.
    """
    if reply.manner == "plain":
        connection.sendall(encoded(reply, request))
        return reply.length is None and not reply.head and _stays(request)
    MANNERS[reply.manner](connection, reply, request, stopping)
    return False


def compressed(reply: Reply, request: Request) -> Reply:
    """Return the reply gzipped where the client accepts it and it is worth it."""
    if reply.raw or len(reply.body) < GZIP_FROM or "gzip" not in request.headers.get("accept-encoding", ""):
        return reply
    headers = (*reply.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return replace(reply, body=gzip.compress(reply.body, 1), headers=headers)


def encoded(reply: Reply, request: Request) -> bytes:
    """Return head and body as bytes."""
    if reply.head:
        return reply.head + reply.body
    bodiless = reply.status in (204, 304) or request.method == "HEAD"
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.body and "content-type" not in {name.lower() for name, _ in reply.headers}:
        lines.append(f"Content-Type: {reply.content_type}")
    if reply.status not in (204, 304):
        lines.append(f"Content-Length: {len(reply.body) if reply.length is None else reply.length}")
    lines.append("Connection: keep-alive" if _stays(request) else "Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    return head if bodiless else head + reply.body


def left(connection: socket.socket, seconds: float, stopping: Stopping) -> bool:
    """Wait; return early, and True, where the client leaves or the server stops."""
    until = time.monotonic() + seconds
    while (rest := until - time.monotonic()) > 0:
        if stopping():
            return True
        readable, _, _ = select.select([connection], [], [], min(rest, 0.1))
        if readable:
            if not connection.recv(1, socket.MSG_PEEK):
                return True
            time.sleep(min(rest, 0.05))  # bytes of a next request: they stay where they are
    return False


def reset(connection: socket.socket) -> None:
    """Close with RST: what a crashed server or a rude middlebox does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _stays(request: Request) -> bool:
    return request.headers.get("connection", "").lower() != "close"


def _reset(connection: socket.socket, reply: Reply, request: Request, stopping: Stopping) -> None:
    reset(connection)


def _close(connection: socket.socket, reply: Reply, request: Request, stopping: Stopping) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _hold(connection: socket.socket, reply: Reply, request: Request, stopping: Stopping) -> None:
    left(connection, reply.seconds, stopping)


def _drip_head(connection: socket.socket, reply: Reply, request: Request, stopping: Stopping) -> None:
    _drip(connection, encoded(reply, request), reply, stopping)


def _drip_body(connection: socket.socket, reply: Reply, request: Request, stopping: Stopping) -> None:
    head, separator, body = encoded(reply, request).partition(b"\r\n\r\n")
    connection.sendall(head + separator)
    _drip(connection, body, reply, stopping)


def _drip(connection: socket.socket, data: bytes, reply: Reply, stopping: Stopping) -> None:
    for at in range(0, len(data), reply.piece):
        connection.sendall(data[at : at + reply.piece])
        if left(connection, reply.seconds, stopping):
            return


def _truncate(connection: socket.socket, reply: Reply, request: Request, stopping: Stopping) -> None:
    data = encoded(reply, request)
    connection.sendall(data[: len(data) - max(1, len(reply.body) // 2)])


def _endless(connection: socket.socket, reply: Reply, request: Request, stopping: Stopping) -> None:
    head = f"HTTP/1.1 {reply.status} OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.sendall(head.encode("ascii"))
    until = time.monotonic() + reply.seconds
    while time.monotonic() < until and not stopping():
        connection.sendall(BLOCK)


MANNERS: dict[str, Callable[[socket.socket, Reply, Request, Stopping], None]] = {
    "reset": _reset,
    "close": _close,
    "hold": _hold,
    "drip_head": _drip_head,
    "drip_body": _drip_body,
    "truncate": _truncate,
    "endless": _endless,
}
