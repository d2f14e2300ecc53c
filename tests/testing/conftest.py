"""A sandbox on a thread, and a session that speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from sync.testing.remote import Remote
from sync.testing.sandbox import SandboxServer


class Client:
    """A plain client of a sandbox, and its side door."""

    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        self.url = server.url
        self.remote = Remote(server.url)
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, method: str, path: str, json: Any = None, **options: Any) -> requests.Response:
        options.setdefault("timeout", 10)
        options.setdefault("allow_redirects", False)
        return self.session.request(method, self.url + path, json=json, **options)


@pytest.fixture
def start() -> Iterator[Callable[..., Client]]:
    """A function that starts a sandbox with options and returns a client of it."""
    with ExitStack() as stack:

        def run(**options: Any) -> Client:
            client = Client(stack.enter_context(SandboxServer(**options)))
            stack.callback(client.session.close)
            return client

        yield run


@pytest.fixture
def client(start: Callable[..., Client]) -> Client:
    """A client of a sandbox as it is without options."""
    return start()
