from __future__ import annotations

import gzip
import logging
import os
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from sync.exceptions import (
    AddressRefused,
    BadBody,
    BodyTooLarge,
    ConfigurationError,
    ConnectFailed,
    ConnectionLost,
    DeadlineExceeded,
    DeliveryUnknown,
    NotSent,
    TlsFailed,
)
from sync.http import Transport
from sync.types import Answer, Request
from tests.http.conftest import RawServer, ok

Serve = Callable[[Any], RawServer]

CANARY = "c4n4ry-s3cr3t"


def post(server: RawServer, path: str = "/products", **kwargs: Any) -> Request:
    return Request(**{"method": "POST", "url": server.url + path, "body": b'{"a":1}', **kwargs})


def get(server: RawServer, path: str = "/products", **kwargs: Any) -> Request:
    return Request(**{"method": "GET", "url": server.url + path, **kwargs})


def response(answer: Answer) -> requests.Response:
    assert answer.error is None, repr(answer.error)
    assert answer.response is not None
    return answer.response


def drip(data: bytes, pause: float = 0.05) -> Callable[[socket.socket, bytes], None]:
    def handler(sock: socket.socket, _: bytes) -> None:
        for byte in data:
            sock.sendall(bytes([byte]))
            time.sleep(pause)

    return handler


def once(data: bytes) -> Callable[[socket.socket, bytes], None]:
    def handler(sock: socket.socket, _: bytes) -> None:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_RDWR)

    return handler


def test_an_answer_holds_status_headers_and_body(serve: Serve, transport: Transport) -> None:
    server = serve(ok(b'{"id": "7"}', "Content-Type: application/json", "ETag: x", status="201 Created"))
    answer = transport.send(post(server))
    got = response(answer)
    assert (got.status_code, got.reason, got.json(), got.headers["etag"]) == (201, "Created", {"id": "7"}, "x")
    assert got.url == server.url + "/products"
    assert got.encoding == "utf-8"
    assert answer.elapsed_ms > 0
    assert got.elapsed.total_seconds() > 0


def test_the_request_arrives_as_it_was_given(serve: Serve, transport: Transport) -> None:
    server = serve(ok())
    transport.send(post(server, "/p%2F1?a=b", headers={"X-One": "é", "Content-Length": "999", "Host": "other"}))
    host = server.url.removeprefix("http://")
    assert server.requests == [
        f"POST /p%2F1?a=b HTTP/1.1\r\nX-One: é\r\nHost: {host}\r\nContent-Length: 7\r\n\r\n".encode("latin-1")
        + b'{"a":1}'
    ]


def test_a_long_body_arrives_whole(serve: Serve, transport: Transport) -> None:
    server = serve(ok())
    body = os.urandom(3_000_000)
    response(transport.send(post(server, body=body)))
    assert server.requests[0].partition(b"\r\n\r\n")[2] == body


def test_a_post_without_a_body_says_so(serve: Serve, transport: Transport) -> None:
    server = serve(ok())
    transport.send(post(server, body=None))
    assert b"Content-Length: 0" in server.requests[0]


def test_a_connection_is_used_again(serve: Serve, transport: Transport) -> None:
    server = serve(ok())
    for _ in range(5):
        response(transport.send(post(server)))
    assert server.connections == 1


def test_eight_threads_use_eight_connections_at_the_most(serve: Serve, transport: Transport) -> None:
    server = serve(ok())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: transport.send(post(server)), range(200)))
    assert all(answer.response is not None for answer in answers)
    assert len(server.requests) == 200
    assert server.connections <= 8


def test_a_connection_that_the_server_closed_is_not_used_again(serve: Serve, transport: Transport) -> None:
    server = serve(once(ok()))
    for count in range(3):
        response(transport.send(post(server)))
        server.wait_until_closed(count + 1)
    assert server.connections == 3


@pytest.mark.parametrize("header", ["Connection: close", "Connection: Close, x"])
def test_connection_close_is_honoured(serve: Serve, transport: Transport, header: str) -> None:
    server = serve(ok(b"{}", header))
    for _ in range(2):
        response(transport.send(post(server)))
    assert server.connections == 2


def test_an_idle_connection_grows_too_old(serve: Serve, transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(ok())
    response(transport.send(post(server)))
    monkeypatch.setattr("sync.http.pool.MAX_IDLE_S", -1.0)
    response(transport.send(post(server)))
    assert server.connections == 2


def test_a_connection_with_bytes_too_many_is_not_used_again(serve: Serve, transport: Transport) -> None:
    server = serve(ok(b"{}") + b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(2):
        assert response(transport.send(post(server))).content == b"{}"
    assert server.connections == 2


def test_a_write_on_a_connection_that_dies_is_unknown_and_not_sent_twice(serve: Serve, transport: Transport) -> None:
    seen: list[int] = []

    def handler(sock: socket.socket, _: bytes) -> None:
        seen.append(1)
        if len(seen) == 1:
            sock.sendall(ok())
        else:
            sock.shutdown(socket.SHUT_RDWR)

    server = serve(handler)
    response(transport.send(post(server)))
    answer = transport.send(post(server))
    assert isinstance(answer.error, ConnectionLost)
    assert answer.error.code == "no_answer"
    assert len(server.requests) == 2


def test_a_reset_after_the_request_is_unknown(serve: Serve, transport: Transport) -> None:
    def handler(sock: socket.socket, _: bytes) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    answer = transport.send(post(serve(handler)))
    assert isinstance(answer.error, ConnectionLost)


def test_an_early_answer_to_a_body_that_nobody_reads_is_taken(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(1000)
                sock.sendall(ok(b"too large", "Connection: close", status="413 Too Large"))
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    continue

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        answer = transport.send(Request(method="POST", url=url, body=b"x" * 4_000_000))
        thread.join(5)
    assert response(answer).status_code == 413


# --- the deadline ---


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(lambda sock, _: time.sleep(1.0), id="silence"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100), id="dripping header"),
        pytest.param(drip(ok(b"x" * 100)), id="dripping head and body"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 50, 0.01), id="chunks"
        ),
    ],
)
def test_the_deadline_is_total(serve: Serve, transport: Transport, handler: Any) -> None:
    start = time.monotonic()
    answer = transport.send(post(serve(handler), timeout_s=0.3))
    assert isinstance(answer.error, DeadlineExceeded)
    assert 0.25 < time.monotonic() - start < 0.9


def test_a_body_that_is_not_read_by_the_server_meets_the_deadline(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        start = time.monotonic()
        answer = transport.send(Request(method="POST", url=url, body=b"x" * 20_000_000, timeout_s=0.3))
    assert isinstance(answer.error, DeadlineExceeded)
    assert time.monotonic() - start < 0.9


def test_a_deadline_that_has_passed_before_the_write_is_not_sent(serve: Serve, transport: Transport) -> None:
    server = serve(ok())
    answer = transport.send(post(server, timeout_s=0.0))
    assert isinstance(answer.error, NotSent)
    assert server.requests == []


def test_a_connection_that_has_met_a_deadline_is_closed(serve: Serve, transport: Transport) -> None:
    waits = iter([0.3, 0.0])

    def handler(sock: socket.socket, _: bytes) -> None:
        time.sleep(next(waits))
        sock.sendall(ok())

    server = serve(handler)
    assert transport.send(post(server, timeout_s=0.1)).error is not None
    response(transport.send(post(server, timeout_s=5)))
    assert server.connections == 2


def test_a_longer_deadline_after_a_short_one_holds(serve: Serve, transport: Transport) -> None:
    waits = iter([0.0, 0.3])

    def handler(sock: socket.socket, _: bytes) -> None:
        time.sleep(next(waits))
        sock.sendall(ok())

    server = serve(handler)
    response(transport.send(post(server, timeout_s=0.2)))
    response(transport.send(post(server, timeout_s=5)))
    assert server.connections == 1


# --- not sent ---


def test_a_refused_connection_is_not_sent(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = transport.send(Request(method="POST", url=f"http://127.0.0.1:{port}/x?token={CANARY}"))
    assert isinstance(answer.error, ConnectFailed)
    assert CANARY not in str(answer.error)


def test_a_handshake_with_a_server_that_speaks_no_tls_is_not_sent(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_plainly() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(1000)
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer_plainly, daemon=True)
        thread.start()
        answer = transport.send(Request(method="POST", url=f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        thread.join(5)
    assert isinstance(answer.error, TlsFailed)


def test_a_handshake_that_never_ends_is_not_sent(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        start = time.monotonic()
        answer = transport.send(Request(method="POST", url=url, connect_s=0.2))
    assert isinstance(answer.error, TlsFailed)
    assert time.monotonic() - start < 0.9


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://127.0.0.1/", AddressRefused),
        ("http://", ConfigurationError),
        ("http://user:pw@127.0.0.1/", ConfigurationError),
        ("http://127.0.0.1:99999/", ConfigurationError),
        ("http://127.0.0.1/a\r\nX: y", ConfigurationError),
        ("http://127.0.0.1/a b", ConfigurationError),
    ],
)
def test_a_url_that_leads_nowhere_is_a_typed_error(transport: Transport, url: str, error: type[Exception]) -> None:
    answer = transport.send(Request(method="GET", url=url))
    assert type(answer.error) is error


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\x00b", "\u20ac"])
def test_a_header_that_could_inject_is_refused_before_anything_is_sent(
    serve: Serve, transport: Transport, value: str
) -> None:
    server = serve(ok())
    answer = transport.send(post(server, headers={"X-Key": value}))
    assert isinstance(answer.error, ConfigurationError)
    assert answer.error.code == "bad_header"
    assert value not in str(answer.error)
    assert server.connections == 0


@pytest.mark.parametrize("name", ["X Y", "X:", "", "X\r\n"])
def test_a_header_name_that_is_no_word_is_refused(serve: Serve, transport: Transport, name: str) -> None:
    answer = transport.send(post(serve(ok()), headers={name: "1"}))
    assert isinstance(answer.error, ConfigurationError)


def test_a_method_that_is_no_word_is_refused(serve: Serve, transport: Transport) -> None:
    assert isinstance(transport.send(post(serve(ok()), method="POST /x")).error, ConfigurationError)


def test_text_beyond_ascii_in_a_url_is_quoted(serve: Serve, transport: Transport) -> None:
    server = serve(ok())
    response(transport.send(get(server, "/ü?q=é#part")))
    assert server.requests[0].startswith(b"GET /%C3%BC?q=%C3%A9 HTTP/1.1\r\n")


# --- bodies ---


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    body = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n" + trailer + b"\r\n"


def test_a_chunked_body_is_put_together(serve: Serve, transport: Transport) -> None:
    server = serve(chunked(b"one", b"two" * 50_000, trailer=b"X-Sum: 1\r\n"))
    for _ in range(2):
        assert response(transport.send(get(server))).content == b"one" + b"two" * 50_000
    assert server.connections == 1


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "GZIP"])
def test_a_compressed_body_is_decoded(serve: Serve, transport: Transport, encoding: str) -> None:
    packed = zlib.compress(b"hello" * 1000) if encoding == "deflate" else gzip.compress(b"hello" * 1000)
    server = serve(ok(packed, f"Content-Encoding: {encoding}"))
    for _ in range(2):
        assert response(transport.send(get(server))).content == b"hello" * 1000
    assert server.connections == 1


def endless(sock: socket.socket, _: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        sock.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def until_closed(sock: socket.socket, _: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        sock.sendall(b"x" * 65536)


BOMB = gzip.compress(gzip.compress(b"\0" * 20_000_000))


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(ok(b"x" * 1001), id="plain"),
        pytest.param(chunked(b"x" * 600, b"x" * 600), id="chunked"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 70_000, id="promised"),
        pytest.param(endless, id="endless chunks"),
        pytest.param(until_closed, id="endless stream"),
        pytest.param(ok(gzip.compress(b"\0" * 20_000_000), "Content-Encoding: gzip"), id="gzip bomb"),
        pytest.param(ok(BOMB, "Content-Encoding: gzip, gzip"), id="nested gzip bomb"),
    ],
)
def test_a_body_above_the_cap_is_not_read(serve: Serve, transport: Transport, handler: Any) -> None:
    answer = transport.send(post(serve(handler), max_bytes=1000, timeout_s=5))
    assert isinstance(answer.error, BodyTooLarge)
    assert answer.elapsed_ms < 3000


def test_a_body_of_exactly_the_cap_is_read(serve: Serve, transport: Transport) -> None:
    assert len(response(transport.send(get(serve(ok(b"x" * 1000)), max_bytes=1000))).content) == 1000


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", BadBody),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nab", BadBody),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n", BadBody),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 10_000, BadBody),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", BadBody),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", BadBody),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", BadBody),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", BadBody),
        (ok(b"not gzip at all", "Content-Encoding: gzip"), BadBody),
        (ok(b"whatever", "Content-Encoding: rot13"), BadBody),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n", BadBody),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 200_000 + b"\r\n\r\n", BadBody),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, BadBody),
        (b"HTTP/2 200\r\n\r\n", BadBody),
        (b"SSH-2.0-OpenSSH\r\n\r\n", BadBody),
        (b"HTTP/1.1 abc\r\n\r\n", BadBody),
        (b"HTTP/1.1 099 x\r\n\r\n", BadBody),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", ConnectionLost),
        (b"", ConnectionLost),
    ],
)
def test_a_broken_answer_is_a_typed_doubt(
    serve: Serve, transport: Transport, data: bytes, error: type[Exception]
) -> None:
    answer = transport.send(post(serve(once(data)), timeout_s=5))
    assert type(answer.error) is error
    assert isinstance(answer.error, DeliveryUnknown)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_ends_at_its_head(serve: Serve, transport: Transport, status: str) -> None:
    server = serve(f"HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n".encode())
    for _ in range(2):
        assert response(transport.send(post(server))).content == b""
    assert server.connections == 1


def test_an_answer_to_head_has_no_body(serve: Serve, transport: Transport) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    assert response(transport.send(get(server, method="HEAD"))).content == b""


def test_interim_responses_are_passed_over(serve: Serve, transport: Transport) -> None:
    server = serve(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok(b"x"))
    got = response(transport.send(post(server)))
    assert (got.content, "link" in got.headers) == (b"x", False)


def test_a_body_without_a_length_ends_with_the_connection(serve: Serve, transport: Transport) -> None:
    server = serve(once(b"HTTP/1.0 200 OK\n\nall of it"))
    assert response(transport.send(get(server))).content == b"all of it"


def test_keep_alive_of_http_1_0_is_honoured(serve: Serve, transport: Transport) -> None:
    server = serve(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx")
    for _ in range(2):
        response(transport.send(get(server)))
    assert server.connections == 1


def test_folded_repeated_and_odd_headers_are_read(serve: Serve, transport: Transport) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nB: x\r\n  y\r\nno colon\r\n: none\r\nContent-Length: 0\r\n\r\n")
    headers = response(transport.send(get(server))).headers
    assert dict(headers) == {"A": "1, 2", "B": "x y", "Content-Length": "0"}
    assert headers.copy() == headers


# --- redirects ---


def redirect_to(location: str, status: str = "302 Found") -> Callable[[socket.socket, bytes], None]:
    def handler(sock: socket.socket, request: bytes) -> None:
        if b" /end " in request:
            sock.sendall(ok(b"end"))
        else:
            sock.sendall(ok(b"", f"Location: {location}", status=status))

    return handler


def test_a_read_follows_a_redirect_on_the_same_origin(serve: Serve, transport: Transport) -> None:
    server = serve(redirect_to("/end"))
    assert response(transport.send(get(server, redirects=True))).content == b"end"


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary", "308 Permanent"])
def test_a_write_never_follows_a_redirect(serve: Serve, transport: Transport, status: str) -> None:
    server = serve(redirect_to("/end", status))
    assert response(transport.send(post(server, redirects=True))).status_code == int(status[:3])
    assert len(server.requests) == 1


def test_a_read_does_not_follow_to_another_origin(serve: Serve, transport: Transport) -> None:
    other = serve(ok(b"stolen"))
    server = serve(redirect_to(other.url + "/end"))
    assert response(transport.send(get(server, redirects=True))).status_code == 302
    assert other.requests == []


def test_a_redirect_without_a_target_is_the_answer(serve: Serve, transport: Transport) -> None:
    server = serve(ok(b"", status="302 Found"))
    assert response(transport.send(get(server, redirects=True))).status_code == 302


def test_redirects_end_after_five(serve: Serve, transport: Transport) -> None:
    server = serve(redirect_to("/again"))
    assert response(transport.send(get(server, redirects=True))).status_code == 302
    assert len(server.requests) == 6


def test_a_read_that_was_not_asked_to_follow_does_not(serve: Serve, transport: Transport) -> None:
    server = serve(redirect_to("/end"))
    assert response(transport.send(get(server))).status_code == 302


# --- nothing of the environment, nothing kept, nothing told ---


def test_proxies_and_netrc_of_the_environment_are_ignored(
    serve: Serve, transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server = serve(ok())
    response(transport.send(post(server)))
    session = transport.session()
    session.get(server.url, timeout=2)
    assert not any(b"uthorization" in request for request in server.requests)


def test_cookies_are_not_kept(serve: Serve, transport: Transport) -> None:
    server = serve(ok(b"{}", "Set-Cookie: a=b"))
    assert len(response(transport.send(get(server))).cookies) == 0
    transport.send(get(server))
    assert b"ookie" not in server.requests[1]


def test_a_call_is_logged_without_secrets(serve: Serve, transport: Transport, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="crudsync.http")
    server = serve(ok(CANARY.encode(), f"Set-Cookie: {CANARY}"))
    headers = {"Authorization": f"Bearer {CANARY}", "Cookie": CANARY}
    path = f"/products?page=2&api_key={CANARY}&key={CANARY}#{CANARY}"
    answer = transport.send(post(server, path, headers=headers, body=CANARY.encode()))
    [record] = [record for record in caplog.records if record.name == "crudsync.http"]
    assert record.levelno == logging.DEBUG
    assert record.getMessage().startswith(f"POST {server.url}/products?page=2&api_key=***&key=*** 200 ")
    assert record.getMessage().endswith(" ms 13 bytes")
    assert CANARY not in caplog.text + repr(answer) + repr(answer.response)


@pytest.mark.parametrize(
    "handler", [once(b""), once(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), once(b"junk\r\n\r\n")]
)
def test_an_error_is_logged_and_told_without_secrets(
    serve: Serve, transport: Transport, caplog: pytest.LogCaptureFixture, handler: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(handler)
    answer = transport.send(post(server, f"/?token={CANARY}", headers={"Authorization": CANARY}))
    assert isinstance(answer.error, DeliveryUnknown)
    assert "token=***" in caplog.text
    told = (
        caplog.text + repr(answer) + str(answer.error) + repr(answer.error.__cause__) + repr(answer.error.__context__)
    )
    assert CANARY not in told


def test_a_failed_call_is_logged_where_a_success_is_not(
    serve: Serve, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="crudsync.http")
    transport.send(post(serve(ok())))
    assert caplog.records == []
    transport.send(post(serve(ok(status="500 Oh"))))
    [record] = caplog.records
    assert " 500 " in record.getMessage()


def test_a_quiet_logger_costs_no_formatting(
    serve: Serve, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="crudsync.http")
    response(transport.send(post(serve(ok()))))
    assert caplog.records == []


# --- requests and its friends ---


@responses.activate
def test_the_responses_library_sees_every_call(transport: Transport) -> None:
    responses.post("https://api.test/products", json={"id": "9"}, status=201, headers={"ETag": "v1"})
    answer = transport.send(Request(method="POST", url="https://api.test/products", body=b"{}", headers={"X-A": "b"}))
    assert (response(answer).status_code, response(answer).json()) == (201, {"id": "9"})
    assert response(answer).headers["etag"] == "v1"
    [call] = responses.calls
    assert call.request.headers["x-a"] == "b"
    assert call.request.body == b"{}"


@responses.activate
def test_a_mocked_body_is_capped_too(transport: Transport) -> None:
    responses.get("https://api.test/", body=b"x" * 1001)
    answer = transport.send(Request(method="GET", url="https://api.test/", max_bytes=1000))
    assert isinstance(answer.error, BodyTooLarge)


@responses.activate
def test_a_mocked_unforeseen_exception_is_an_answer_and_tells_nothing(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    responses.post("https://api.test/", body=RuntimeError(CANARY))
    answer = transport.send(Request(method="POST", url="https://api.test/"))
    assert type(answer.error) is DeliveryUnknown
    assert answer.error.code == "client_error"
    assert "RuntimeError" in caplog.text
    assert CANARY not in caplog.text + str(answer.error)


def test_a_session_for_an_sdk_keeps_the_deadline(serve: Serve, transport: Transport) -> None:
    server = serve(drip(ok(b"x" * 100)))
    start = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        transport.session().post(server.url, json={"a": 1}, timeout=0.3)
    assert time.monotonic() - start < 0.9


def test_a_session_for_an_sdk_sends_and_reads(serve: Serve, transport: Transport) -> None:
    server = serve(ok(b'{"a": 1}'))
    for body in ({"json": {"ä": 1}}, {"data": "text"}, {"data": {"k": "v"}}):
        assert transport.session().post(server.url, timeout=(1, 5), **body).json() == {"a": 1}
    assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [b'{"\\u00e4": 1}', b"text", b"k=v"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # a server thread runs beside it
def test_a_child_process_does_not_touch_its_parents_connections(serve: Serve, transport: Transport) -> None:
    server = serve(ok())
    response(transport.send(post(server)))
    child = os.fork()
    if not child:
        answer = transport.send(post(server))
        os._exit(0 if answer.response is not None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    response(transport.send(post(server)))
    assert server.connections == 2


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    yield from _tls_server(tmp_path)


def _tls_server(home: Path) -> Iterator[tuple[str, str]]:
    import ssl

    certificate = self_signed(home)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    stopping = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def accept() -> None:
            while not stopping.is_set():
                try:
                    sock, _ = listener.accept()
                    sock.settimeout(5)
                    with context.wrap_socket(sock, server_side=True) as tls:
                        while tls.recv(65536):
                            tls.sendall(ok(b"over TLS"))
                except OSError:
                    continue

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}/", certificate
        stopping.set()
        thread.join(6)


def self_signed(home: Path) -> str:
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = home / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)


def test_a_certificate_of_a_given_bundle_is_trusted(tls_server: tuple[str, str]) -> None:
    url, bundle = tls_server
    transport = Transport(verify=bundle)
    for _ in range(2):
        assert response(transport.send(Request(method="POST", url=url, body=b"x"))).content == b"over TLS"
    transport.close()


def test_an_unknown_certificate_is_not_sent_to(tls_server: tuple[str, str], transport: Transport) -> None:
    answer = transport.send(Request(method="POST", url=tls_server[0], body=b"x"))
    assert isinstance(answer.error, TlsFailed)


def test_any_certificate_is_taken_where_that_is_asked_for_on_a_desk(tls_server: tuple[str, str], settings: Any) -> None:
    settings.DEBUG = True
    transport = Transport(verify=False)
    assert response(transport.send(Request(method="POST", url=tls_server[0], body=b"x"))).content == b"over TLS"
    transport.close()


def test_a_bundle_that_cannot_be_read_is_a_configuration_error() -> None:
    answer = Transport(verify="/nonexistent.pem").send(Request(method="GET", url="https://localhost:1/"))
    assert isinstance(answer.error, ConfigurationError)
