"""Memory while hostile bodies are read, measured: a multiple of the cap, whatever shape a body has."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sync.exceptions import BadBody, BodyTooLarge, CrudSyncError
from sync.http import Transport
from sync.types import Answer, Request
from tests.http.conftest import Handler, RawServer, ok

CAP = 200_000
FACTOR = 3.0
"""A body that grows in place, one copy of it as bytes, and what is between the socket and it."""

GROUND = 800_000
"""Buffers, decoders and this test's own server, whatever the body."""

Serve = Callable[[Handler | bytes], RawServer]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def measured() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak_of(transport: Transport, server: RawServer, cap: int = CAP) -> tuple[Answer, int]:
    request = Request(method="GET", url=server.url, timeout_s=120.0, max_bytes=cap)
    transport.send(Request(method="GET", url=server.url, timeout_s=120.0, max_bytes=1))  # everything is loaded
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    answer = transport.send(request)
    return answer, tracemalloc.get_traced_memory()[1] - before


def repeating(piece: bytes, begin: bytes) -> Handler:
    """A body without an end, of which the server itself holds one piece."""

    def handler(sock: socket.socket, _: bytes) -> None:
        sock.sendall(begin)
        while True:
            sock.sendall(piece)

    return handler


def in_chunks(size: int, total: int) -> Handler:
    piece = b"%x\r\n" % size + b"x" * size + b"\r\n"

    def handler(sock: socket.socket, _: bytes) -> None:
        sock.sendall(CHUNKED)
        left = total // size
        while left > 0:
            sock.sendall(piece * min(left, 4096 // size + 1))
            left -= 4096 // size + 1
        sock.sendall(b"0\r\n\r\n")

    return handler


def packed(*encodings: str) -> bytes:
    """Fifty million zeros."""
    body = b"\0" * 50_000_000
    for encoding in encodings:
        body = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](body)
    return ok(body, f"Content-Encoding: {', '.join(encodings)}")


# Made by the test alone: each process of a run collects them all.
BODIES: dict[str, Callable[[], Any]] = {
    "plain, without an end": lambda: repeating(b"x" * 65536, b"HTTP/1.1 200 OK\r\n\r\n"),
    "chunks of 2 bytes, without an end": lambda: repeating(b"2\r\nxx\r\n" * 4096, CHUNKED),
    "chunks of 64 KB, without an end": lambda: repeating(b"10000\r\n" + b"x" * 65536 + b"\r\n", CHUNKED),
    "a promise of a terabyte": lambda: repeating(
        b"x" * 65536, b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"
    ),
    "gzip": lambda: packed("gzip"),
    "deflate": lambda: packed("deflate"),
    "gzip in gzip": lambda: packed("gzip", "gzip"),
    "gzip five times": lambda: packed(*["gzip"] * 5),
}


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize("body", BODIES)
def test_a_body_above_the_cap_takes_a_small_multiple_of_the_cap(serve: Serve, transport: Transport, body: str) -> None:
    answer, peak = peak_of(transport, serve(BODIES[body]()))
    assert isinstance(answer.error, BodyTooLarge)
    assert peak < FACTOR * CAP + GROUND, f"{peak / CAP:.1f} times the cap"


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize("size", [2, 16, 65536])
def test_a_chunked_body_just_below_the_cap_takes_a_small_multiple_of_itself(
    serve: Serve, transport: Transport, size: int
) -> None:
    answer, peak = peak_of(transport, serve(in_chunks(size, CAP - 70_000 * (size > 1000))))
    assert answer.response is not None
    assert peak < FACTOR * CAP + GROUND, f"{peak / CAP:.1f} times the cap"


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize("piece", [b"A: " + b"b" * 60_000, b"A: b\r\n" * 100, b"x"], ids=["long", "many", "drip"])
def test_a_head_without_an_end_takes_no_more_than_its_own_cap(serve: Serve, transport: Transport, piece: bytes) -> None:
    answer, peak = peak_of(transport, serve(repeating(piece, b"HTTP/1.1 200 OK\r\n")))
    assert isinstance(answer.error, BadBody)
    assert peak < GROUND


def test_tiny_chunks_cost_time_in_proportion_to_their_number(serve: Serve, transport: Transport) -> None:
    """Four times as much may take some ten times as long on a busy machine, never the sixteen of a square."""
    times = [cpu_of(transport, serve(in_chunks(2, total))) for total in (50_000, 200_000)]
    assert times[1] < 12 * max(times[0], 0.02)


def cpu_of(transport: Transport, server: RawServer) -> float:
    before = time.thread_time()
    answer = transport.send(Request(method="GET", url=server.url, timeout_s=120.0))
    assert answer.error is None
    return time.thread_time() - before


def test_an_error_keeps_nothing_of_the_body(serve: Serve, transport: Transport) -> None:
    answer = transport.send(Request(method="GET", url=serve(ok(b"c4n4ry" * 1000)).url, timeout_s=10.0, max_bytes=100))
    assert isinstance(answer.error, CrudSyncError)
    assert "c4n4ry" not in repr(answer) + str(answer.error)
