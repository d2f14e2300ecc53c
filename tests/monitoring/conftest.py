"""Accounts: the shop's, with a sandbox that it speaks to, and one that nobody registered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from sync import registry
from sync.integrators import forget
from sync.models import Connection, Operation
from sync.models.clock import now
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


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.STATIC_ROOT = None  # WhiteNoise warns of a directory that collectstatic never made


@pytest.fixture
def connection(db: None) -> Connection:
    """A connection that nobody registered: counting does not care."""
    return Connection.objects.create(integrator="vault")


@pytest.fixture
def minute(db: None) -> dt.datetime:
    """The beginning of the minute before this one, by the database's clock."""
    return now().replace(second=0, microsecond=0) - dt.timedelta(minutes=1)


@pytest.fixture
def attempt(connection: Connection) -> Callable[..., Operation]:
    """Note an attempt that started at some time."""

    def noted(at: dt.datetime, **values: Any) -> Operation:
        given = {"connection": connection, "object_type": "coin", "object_id": "1", "verb": "update"}
        return Operation.objects.create(**{**given, "status": "succeeded", "started_at": at, **values})

    return noted
