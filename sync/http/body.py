"""Read a body to its end, decoded, and no further than its cap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from urllib3.exceptions import DecodeError, HTTPError, IncompleteRead
from urllib3.response import HTTPResponse

from sync.exceptions import BadBody, BodyTooLarge, ConnectionLost
from sync.http.reply import Reply

PIECE = 65536
SMALL = 4096


def read_body(raw: Reply | HTTPResponse, max_bytes: int) -> bytes:
    """Return the decoded body.

    Args:
        raw: a reply of ours, or a urllib3 response such as the ``responses`` library makes.
        max_bytes: of the decoded body.

    Raises:
        BodyTooLarge: there is more than ``max_bytes``; the rest is not read.
        BadBody: its content encoding is broken or unknown.
        ConnectionLost, DeadlineExceeded: it ended early.
    """
    if isinstance(raw, Reply) and raw.closed:
        return b""
    try:
        if not isinstance(raw, Reply):
            return _collect(raw, max_bytes, decode_content=True)
        encoding = raw.headers.get("content-encoding", "").strip().lower()
        if encoding in ("", "identity"):
            return _collect(raw, max_bytes)
        return _collect(_decoded(raw, encoding), max_bytes, decode_content=True)
    except DecodeError as error:
        raise BadBody("the body is not in the encoding it says", code="bad_encoding") from error
    except IncompleteRead as error:
        raise ConnectionLost("the connection closed in the middle of the body", code="truncated") from error
    except HTTPError as error:
        raise BadBody("the body cannot be read") from error
    finally:
        raw.close()


def _collect(raw: Any, max_bytes: int, **options: bool) -> bytes:
    first = raw.read(PIECE, **options)
    if not first or (raw.closed and len(first) <= max_bytes and not options):
        return bytes(first)
    pieces, size = [first], len(first)
    for piece in _gathered(raw, options) if size <= max_bytes else ():
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            break
    if size > max_bytes:
        raise BodyTooLarge(f"the body is larger than {max_bytes} bytes")
    return b"".join(pieces)


def _gathered(raw: Any, options: Mapping[str, bool]) -> Iterator[bytes]:
    """Yield what is read, small pieces put together: alone, those of two bytes would take twenty times their size."""
    small = bytearray()
    while piece := raw.read(PIECE, **options):
        if len(piece) < SMALL:
            small += piece
            if len(small) < PIECE:
                continue
            piece, small = bytes(small), bytearray()
        elif small:
            yield bytes(small)
            small = bytearray()
        yield piece
    if small:
        yield bytes(small)


def _decoded(reply: Reply, encoding: str) -> HTTPResponse:
    known = HTTPResponse.CONTENT_DECODERS
    if not all(part.strip() in known for part in encoding.split(",")):
        raise BadBody("the body has an unknown content encoding", code="bad_encoding")
    return HTTPResponse(
        body=reply,  # type: ignore[arg-type]  # anything with read() and close() will do
        headers={"content-encoding": encoding},
        status=reply.status,
        preload_content=False,
    )
