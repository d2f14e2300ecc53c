from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sync.exceptions import NameNotResolved
from sync.http import Transport, resolve
from sync.types import Request

Resolver = Callable[..., Any]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[[Resolver], None]:
    """Replace the system's resolver for names; addresses still go to it."""
    real = socket.getaddrinfo

    def replace(own: Resolver) -> None:
        def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
            return real(host, port, *args, **kwargs) if kwargs.get("flags") else own(host, port)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return replace


def soon() -> float:
    return time.monotonic() + 5


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_needs_no_resolver(host: str, resolver: Callable[[Resolver], None]) -> None:
    resolver(lambda *_: pytest.fail("asked"))
    assert resolve.resolve(host, 80, soon())[0][4][:2] == (host, 80)


def test_a_name_is_resolved(resolver: Callable[[Resolver], None]) -> None:
    resolver(lambda host, port: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))])
    assert resolve.resolve("api.test", 81, soon())[0][4] == ("127.0.0.1", 81)


def fails(*_: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("own", [fails, lambda *_: [], lambda *_: (_ for _ in ()).throw(UnicodeError())])
def test_a_name_without_an_address_is_a_typed_error(own: Resolver, resolver: Callable[[Resolver], None]) -> None:
    resolver(own)
    with pytest.raises(NameNotResolved) as caught:
        resolve.resolve("api.test", 80, soon())
    assert caught.value.code == "name_not_resolved"


def test_a_resolver_that_hangs_costs_one_thread_and_ends_in_time(resolver: Callable[[Resolver], None]) -> None:
    release = threading.Event()
    resolver(lambda *_: release.wait(5) and [])
    before = threading.active_count()
    for _ in range(5):
        start = time.monotonic()
        with pytest.raises(NameNotResolved) as caught:
            resolve.resolve("hangs.test", 80, start + 0.05)
        assert time.monotonic() - start < 0.5
        assert caught.value.code == "name_timeout"
    assert threading.active_count() == before + 1
    release.set()


def test_a_call_to_a_name_that_hangs_is_not_sent(resolver: Callable[[Resolver], None]) -> None:
    release = threading.Event()
    resolver(lambda *_: release.wait(5) and [])
    answer = Transport().send(Request(method="POST", url="http://hangs2.test/", timeout_s=0.1))
    release.set()
    assert isinstance(answer.error, NameNotResolved)
    assert answer.elapsed_ms < 600


def test_the_next_address_is_tried_where_one_refuses(resolver: Callable[[Resolver], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        resolver(lambda *_: [(*kind, dead), (*kind, listener.getsockname())])

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(1000)
                sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        transport = Transport()
        answer = transport.send(Request(method="POST", url="http://two.test/"))
        transport.close()
        thread.join(5)
    assert answer.response is not None


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # a server thread runs beside it
def test_a_child_process_forgets_what_its_parent_was_resolving(resolver: Callable[[Resolver], None]) -> None:
    release = threading.Event()
    resolver(lambda *_: release.wait(5) and [])
    with pytest.raises(NameNotResolved):
        resolve.resolve("fork.test", 80, time.monotonic() + 0.01)
    child = os.fork()
    if not child:
        os._exit(len(resolve._lookups.running))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    release.set()
