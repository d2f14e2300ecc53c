"""No test leaves this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class LeftThisMachine(RuntimeError):
    """A test tried to connect to something other than loopback."""


def is_local(address: Any) -> bool:
    """Return whether a socket's address is a Unix socket's, or on loopback."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("localhost", "")


@contextmanager
def loopback_only() -> Iterator[None]:
    """Let connections to anywhere else raise ``LeftThisMachine``."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


def _guarded(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if not is_local(address):
            raise LeftThisMachine(f"a test tried to connect to {address!r}")
        return original(self, address)

    return connect
