"""The shop's account, a sandbox that it speaks to, and integrators of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from sync import registry
from sync.integrators import forget
from sync.models import Connection
from sync.testing.remote import Remote
from sync.testing.sandbox import SandboxServer
from sync.testing.surroundings import captured, redirected


@pytest.fixture(autouse=True)
def _fresh_clients() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def sandbox(db: None) -> Iterator[Callable[..., Remote]]:
    """A function that starts a sandbox with options, sends the shop's calls there, and returns its side door."""
    with ExitStack() as stack:
        stack.enter_context(captured())

        def start(**options: Any) -> Remote:
            server = stack.enter_context(SandboxServer(**options))
            stack.enter_context(redirected(server.url))
            return Remote(server.url)

        yield start


@pytest.fixture
def account(db: None) -> Connection:
    """The shop's default account."""
    return registry.connection("shop", "default")
