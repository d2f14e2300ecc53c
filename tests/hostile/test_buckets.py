"""The limiter's scripts with numbers, clocks and contents that nobody meant, on a real server, beside the twin here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sync import ratelimit
from sync.exceptions import LimiterUnavailable
from sync.ratelimit import store
from sync.ratelimit.bucket import ahead, empty
from sync.ratelimit.bucket import take as take_here
from sync.ratelimit.limiter import LONGEST_S
from sync.ratelimit.link import Link
from sync.ratelimit.rates import MOST_CALLS, SECOND_US, rate
from sync.types import RateLimit
from tests.ratelimit.test_scripts import EPOCH_S, SLACK_US, Redis
from tests.servers.redis import RedisServer

# The server's clock is the test's own, so that nothing here depends on the time of day.
pytestmark = pytest.mark.process

limits = st.builds(
    lambda limit, per, burst: RateLimit(limit, per=per, burst=min(limit, burst)),
    st.integers(1, MOST_CALLS),
    st.floats(0.001, 3599.0),
    st.integers(1, MOST_CALLS),
)
steps = st.lists(
    st.tuples(
        st.floats(0, 10.0) | st.sampled_from([0.0, 1e-6, 86_400.0, 1e8]),
        st.integers(0, 40),
        st.sampled_from([0.0, 1e-6, 10.0, 1e6]),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(limits, min_size=1, max_size=3, unique=True), steps)
@example([RateLimit(MOST_CALLS, per=0.001, burst=MOST_CALLS)], [(0.0, 40, 10.0), (1e8, 40, 1e6)])
@example([RateLimit(1, per=3599.0)], [(1e8, 40, 1e6), (0.0, 1, 0.0)])
def test_the_script_and_its_twin_agree_on_any_numbers(
    redis: Callable[..., Redis], given_: list[RateLimit], moves: list[tuple[float, int, float]]
) -> None:
    rates = [rate(each, 0.25) for each in given_]
    there = redis(*rates)
    there.drop()
    here: list[Any] = []
    for later_s, n, horizon_s in moves:
        there.now_s = round(there.now_s + later_s, 6)
        now_us = (int(there.now_s) - EPOCH_S) * SECOND_US + round((there.now_s % 1) * SECOND_US)
        here = here or [empty(each, now_us, ahead(rates)) for each in rates]
        mine = take_here(here, rates, n, now_us, horizon_s * SECOND_US, SLACK_US)
        theirs = there.take(n, horizon_s)
        assert len(theirs) <= n
        assert theirs == pytest.approx(list(mine.times_us), abs=2.0)
        assert there.retry_s * SECOND_US == pytest.approx(mine.retry_us, abs=2.0)


garbage = st.dictionaries(
    st.sampled_from(["next", "seen", "run", "pause", "left", "till", "told", "cold", "5", "99999999999", "-1", "x"]),
    st.sampled_from(["", "abc", "nan", "inf", "-inf", "1e308", "-1e308", "0x10", "\x00", "9" * 400, "1e15"]),
    min_size=1,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage, st.sampled_from([RateLimit(5, per=1.0), RateLimit(5, per=3600.0)]))
def test_whatever_a_bucket_holds_the_limiter_answers_or_is_closed_by_name(
    server: RedisServer, wire: Link, contents: dict[str, str], limit: RateLimit
) -> None:
    each = rate(limit, 0.25)
    key = store.key("1", each.name)
    wire.call(("DEL", key), ("HSET", key, *[part for pair in contents.items() for part in pair]))
    store.redis().close()  # a script that failed has shut the way for a while
    try:
        grants = ratelimit.take("1", [limit], 3, horizon_s=1.0)
    except LimiterUnavailable:
        return
    assert len(grants.granted) <= 3


def test_a_bucket_that_is_no_hash_closes_the_limiter_by_name(server: RedisServer, wire: Link) -> None:
    limit = RateLimit(5, per=1.0)
    wire.call(("SET", store.key("1", rate(limit, 0.25).name), "x"))
    with pytest.raises(LimiterUnavailable) as caught:
        ratelimit.take("1", [limit], 1, horizon_s=1.0)
    assert caught.value.hint


weird = st.floats() | st.sampled_from([0.0, -1.0, 1e308, 5e-324, 86_400.0, math.nan, math.inf]) | st.none()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(weird, st.none() | st.integers(0, 10**14), weird)
def test_any_lesson_is_learnt_within_bounds(
    server: RedisServer, wire: Link, pause: float | None, left: int | None, reset: float | None
) -> None:
    wire.call(("DEL", store.key("1")))
    lesson = ratelimit.Lesson(retry_after_s=pause, remaining=left, reset_s=reset)
    assert ratelimit.learn("1", lesson)
    limit = RateLimit(1000, per=1.0, burst=1000)
    grants = ratelimit.take("1", [limit], 1, horizon_s=0.0)
    assert grants.retry_after_s <= LONGEST_S + 60
