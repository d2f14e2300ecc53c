from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import pytest

from sync.exceptions import LimiterUnavailable
from sync.ratelimit import Lesson, forecast, learn, snapshot, take
from sync.types import RateLimit
from tests.servers.redis import RedisServer

EVEN = RateLimit(10, per=1.0)
BURST = RateLimit(100, per=1.0, burst=20)
HOUR = RateLimit(50, per=3600)


def quiet(connection: str, since_s: float) -> Sequence[tuple[float, int]]:
    return []


def busy(connection: str, since_s: float) -> Sequence[tuple[float, int]]:
    return [(60.0, 20)]


def test_without_limits_there_is_no_end() -> None:
    assert forecast(1, None, 1) == sys.maxsize
    assert snapshot(1, None) == []


def test_the_forecast_of_a_bucket_that_redis_does_not_know_is_that_of_an_empty_one(server: RedisServer) -> None:
    assert forecast(1, [EVEN], 1.0) == 0
    assert forecast(1, [EVEN], 1.25) == 2


def test_the_forecast_counts_what_comes_before_the_horizon(server: RedisServer) -> None:
    take(1, [EVEN], 1, horizon_s=5, seed=quiet)
    assert forecast(1, [EVEN], 10.0) in (78, 79)


def test_the_forecast_is_that_of_the_narrowest_limit(server: RedisServer) -> None:
    take(1, [EVEN, HOUR], 1, horizon_s=5, seed=quiet)
    assert forecast(1, [EVEN, HOUR], 3.0) in (22, 23)
    assert forecast(1, [EVEN, HOUR], 60.0) == 49


def test_a_used_up_window_is_foreseen_to_open_again(server: RedisServer) -> None:
    take(1, [HOUR], 50, horizon_s=5, seed=quiet)
    assert forecast(1, [HOUR], 3000.0) == 0
    assert forecast(1, [HOUR], 3700.0) == 50


def test_the_remotes_words_narrow_the_forecast(server: RedisServer) -> None:
    take(1, [EVEN], 1, horizon_s=5, seed=quiet)
    learn(1, Lesson(remaining=3, reset_s=60))
    assert forecast(1, [EVEN], 10.0) == 3
    learn(1, Lesson(retry_after_s=20))
    assert forecast(1, [EVEN], 10.0) == 0


def test_the_forecast_without_redis_is_closed_or_local(server: RedisServer, crudsync: Callable[..., None]) -> None:
    server.kill()
    with pytest.raises(LimiterUnavailable):
        forecast(1, [EVEN], 1)
    crudsync(limiter_when_down="local", limiter_local_share=0.5)
    assert forecast(1, [EVEN], 10.0) in (35, 36)


def test_a_snapshot_shows_tokens_and_when_the_next_comes(server: RedisServer) -> None:
    take(1, [EVEN, BURST], 1, horizon_s=5, seed=quiet)
    even, burst = snapshot(1, [EVEN, BURST])
    assert (even.name, even.limit, even.per_s) == ("10-1-1", 10, 1.0)
    assert even.tokens == 0
    assert 0 < even.next_s <= 0.25
    assert even.used == 1.0
    assert burst.tokens >= 0


def test_a_bucket_that_fills_shows_less_use(server: RedisServer) -> None:
    take(1, [BURST], 1, horizon_s=5, seed=quiet)
    deadline = time.monotonic() + 5
    while snapshot(1, [BURST])[0].tokens < 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    (full,) = snapshot(1, [BURST])
    assert (full.tokens, full.used, full.next_s) == (20, 0.0, 0.0)


def test_a_snapshot_of_a_window_shows_its_share(server: RedisServer) -> None:
    take(1, [HOUR], 10, horizon_s=5, seed=quiet)
    (hour,) = snapshot(1, [HOUR])
    assert (hour.tokens, hour.used, hour.per_s) == (40, 0.2, 3600.0)
    take(1, [HOUR], 40, horizon_s=5)
    (hour,) = snapshot(1, [HOUR])
    assert (hour.tokens, hour.used) == (0, 1.0)
    assert hour.next_s > 3000


def test_a_window_that_waits_for_its_journal_has_no_tokens(server: RedisServer) -> None:
    take(1, [HOUR], 10, horizon_s=5, seed=busy)
    (hour,) = snapshot(1, [HOUR])
    assert hour.tokens == 0
    assert 0 < hour.next_s <= 1.25


def test_a_snapshot_shows_a_pause(server: RedisServer) -> None:
    take(1, [HOUR], 1, horizon_s=5, seed=quiet)
    learn(1, Lesson(retry_after_s=30))
    (hour,) = snapshot(1, [HOUR])
    assert hour.tokens == 0
    assert hour.paused_s == pytest.approx(30, abs=1)
    assert hour.next_s == pytest.approx(30, abs=1)


def test_a_snapshot_without_redis_says_so(server: RedisServer) -> None:
    server.kill()
    with pytest.raises(LimiterUnavailable):
        snapshot(1, [EVEN])
