from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery

from sync.ratelimit.link import link
from sync.wake.doorbell import echo, rung
from sync.wake.publisher import publisher
from tests.servers.redis import RedisServer


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    """Nothing remembered from other tests, nothing kept for them."""
    for forget in (link.cache_clear, publisher.close, rung.forget, echo.forget):
        forget()
    yield
    for forget in (publisher.close, link.cache_clear):
        forget()


@pytest.fixture
def app(redis_server: RedisServer) -> Iterator[Celery]:
    """The host's Celery application, its broker on a running, empty server."""
    made = _application(redis_server.url)
    yield from _current(made)


@pytest.fixture
def app_on_amqp() -> Iterator[Celery]:
    """An application whose broker is not Redis, and is away."""
    yield from _current(_application("amqp://guest@127.0.0.1:1//"))


def _application(url: str) -> Celery:
    return Celery("host", broker=url, set_as_current=False, fixups=[])


def _current(app: Celery) -> Iterator[Celery]:
    from celery import _state

    before = _state._tls.current_app
    _state._set_current_app(app)
    yield app
    _state._set_current_app(before)
