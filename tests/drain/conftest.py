"""A registered memory integrator, its remote and its connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.utils import timezone

from sync import capture, faults, registry, retry, wake
from sync.drain import Report, drain, loop
from sync.models import Binding, Connection, Gate
from sync.retry.backoff import ceiling
from tests.drain.memory import MemoryIntegrator, MemoryRemote, Type


@pytest.fixture(autouse=True)
def _without_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every wait be as long as it may be, and draw nobody's turn: no try comes again in the same drain."""
    monkeypatch.setattr(loop, "TENTH", 0.0)
    monkeypatch.setattr(retry, "backoff", ceiling)


@pytest.fixture
def integrator(db: None) -> Iterator[type[MemoryIntegrator]]:
    """The integrator, fresh: a class of its own for each test, so that a test may set what it likes on it."""

    class Fresh(MemoryIntegrator):
        remote = MemoryRemote()
        spec = Type()
        renewals: list[bool] = []
        poison: set[str] = set()
        written: dict[str, Any] = {}

    before = registry.integrators()
    registry.clear()
    registry.register(Fresh)
    capture.install()
    with wake.muted(), capture.enabled():
        yield Fresh
    registry.clear()
    for cls in before.values():
        registry.register(cls)


@pytest.fixture
def remote(integrator: type[MemoryIntegrator]) -> MemoryRemote:
    """The remote."""
    return integrator.remote


@pytest.fixture
def connection(integrator: type[MemoryIntegrator]) -> Connection:
    """Its default connection."""
    return registry.connection("memory")


@pytest.fixture
def deliver(connection: Connection) -> Callable[..., Report]:
    """Drain once, after bringing forward whatever waits for its time."""

    def delivered(times: int = 1) -> Report:
        report = Report()
        for _ in range(times):
            hurry(connection)
            report = drain(connection.pk, wait=False)
        return report

    return delivered


def hurry(connection: Connection) -> None:
    """Make due what is in backoff, and open what is shut only for a while."""
    past = timezone.now() - dt.timedelta(seconds=1)
    Binding.objects.filter(connection=connection, due_at__isnull=False, leased=False).update(due_at=past)
    Gate.objects.filter(connection=connection, blocked_until__isnull=False).update(blocked_until=past)


@contextmanager
def armed(point: str, kind: str = "end", nth: int = 1) -> Iterator[None]:
    """Break what runs inside the block at a named point, as if its process had ended (``end``) or raising (``raise``).

    Args:
        point: of ``sync.faults``.
        kind: ``end`` or ``raise``.
        nth: how often the point is reached before it breaks.
    """
    faults._armed[point] = (kind, nth)
    try:
        yield
    finally:
        faults._armed.clear()
        faults._seen.clear()
