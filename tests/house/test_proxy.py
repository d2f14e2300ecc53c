"""The proxy of the tests does to connections what it is told."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from project.servers import LOOPBACK, wait_until
from tests.servers.proxy import Proxy

ANSWER = b"0123456789"


class Echo(socketserver.BaseRequestHandler):
    """Answers each piece with ten bytes."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while self.request.recv(1024):
                self.server.heard += 1  # type: ignore[attr-defined]
                self.request.sendall(ANSWER)


@pytest.fixture
def server() -> Iterator[socketserver.ThreadingTCPServer]:
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Echo) as found:
        found.daemon_threads = True
        found.heard = 0  # type: ignore[attr-defined]
        threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture
def proxy(server: socketserver.ThreadingTCPServer) -> Iterator[Proxy]:
    with Proxy(server.server_address[1]) as found:
        yield found


def ask(proxy: Proxy, timeout_s: float = 5.0) -> bytes:
    """Send a piece through the proxy, and return the answer."""
    with socket.create_connection((LOOPBACK, proxy.port), timeout=timeout_s) as client:
        client.sendall(b"hello")
        return read(client)


def read(client: socket.socket) -> bytes:
    answer = b""
    while len(answer) < len(ANSWER) and (piece := client.recv(100)):
        answer += piece
    return answer


def until_reset(client: socket.socket) -> bytes:
    """Read until the connection is reset, and return what came before."""
    got = b""
    try:
        while piece := client.recv(1):
            got += piece
    except ConnectionResetError:
        return got
    raise AssertionError("the connection was closed in order")


def test_it_passes_bytes_on(proxy: Proxy) -> None:
    assert ask(proxy) == ANSWER
    assert (proxy.opened, proxy.cut) == (1, 0)


def test_it_refuses_and_comes_back_on_the_same_port(proxy: Proxy) -> None:
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        ask(proxy)
    proxy.pass_through()
    assert (ask(proxy), proxy.port) == (ANSWER, port)


def test_a_black_hole_answers_nothing_and_closes_nothing(proxy: Proxy, server: socketserver.ThreadingTCPServer) -> None:
    proxy.black_hole()
    with pytest.raises(TimeoutError):
        ask(proxy, timeout_s=0.3)
    assert server.heard == 0  # type: ignore[attr-defined]


def test_a_delay_holds_each_piece_back(proxy: Proxy) -> None:
    proxy.delay(0.2)
    began = time.monotonic()
    assert ask(proxy) == ANSWER
    assert time.monotonic() - began >= 0.4


def test_it_cuts_after_so_many_bytes_of_the_answer(proxy: Proxy) -> None:
    proxy.cut_after(4)
    with socket.create_connection((LOOPBACK, proxy.port), timeout=5) as client:
        client.sendall(b"hello")
        assert until_reset(client) in (b"", ANSWER[:4])  # a reset may overtake what was sent before it
    assert wait_until(lambda: proxy.cut == 1, 5)


def test_it_cuts_the_request_before_the_server_has_it_all(
    proxy: Proxy, server: socketserver.ThreadingTCPServer
) -> None:
    proxy.cut_after(0, towards="server")
    with pytest.raises(ConnectionResetError):
        ask(proxy)
    assert server.heard == 0  # type: ignore[attr-defined]


def test_it_hides_an_answer_to_a_request_that_was_done(proxy: Proxy, server: socketserver.ThreadingTCPServer) -> None:
    proxy.cut_after_response()
    with pytest.raises(ConnectionResetError):
        ask(proxy)
    assert server.heard == 1  # type: ignore[attr-defined]


def test_open_connections_are_dropped(proxy: Proxy) -> None:
    with socket.create_connection((LOOPBACK, proxy.port), timeout=5) as client:
        client.sendall(b"hello")
        assert read(client) == ANSWER
        proxy.drop_all()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
