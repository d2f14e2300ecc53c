from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sync.ratelimit.limiter import local
from sync.ratelimit.link import Link, link
from tests.servers.redis import RedisServer

CONNECTIONS = ("1", "2")


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A running, empty server that the limiter goes to, with nothing remembered from earlier tests."""
    link.cache_clear()
    for connection in CONNECTIONS:
        local.forget(connection)
    yield redis_server
    link.cache_clear()


@pytest.fixture
def wire(server: RedisServer) -> Iterator[Link]:
    """A link of the test's own."""
    made = Link(server.url, timeout_s=0.3, identify=True)
    yield made
    made.close()


@pytest.fixture
def crudsync(settings: Any) -> Callable[..., None]:
    """A function that changes keys of CRUDSYNC."""

    def change(**keys: object) -> None:
        settings.CRUDSYNC = {**settings.CRUDSYNC, **keys}

    return change
