"""Our reader of answers against the standard library's, over answers that hypothesis makes and cuts anywhere."""

from __future__ import annotations

import http.client
import io
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sync.exceptions import DeliveryUnknown
from sync.http.reply import Reply
from sync.http.wire import Wire

names = st.sampled_from(["Content-Type", "ETag", "X-One", "Retry-After", "Location"])
values = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
bodies = st.binary(max_size=300)


class FakeWire(Wire):
    """A wire that gives the bytes in pieces of given sizes."""

    def __init__(self, data: bytes, sizes: Sequence[int]) -> None:
        super().__init__("h", 80, None)
        self._data = io.BytesIO(data)
        self._sizes = list(sizes)

    def receive(self, size: int = 65536) -> bytes:
        return self._data.read(min(size, self._sizes.pop() if self._sizes else size))


class FakeSocket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def ours(data: bytes, sizes: Sequence[int]) -> tuple[int, dict[str, str], bytes, bool]:
    kept: list[bool] = []
    reply = Reply(FakeWire(data, sizes), "GET", lambda wire, keep: kept.append(keep and not wire.unread))
    pieces = []
    while piece := reply.read(64):
        pieces.append(piece)
    assert len(kept) == 1
    return reply.status, dict(reply.headers), b"".join(pieces), kept[0]


def theirs(data: bytes) -> tuple[int, dict[str, str], bytes, bool]:
    response = http.client.HTTPResponse(FakeSocket(data), method="GET")  # type: ignore[arg-type]
    response.begin()
    body = response.read()
    return response.status, dict(response.headers.items()), body, not response.will_close


def answer(status: int, headers: dict[str, str], body: bytes, chunks: Sequence[int]) -> bytes:
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in headers.items())]
    if not chunks:
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    lines.append("Transfer-Encoding: chunked")
    framed, rest = b"", body
    for size in chunks:
        piece, rest = rest[:size], rest[size:]
        framed += b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
    framed += b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b""
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + framed + b"0\r\n\r\n"


@given(
    st.sampled_from([200, 201, 404, 422, 500]),
    st.dictionaries(names, values, max_size=4),
    bodies,
    st.lists(st.integers(1, 90), max_size=4),
    st.lists(st.integers(1, 40), max_size=60),
)
def test_a_valid_answer_reads_as_the_standard_library_reads_it(
    status: int, headers: dict[str, str], body: bytes, chunks: list[int], sizes: list[int]
) -> None:
    data = answer(status, headers, body, chunks)
    assert ours(data, sizes) == theirs(data)


@given(
    st.dictionaries(names, values, max_size=4),
    bodies,
    st.lists(st.integers(1, 90), max_size=4),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), min_size=1, max_size=3),
    st.lists(st.integers(1, 40), max_size=60),
)
def test_a_damaged_answer_is_read_or_is_a_typed_doubt(
    headers: dict[str, str], body: bytes, chunks: list[int], damage: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    data = answer(200, headers, body, chunks)
    for place, bytes_ in damage:
        data = data[:place] + bytes_ + data[place + len(bytes_) :]
    typed_or_read(data, sizes)


@given(st.binary(max_size=200), st.lists(st.integers(1, 40), max_size=20))
def test_any_bytes_at_all_are_read_or_are_a_typed_doubt(data: bytes, sizes: list[int]) -> None:
    typed_or_read(data, sizes)


def typed_or_read(data: bytes, sizes: Sequence[int]) -> None:
    try:
        result: Any = ours(data, sizes)
    except DeliveryUnknown:
        return
    assert 100 <= result[0] <= 999
