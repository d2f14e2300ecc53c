"""What may be called: by the address, whatever the name or the way it is written."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sync import conf
from sync.exceptions import AddressRefused, ConfigurationError
from sync.http import Transport, guard, resolve
from sync.types import Request

REFUSED = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.9", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "168.63.129.16", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1",
    "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "no address", "",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


@pytest.fixture
def allowing(settings: Any) -> Callable[..., None]:
    def allowed(*networks: str) -> None:
        settings.CRUDSYNC = {**settings.CRUDSYNC, "allow_networks": list(networks)}

    return allowed


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not guard.may_call(address, ())


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert guard.may_call(address, ())


@pytest.mark.parametrize(
    ("address", "network", "may"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("192.168.1.1", "10.0.0.0/8", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.2", "127.0.0.1", False),
        ("fd00::7", "fd00::/8", True),
        ("169.254.169.254", "169.254.0.0/16", True),
    ],
)
def test_a_network_that_the_site_names_is_allowed(address: str, network: str, may: bool) -> None:
    assert guard.may_call(address, guard.networks((network,))) is may


@pytest.mark.parametrize("value", ["10.0.0.0/99", "localhost", "", "10.0.0.0/8 "])
def test_a_network_that_is_none_is_a_typed_error(allowing: Callable[..., None], value: str) -> None:
    allowing(value)
    with pytest.raises(ConfigurationError) as caught:
        conf.current()
    assert caught.value.code == "bad_setting"
    assert "10.0.0.0/8" in caught.value.hint


@pytest.fixture
def listener() -> Iterator[tuple[int, list[Any]]]:
    """A port of loopback, and who has connected to it."""
    came: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            try:
                while True:
                    came.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
    for each in came:
        each.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]"]
)
def test_no_connection_is_opened_however_the_address_is_written(
    host: str, listener: tuple[int, list[Any]], allowing: Callable[..., None]
) -> None:
    allowing("10.0.0.0/8")
    port, came = listener
    request = Request(method="GET", url=f"http://{host}:{port}/", headers={}, timeout_s=5, connect_s=2)
    answer = Transport().send(request)
    assert answer.error is not None
    assert answer.error.code in {"address_refused", "name_not_resolved", "configuration"}
    assert not came


@pytest.mark.parametrize("debug", [True, False])
def test_a_developer_may_call_this_machine(settings: Any, debug: bool) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "allow_networks": []}
    settings.DEBUG = debug
    assert guard.may_call("127.0.0.1", guard.networks(conf.current().allow_networks)) is debug
    assert not guard.may_call("10.0.0.1", guard.networks(conf.current().allow_networks))


def test_the_error_names_the_setting(allowing: Callable[..., None]) -> None:
    allowing()
    with pytest.raises(AddressRefused) as caught:
        resolve.resolve("169.254.169.254", 80, time.monotonic() + 5)
    assert "allow_networks" in caught.value.hint


def test_a_name_that_is_pointed_elsewhere_after_it_was_checked_gains_nothing(
    monkeypatch: pytest.MonkeyPatch, listener: tuple[int, list[Any]], allowing: Callable[..., None]
) -> None:
    """The first answer is public, every later one is this machine: the connection goes to the one that was checked."""
    allowing("198.18.0.1")
    port, came = listener
    answers = iter(["198.18.0.1"])
    real = socket.getaddrinfo

    def getaddrinfo(host: str, wanted: int, *rest: Any, **more: Any) -> Any:
        if more.get("flags"):
            return real(host, wanted, *rest, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers, "127.0.0.1"), wanted))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert resolve.resolve("rebinding.test", port, time.monotonic() + 5)[0][4] == ("198.18.0.1", port)
    with pytest.raises(AddressRefused):
        resolve.resolve("rebinding.test", port, time.monotonic() + 5)
    assert not came


def test_of_several_addresses_only_those_that_may_be_called_are_tried() -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in ("10.0.0.1", "8.8.8.8", "127.9.9.9")]
    assert [each[4][0] for each in guard.admit("mixed.test", found)] == ["8.8.8.8", "127.9.9.9"]
