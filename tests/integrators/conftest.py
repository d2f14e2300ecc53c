"""A registry of a test's own, and a limiter that needs no Redis."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from sync import capture, registry, wake
from sync.integrators import forget
from sync.models import Connection


@pytest.fixture(autouse=True)
def _fresh_clients() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def registered() -> Iterator[Any]:
    """A function that registers an integrator for this test alone."""
    before = registry.integrators()
    registry.clear()
    yield registry.register
    registry.clear()
    for cls in before.values():
        registry.register(cls)


@pytest.fixture
def direct(registered: Any, settings: Any, db: None) -> Iterator[Any]:
    """``registered``, where verbs may be called: no Redis, tokens at once, sending inside the test's transaction."""
    settings.CRUDSYNC = {
        **settings.CRUDSYNC,
        "inline": True,
        "limiter_when_down": "local",
        "limiter_local_share": 1.0,
        "default_rpm": 600_000,
    }
    with wake.muted(), capture.disabled():
        yield registered


@pytest.fixture
def connection() -> Connection:
    """A row that no database knows."""
    return Connection(
        pk=1,
        integrator="some",
        name="default",
        base_url="",
        options={},
        updated_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
