from __future__ import annotations

import time
from typing import Any

import pytest

from sync.ratelimit import shelf
from tests.servers.redis import RedisServer

SOON_S = 30.0


def test_a_text_is_kept_for_its_time(redis_server: RedisServer) -> None:
    assert shelf.get("a") is None
    assert shelf.put("a", "grüß", 60.0)
    assert shelf.get("a") == "grüß"
    assert shelf.put("b", "short", 0.001)
    until = time.monotonic() + SOON_S
    while shelf.get("b") is not None and time.monotonic() < until:
        time.sleep(0.005)
    assert shelf.get("b") is None


def test_a_ping_says_how_long_it_took(redis_server: RedisServer) -> None:
    taken_ms = shelf.ping()
    assert taken_ms is not None
    assert 0 < taken_ms < SOON_S * 1000


def test_a_frozen_redis_is_waited_for_shortly(redis_server: RedisServer) -> None:
    redis_server.freeze()
    try:
        with pytest.raises(shelf.RedisUnreachable, match="Timeout"):
            shelf.ping(0.2)
        assert shelf.get("a") is None
        assert not shelf.put("a", "x", 60.0)
    finally:
        redis_server.resume()


def test_without_a_redis_nothing_is_kept(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "amqp://"
    settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": ""}
    assert shelf.ping() is None
    assert shelf.get("a") is None
    assert not shelf.put("a", "x", 60.0)


def test_a_redis_that_is_away_is_told_by_the_kind_of_the_error() -> None:
    with pytest.raises(shelf.RedisUnreachable, match=r"^ConnectionError$"):
        shelf.ping()
