from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks import limiter as benchmark
from sync.exceptions import ConfigurationError, LimiterUnavailable
from sync.ratelimit import Lesson, learn, limiter, reset, take
from sync.ratelimit.bucket import Taken
from sync.types import RateLimit
from tests.servers.redis import RedisServer

FAST = RateLimit(1000, per=1.0, burst=50)
EVEN = RateLimit(10, per=1.0)


def quiet(connection: str, since_s: float) -> Sequence[tuple[float, int]]:
    return []


def until_granted(*limits: RateLimit, n: int = 1, deadline_s: float = 5.0) -> Any:
    ends = time.monotonic() + deadline_s
    while time.monotonic() < ends:
        if (grants := take(1, limits, n, horizon_s=5)).granted:
            return grants
        time.sleep(min(0.05, grants.retry_after_s))
    raise AssertionError("no token")


@pytest.mark.parametrize("limits", [None, (), []])
def test_without_limits_all_may_go_at_once_and_nobody_asks_redis(limits: Any, crudsync: Callable[..., None]) -> None:
    crudsync(redis_url="redis://127.0.0.1:1/0")
    grants = take(1, limits, 3, horizon_s=1)
    assert len(grants.granted) == 3
    assert all(grant.at <= time.monotonic() and grant.until == math.inf for grant in grants.granted)
    assert grants.retry_after_s == 0


@pytest.mark.parametrize("n", [0, -1])
def test_who_wants_nothing_gets_nothing(n: int, server: RedisServer) -> None:
    assert take(1, [EVEN], n, horizon_s=1).granted == []
    assert take(1, None, n, horizon_s=1).granted == []


def test_a_new_bucket_says_when_its_first_token_comes(server: RedisServer) -> None:
    grants = take(1, [EVEN], 1, horizon_s=5)
    assert grants.granted == []
    assert grants.retry_after_s == pytest.approx(1.125, abs=0.01)


def test_a_new_bucket_with_a_quiet_journal_gives_its_first_token_one_step_later(server: RedisServer) -> None:
    started = time.monotonic()
    (grant,) = take(1, [EVEN], 1, horizon_s=5, seed=quiet).granted
    assert started + 0.125 <= grant.at < started + 0.4


def test_grants_come_in_order_and_each_lives_half_the_slack(server: RedisServer) -> None:
    take(1, [EVEN], 1, horizon_s=5, seed=quiet)
    before = time.monotonic()
    grants = take(1, [EVEN], 20, horizon_s=5).granted
    after = time.monotonic()
    assert [grant.at for grant in grants] == sorted(grant.at for grant in grants)
    for grant in grants:
        assert 0 < grant.until - grant.at <= 0.125
        assert grant.until - grant.at >= 0.124 - (after - before)


def test_the_ends_of_a_grant_err_towards_sending_nothing() -> None:
    # Redis looked at its clock at some time between 100.00 and 100.05.
    grants = limiter._grants(Taken(times_us=[0.0, 500_000.0], retry_us=0.0), 100.0, 100.05, 0.25)
    assert [(grant.at, grant.until) for grant in grants.granted] == [(100.05, 100.125), (100.55, 100.625)]


def test_tokens_that_died_on_the_way_are_thrown_away(caplog: pytest.LogCaptureFixture) -> None:
    grants = limiter._grants(Taken(times_us=[0.0, 500_000.0], retry_us=7.0), 100.0, 100.2, 0.25)
    assert grants.granted == []
    assert "more than a token lives" in caplog.text


def test_limits_of_one_name_share_a_bucket(server: RedisServer) -> None:
    one, other = RateLimit(10, name="both", endpoints=("a",)), RateLimit(10, name="both", endpoints=("b",))
    take(1, [one], 1, horizon_s=5, seed=quiet)
    first = take(1, [one, other], 1, horizon_s=60).retry_after_s
    assert take(1, [other], 1, horizon_s=60).retry_after_s <= first


def test_connections_do_not_share_buckets(server: RedisServer) -> None:
    take(1, [FAST], 1, horizon_s=5, seed=quiet)
    assert take("2", [FAST], 1, horizon_s=0.5).granted == []


def test_a_limit_that_cannot_be_kept_is_refused_before_redis_is_asked(crudsync: Callable[..., None]) -> None:
    crudsync(redis_url="redis://127.0.0.1:1/0")
    with pytest.raises(ConfigurationError):
        take(1, [RateLimit(0)], 1, horizon_s=1)


def test_the_journal_is_asked_once_for_all_buckets_and_as_far_back_as_the_longest(server: RedisServer) -> None:
    asked = []

    def journal(connection: str, since_s: float) -> Sequence[tuple[float, int]]:
        asked.append((connection, since_s))
        return [(1000.0, 7)]

    day = RateLimit(10, per=86_400)
    grants = take(1, [EVEN, day], 5, horizon_s=5, seed=journal)
    assert asked == [("1", pytest.approx(86_400 + 1440 + 0.25))]
    assert grants.granted == []
    assert grants.retry_after_s == pytest.approx(1.25, abs=0.01), "the day's count is not taken before it is sure"


def test_a_flushed_redis_gives_nothing_until_what_was_reserved_has_passed(server: RedisServer) -> None:
    take(1, [EVEN], 1, horizon_s=5, seed=quiet)
    reserved = take(1, [EVEN], 50, horizon_s=5).granted[-1].at
    server.flush()
    grants = until_granted(EVEN)
    assert grants.granted[0].at >= reserved + 0.12


# --- Redis away ------------------------------------------------------------------------------------------------------


def test_without_redis_the_limiter_is_closed(server: RedisServer) -> None:
    server.kill()
    with pytest.raises(LimiterUnavailable) as caught:
        take(1, [EVEN], 1, horizon_s=5)
    assert caught.value.code == "limiter_unavailable"
    assert 0 < caught.value.retry_after_s <= 5


def test_without_a_redis_url_the_limiter_says_what_to_set(crudsync: Callable[..., None], settings: Any) -> None:
    settings.CELERY_BROKER_URL = "amqp://127.0.0.1:1//"
    crudsync(redis_url="")
    with pytest.raises(LimiterUnavailable) as caught:
        take(1, [EVEN], 1, horizon_s=5)
    assert caught.value.code == "limiter_not_configured"
    assert "redis_url" in caught.value.hint


def test_a_frozen_redis_is_not_waited_for_at_every_call(server: RedisServer) -> None:
    take(1, [EVEN], 1, horizon_s=5)
    server.freeze()
    started = time.monotonic()
    for _ in range(20):
        with pytest.raises(LimiterUnavailable):
            take(1, [EVEN], 1, horizon_s=5)
    assert time.monotonic() - started < 1.0


def test_a_redis_out_of_memory_closes_the_limiter(server: RedisServer) -> None:
    take(1, [EVEN], 1, horizon_s=5)
    with server.client() as client:
        client.config_set("maxmemory", "1")
    with pytest.raises(LimiterUnavailable):
        take(2, [EVEN], 1, horizon_s=5)


def test_a_local_share_gives_tokens_while_redis_is_away(server: RedisServer, crudsync: Callable[..., None]) -> None:
    crudsync(limiter_when_down="local", limiter_local_share=0.5)
    server.kill()
    first = take(1, [FAST], 1, horizon_s=5)
    assert first.granted == [], "a bucket of which nothing is known is empty"
    assert until_granted(FAST).granted


def test_a_local_mode_without_a_share_stays_closed(server: RedisServer, crudsync: Callable[..., None]) -> None:
    crudsync(limiter_when_down="local")
    server.kill()
    with pytest.raises(LimiterUnavailable):
        take(1, [EVEN], 1, horizon_s=5)


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_that_is_none_is_a_configuration_error(
    share: float, server: RedisServer, crudsync: Callable[..., None]
) -> None:
    crudsync(limiter_when_down="local", limiter_local_share=share)
    server.kill()
    with pytest.raises(ConfigurationError):
        take(1, [EVEN], 1, horizon_s=5)


def test_after_local_tokens_the_shared_bucket_counts_as_unknown(
    server: RedisServer, crudsync: Callable[..., None]
) -> None:
    take(1, [FAST], 1, horizon_s=5)
    crudsync(limiter_when_down="local", limiter_local_share=0.5)
    server.freeze()
    until_granted(FAST)
    server.resume()
    limiter.store.redis().close()
    assert take(1, [FAST], 1, horizon_s=0.9).granted == []
    assert not limiter.local.granted("1")


# --- lessons ---------------------------------------------------------------------------------------------------------


def test_a_pause_holds_the_connection(server: RedisServer) -> None:
    take(1, [FAST], 1, horizon_s=5, seed=quiet)
    assert learn(1, Lesson(retry_after_s=30))
    grants = take(1, [FAST], 1, horizon_s=5)
    assert grants.granted == []
    assert 29 < grants.retry_after_s <= 30


def test_a_lesson_about_one_limit_leaves_the_others(server: RedisServer) -> None:
    named = RateLimit(1000, per=1.0, name="writes")
    take(1, [FAST, named], 1, horizon_s=5, seed=quiet)
    learn(1, Lesson(remaining=0, reset_s=30), limit_name="writes")
    assert take(1, [FAST], 1, horizon_s=5).granted
    assert take(1, [named], 1, horizon_s=5).retry_after_s == pytest.approx(30, abs=1)


def test_an_absurd_lesson_lasts_a_day_at_the_most(server: RedisServer) -> None:
    learn(1, Lesson(retry_after_s=1e12))
    assert take(1, [FAST], 1, horizon_s=5).retry_after_s == pytest.approx(86_400, abs=1)


def test_a_lesson_while_redis_is_away_is_kept_for_the_local_bucket(
    server: RedisServer, crudsync: Callable[..., None]
) -> None:
    crudsync(limiter_when_down="local", limiter_local_share=0.5)
    server.kill()
    assert not learn(1, Lesson(retry_after_s=30), limits=[FAST])
    assert take(1, [FAST], 1, horizon_s=5).retry_after_s > 29


def test_resetting_forgets_buckets_and_lessons_of_one_connection(server: RedisServer) -> None:
    for connection in (1, 11):
        take(connection, [FAST], 1, horizon_s=5)
    learn(1, Lesson(retry_after_s=30))
    assert reset(1) == 2
    assert reset(1) == 0
    assert reset(11) == 1


def test_resetting_without_redis_says_so(server: RedisServer) -> None:
    server.kill()
    with pytest.raises(LimiterUnavailable):
        reset(1)


# --- several processes -----------------------------------------------------------------------------------------------


def test_processes_that_hammer_one_bucket_never_exceed_it_and_use_nearly_all(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "LIMITS", (RateLimit(10, per=1.0),))
    monkeypatch.setattr(benchmark, "SPEED_CALLS", 20)
    monkeypatch.setenv("REDIS_URL", server.url)
    figures = benchmark.run(seconds=5.0, processes=3)
    assert figures["windows_over"] == 0
    assert figures["share_used"] >= 0.9
    assert figures["tokens_per_second"] > 0


def test_a_window_over_its_limit_would_be_counted() -> None:
    over = benchmark.judge([i / 10 for i in range(11)], RateLimit(10, per=1.0), ends=1.0)
    fine = benchmark.judge([i / 8 for i in range(11)], RateLimit(10, per=1.0), ends=1.25)
    assert (over["windows_over"], fine["windows_over"]) == (1, 0)
    assert fine["share_used"] == 1.0
