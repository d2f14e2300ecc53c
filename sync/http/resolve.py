"""Name resolution that ends in time.

``getaddrinfo`` takes no timeout, so it runs in a daemon thread, one per name at most: a resolver that hangs costs one
thread, not one per call.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

from sync.exceptions import NameNotResolved
from sync.http.guard import admit

Addresses = list[tuple[Any, ...]]
"""What ``socket.getaddrinfo`` returns."""


class _Lookup:
    """One running resolution, which any number of callers may wait for."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.done = threading.Event()
        self.addresses: Addresses = []
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.addresses = list(socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            self.error = error
        finally:
            _lookups.running.pop((self.host, self.port), None)
            self.done.set()


class _Lookups:
    """The resolutions under way in this process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        # After a fork the child has none of the parent's threads, and perhaps its lock, taken.
        self.lock = threading.Lock()
        self.running: dict[tuple[str, int], _Lookup] = {}

    def get(self, host: str, port: int) -> _Lookup:
        with self.lock:
            lookup = self.running.get((host, port))
            if lookup is None:
                lookup = self.running[host, port] = _Lookup(host, port)
                threading.Thread(target=lookup.run, name=f"crudsync-resolve-{host}", daemon=True).start()
            return lookup


_lookups = _Lookups()
os.register_at_fork(after_in_child=_lookups.forget)


def resolve(host: str, port: int, until: float) -> Addresses:
    """Return the addresses of a host that may be called.

    Args:
        host: a name or an address, without brackets.
        port: TCP port.
        until: ``time.monotonic()`` seconds; no answer by then is an error.

    Raises:
        NameNotResolved: no such name, or no answer in time.
        AddressRefused: it has no address that may be called.
    """
    if numeric := _numeric(host, port):
        return admit(host, numeric)
    lookup = _lookups.get(host, port)
    if not lookup.done.wait(max(0.0, until - time.monotonic())):
        raise NameNotResolved(f"{host} was not resolved in time", code="name_timeout")
    if lookup.error is not None or not lookup.addresses:
        raise NameNotResolved(f"{host} has no address", hint="check the host name in base_url") from lookup.error
    return admit(host, lookup.addresses)


def _numeric(host: str, port: int) -> Addresses:
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    except (OSError, UnicodeError):
        return []
