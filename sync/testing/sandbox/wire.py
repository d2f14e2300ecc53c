"""HTTP/1.1 off a socket: small and quick, since every request of every test comes through here."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from sys import intern
from urllib.parse import urlsplit

from sync.testing.sandbox.message import Request

MAX_HEAD = 256 * 1024
MAX_BODY = 256 * 1024 * 1024
CHUNK = 65536


class BadRequest(Exception):
    """The bytes are not a request: answer and close."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Wire:
    """The reading side of one connection.

    Args:
        connection: a connected socket; its timeout bounds each read.
        client: a name for the journal.
    """

    def __init__(self, connection: socket.socket, client: str = "") -> None:
        self.connection = connection
        self.client = client
        self.buffer = b""

    def read(self) -> Request | None:
        """Return the next request, None where the client is done.

        Raises:
            BadRequest: the bytes are no request.
            OSError: the connection broke, or idled too long.
        """
        head, at, monotonic = self._head()
        if not head:
            return None
        lines = head.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise BadRequest(400, "malformed request line")
        headers = _headers(lines[1:])
        if parts[2] == "HTTP/1.0":
            headers.setdefault("connection", "close")
        path, query = _target(parts[1])
        return Request(
            method=parts[0], path=path, query=query, headers=headers, body=self._body(headers), at=at,
            monotonic=monotonic, client=self.client,
        )  # fmt: skip

    def _head(self) -> tuple[bytes, float, float]:
        while not self.buffer.strip(b"\r\n"):
            self.buffer = self.connection.recv(CHUNK)
            if not self.buffer:
                return b"", 0.0, 0.0
        at, monotonic = time.time(), time.monotonic()
        self.buffer = self.buffer.lstrip(b"\r\n")
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if len(self.buffer) > MAX_HEAD:
                raise BadRequest(431, "headers too large")
            self._more()
        head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
        return head, at, monotonic

    def _more(self) -> None:
        data = self.connection.recv(CHUNK)
        if not data:
            raise ConnectionError("the client left in the middle of a request")
        self.buffer += data

    def _body(self, headers: dict[str, str]) -> bytes:
        chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length", "0")
        if not chunked and length == "0":
            return b""
        if headers.get("expect", "").lower() == "100-continue":
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._chunks() if chunked else self._exactly(_size(length, 10))
        if headers.get("content-encoding", "").lower() == "gzip":
            return _gunzip(body)
        return body

    def _exactly(self, size: int) -> bytes:
        parts, missing = [self.buffer[:size]], size - len(self.buffer)
        self.buffer = self.buffer[size:]
        while missing > 0:
            data = self.connection.recv(min(missing, 1 << 20))
            if not data:
                raise ConnectionError("the client left in the middle of a body")
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def _line(self) -> bytes:
        while (end := self.buffer.find(b"\r\n")) < 0:
            if len(self.buffer) > MAX_HEAD:
                raise BadRequest(400, "malformed chunk")
            self._more()
        line, self.buffer = self.buffer[:end], self.buffer[end + 2 :]
        return line

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while size := _size(self._line().split(b";")[0].decode("latin-1"), 16):
            total = _size(str(total + size), 10)
            parts.append(self._exactly(size))
            self._line()
        while self._line():
            continue  # trailers
        return b"".join(parts)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise BadRequest(400, "malformed header")
        headers[intern(name.lower())] = value.strip()
    return headers


def _target(target: str) -> tuple[str, str]:
    if not target.startswith("/"):
        parts = urlsplit(target)
        return parts.path or "/", parts.query
    path, _, query = target.partition("?")
    return path, query


def _size(text: str, base: int) -> int:
    try:
        size = int(text.strip(), base)
    except ValueError as exc:
        raise BadRequest(400, "malformed length") from exc
    if size < 0:
        raise BadRequest(400, "malformed length")
    if size > MAX_BODY:
        raise BadRequest(413, "body too large")
    return size


def _gunzip(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as exc:
        raise BadRequest(400, "the body is not gzip") from exc
