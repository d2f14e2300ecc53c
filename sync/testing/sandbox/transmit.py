"""The way an answer leaves: whole at once, or in every way that a network and a bad server have."""

from __future__ import annotations

import gzip
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sync.testing.sandbox.message import Reply, Request

REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found",
    304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
    412: "Precondition Failed", 413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip
GZIP_FROM = 512
LINGER_S = 1.0
BLOCK = b"4000\r\n" + b" " * 0x4000 + b"\r\n"

Stopping = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A reply on its way out in some other manner than ``plain``."""

    connection: socket.socket
    reply: Reply
    request: Request
    stopping: Stopping


def send(connection: socket.socket, reply: Reply, request: Request, stopping: Stopping) -> bool:
    """Send a reply in its manner.

    Args:
        connection: the socket to the client.
        reply: what to send.
        request: what it answers.
        stopping: true once the server is to stop; ends holds and drips.

    Returns:
        Whether the connection may serve another request.

    Raises:
        OSError: the client left.
    """
    if reply.delay_s and left(connection, reply.delay_s, stopping):
        return False
    if reply.manner == "plain":
        connection.sendall(encoded(reply, request))
        return reply.length is None and not reply.head and _stays(request)
    MANNERS[reply.manner](Sending(connection=connection, reply=reply, request=request, stopping=stopping))
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


def linger(connection: socket.socket) -> None:
    """Read what the client still sends, for a second: closing over unread bytes would take our answer back."""
    connection.settimeout(LINGER_S)
    connection.shutdown(socket.SHUT_WR)
    until = time.monotonic() + LINGER_S
    while time.monotonic() < until and connection.recv(1 << 16):
        continue


def _stays(request: Request) -> bool:
    return request.headers.get("connection", "").lower() != "close"


def _reset(sending: Sending) -> None:
    reset(sending.connection)


def _close(sending: Sending) -> None:
    sending.connection.shutdown(socket.SHUT_RDWR)


def _hold(sending: Sending) -> None:
    left(sending.connection, sending.reply.seconds, sending.stopping)


def _drip_head(sending: Sending) -> None:
    _drip(sending, encoded(sending.reply, sending.request))


def _drip_body(sending: Sending) -> None:
    head, separator, body = encoded(sending.reply, sending.request).partition(b"\r\n\r\n")
    sending.connection.sendall(head + separator)
    _drip(sending, body)


def _drip(sending: Sending, data: bytes) -> None:
    piece = sending.reply.piece
    for at in range(0, len(data), piece):
        sending.connection.sendall(data[at : at + piece])
        if left(sending.connection, sending.reply.seconds, sending.stopping):
            return


def _truncate(sending: Sending) -> None:
    data = encoded(sending.reply, sending.request)
    sending.connection.sendall(data[: len(data) - max(1, len(sending.reply.body) // 2)])


def _endless(sending: Sending) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    sending.connection.sendall(head.encode("ascii"))
    until = time.monotonic() + sending.reply.seconds
    while time.monotonic() < until and not sending.stopping():
        sending.connection.sendall(BLOCK)


MANNERS: dict[str, Callable[[Sending], None]] = {
    "reset": _reset,
    "close": _close,
    "hold": _hold,
    "drip_head": _drip_head,
    "drip_body": _drip_body,
    "truncate": _truncate,
    "endless": _endless,
}
