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
    """``registered``, where verbs may be called: no limit counts, and sending inside the test's transaction is fine."""
    unlimited = {"rate_limit": {"limit": 1, "methods": ["TRACE"]}}
    settings.CRUDSYNC = {
        **settings.CRUDSYNC,
        "inline": True,
        "integrators": dict.fromkeys(("tag", "keyed", "product"), unlimited),
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
