"""An HTTP/1.1 answer, read from a wire with a limit on everything (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Callable

from requests.structures import CaseInsensitiveDict

from sync.exceptions import BadBody, ConnectionLost
from sync.http.wire import Wire

MAX_HEAD_BYTES = 128 * 1024
MAX_HEADERS = 200
MAX_INTERIM = 10
MAX_LINE = 8192
MAX_TRAILER_BYTES = 64 * 1024

# A few servers end lines with a bare LF.
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
LONGEST_BLANK_LINE = 4
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")


class Headers(CaseInsensitiveDict[str]):
    """The header fields of an answer, by name in any case; made from what the parser has."""

    def __init__(self, store: dict[str, tuple[str, str]] | None = None) -> None:
        # The parent would put every field through __setitem__; that costs more than parsing them.
        self._store = store if store is not None else {}

    def copy(self) -> Headers:
        """Return a copy with fields of its own."""
        return Headers(dict(self._store))


class Reply:
    """Status, headers, and a body that is read on demand.

    Args:
        wire: an open connection to which a request has just been written.
        method: of that request; an answer to HEAD has no body.
        release: called once, when the body has been read, with whether the connection can be used again.
    """

    __slots__ = ("_chunked", "_left", "_release", "_wire", "closed", "headers", "keep", "reason", "status")

    def __init__(self, wire: Wire, method: str, release: Callable[[Wire, bool], None]) -> None:
        self._wire = wire
        self._release = release
        self.closed = False
        self._left: int | None = 0  # bytes of the body, or of the chunk, still to come; None: until the end
        self._chunked = False
        for _ in range(MAX_INTERIM):
            version, self.status, self.reason, self.headers = parse_head(read_head(wire))
            if self.status >= 200:
                break
        else:
            raise BadBody("the answer begins with too many interim responses", code="bad_headers")
        self.keep = _keeps_alive(version, self.headers)
        self._frame(method)

    def _frame(self, method: str) -> None:
        """Find out where the body ends (RFC 9112, section 6.3)."""
        encoding = self.headers.get("transfer-encoding")
        length = self.headers.get("content-length")
        if method == "HEAD" or self.status in (204, 304):
            self._finish()
        elif encoding is not None:
            if encoding.lower().strip() != "chunked":
                raise BadBody("the answer has an unknown transfer encoding", code="bad_headers")
            self._chunked = True
            self.keep = self.keep and length is None
        elif length is not None:
            self._left = _content_length(length)
            if not self._left:
                self._finish()
        else:
            self._left = None
            self.keep = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes of the body, empty at its end.

        Raises:
            DeadlineExceeded, ConnectionLost, BadBody: see ``Wire.read``; the body ends early, or a chunk is malformed.
        """
        if self.closed or not size:
            return b""
        if self._chunked and not self._left and not self._next_chunk():
            return b""
        data = self._wire.read(size if self._left is None else min(size, self._left))
        if not data:
            return self._end_of_stream()
        if self._left is not None:
            self._left -= len(data)
            self._end_of_part()
        return data

    def close(self) -> None:
        """Give up the rest of the body, and the connection with it."""
        if not self.closed:
            self.keep = False
            self._finish()

    def _end_of_stream(self) -> bytes:
        if self._left is None:
            self._finish()
            return b""
        raise ConnectionLost("the connection closed in the middle of the body", code="truncated")

    def _end_of_part(self) -> None:
        if self._left:
            return
        if not self._chunked:
            self._finish()
        elif read_line(self._wire):
            raise BadBody("a chunk of the body is longer than it says", code="bad_chunk")

    def _next_chunk(self) -> bool:
        match = _CHUNK_SIZE.fullmatch(read_line(self._wire))
        if match is None:
            raise BadBody("a chunk of the body has no size", code="bad_chunk")
        self._left = int(match[1], 16)
        if self._left:
            return True
        room = MAX_TRAILER_BYTES
        while line := read_line(self._wire):
            room -= len(line)
            if room < 0:
                raise BadBody("the trailer of the body is too long", code="bad_headers")
        self._finish()
        return False

    def _finish(self) -> None:
        self.closed = True
        self._release(self._wire, self.keep)


def read_head(wire: Wire) -> bytes:
    """Return the bytes up to the blank line; what was read beyond it is put back.

    Raises:
        ConnectionLost: the stream ended first.
        BadBody: more than 128 KB.
    """
    data = wire.read()
    end = _BLANK_LINE.search(data)
    if end is None:
        data, end = _long_head(wire, bytearray(data))
    wire.put_back(data[end.end() :])
    return data[: end.start()]


def _long_head(wire: Wire, data: bytearray) -> tuple[bytes, re.Match[bytes]]:
    # Only what is new is searched: a head that comes a byte at a time must not be searched as often as it has bytes.
    searched = 0
    while not (end := _BLANK_LINE.search(data, searched)):
        if len(data) > MAX_HEAD_BYTES:
            raise BadBody("the headers of the answer are too long", code="bad_headers")
        searched = max(0, len(data) - LONGEST_BLANK_LINE + 1)
        more = wire.read()
        if not more:
            raise ConnectionLost("the connection closed without an answer", code="no_answer")
        data += more
    return bytes(data), end


def read_line(wire: Wire) -> bytes:
    """Return one line without its end.

    Raises:
        ConnectionLost: the stream ended first.
        BadBody: more than 8 KB.
    """
    # In place: a body in chunks of two bytes has as many lines as that, and copying the buffer for each took seconds.
    while (end := wire.buffer.find(b"\n", wire.at)) < 0:
        if len(wire.buffer) - wire.at > MAX_LINE:
            raise BadBody("a line between the chunks of the body is too long", code="bad_chunk")
        more = wire.receive()
        if not more:
            raise ConnectionLost("the connection closed in the middle of the body", code="truncated")
        wire.buffer, wire.at = wire.buffer[wire.at :] + more, 0
    line, wire.at = wire.buffer[wire.at : end], end + 1
    return line.removesuffix(b"\r")


def parse_head(head: bytes) -> tuple[str, int, str, Headers]:
    """Return version, status, reason and headers; a field given twice is joined with a comma.

    Raises:
        BadBody: it is not HTTP, or has more than 200 fields.
    """
    lines = head.decode("latin-1").split("\n")
    version, _, rest = lines[0].rstrip("\r").partition(" ")
    status, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or len(status) != 3 or not status.isdecimal() or status < "100":
        raise BadBody("the answer is not HTTP/1.1", code="bad_headers")
    if len(lines) > MAX_HEADERS + 1:
        raise BadBody("the answer has too many headers", code="bad_headers")
    store: dict[str, tuple[str, str]] = {}
    last = ""
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if line[:1] in (" ", "\t") and last:
            store[last] = (store[last][0], f"{store[last][1]} {line.strip()}")
        elif colon and (name := name.rstrip()):  # a blank before the colon must not hide what frames the body
            last = name.lower()
            value = value.strip()
            first = store.get(last)
            store[last] = (name, value) if first is None else (first[0], f"{first[1]}, {value}")
    return version, int(status), reason, Headers(store)


def _keeps_alive(version: str, headers: Headers) -> bool:
    wish = headers.get("connection")
    if version == "HTTP/1.0":
        return wish is not None and "keep-alive" in wish.lower()
    return wish is None or "close" not in wish.lower()


def _content_length(text: str) -> int:
    lengths = {part.strip() for part in text.split(",")}
    length = lengths.pop()
    if lengths or not length.isascii() or not length.isdecimal() or len(length) > 15:
        raise BadBody("the answer has no usable Content-Length", code="bad_headers")
    return int(length)
