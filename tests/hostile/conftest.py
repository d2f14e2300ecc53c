"""One integrator over real sockets, its account with a secret, and a way to deliver without a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sync import BearerAuth, CrudIntegrator, ObjectType, RetryPolicy, capture, registry
from sync.integrators import forget
from sync.testing import Delivered, captured
from sync.testing import deliver as delivered
from tests.hostile.remote import SmallRemote
from tests.http.conftest import serve, transport  # noqa: F401 - fixtures
from tests.ratelimit.conftest import server, wire  # noqa: F401 - fixtures
from tests.ratelimit.test_scripts import redis  # noqa: F401 - a fixture
from tests.zoo.models import Note

CANARY = "c4n4ry-of-the-bearer-0123456789"
MAX_BYTES = 100_000


@pytest.fixture
def registered() -> Iterator[Callable[..., Any]]:
    """A function that registers an integrator for this test alone."""
    before = registry.integrators()
    registry.clear()
    forget()

    def register(cls: Any) -> Any:
        registry.register(cls)
        capture.install()
        return cls

    yield register
    registry.clear()
    forget()
    for cls in before.values():
        registry.register(cls)


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallRemote]:
    """The remote."""
    monkeypatch.setenv("HOSTILE_TOKEN", CANARY)
    started = SmallRemote()
    yield started
    started.stop()


@pytest.fixture
def small(settings: Any) -> None:
    """Caps and deadlines that a test can reach."""
    settings.CRUDSYNC = {**settings.CRUDSYNC, "max_bytes": MAX_BYTES, "timeout_s": 3.0, "allow_networks": ["127.0.0.1"]}


@pytest.fixture
def deliver(db: None, small: None) -> Iterator[Callable[..., Delivered]]:
    """A function that drains in this process until nothing moves."""
    with captured():
        yield delivered


@pytest.fixture
def notes(remote: SmallRemote, registered: Callable[..., Any], deliver: Any) -> type[CrudIntegrator]:
    """An integrator of notes that honours idempotency keys and ETags."""

    class NotesIntegrator(CrudIntegrator):
        base_url = f"{remote.url}/"
        auth = BearerAuth("env:HOSTILE_TOKEN")
        retry = RetryPolicy(base_delay=3600.0, max_delay=3600.0)  # no jitter may make a second try due in this test

        @staticmethod
        def set_object_types() -> Any:
            return {
                "note": ObjectType(
                    model=Note, endpoint="notes", fields=["text"], idempotency="Idempotency-Key", version="etag"
                )
            }

    return registered(NotesIntegrator)  # type: ignore[no-any-return]
