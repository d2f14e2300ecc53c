from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.ratelimit.bucket import Level, LocalBuckets, Taken, ahead, available, empty, take
from sync.ratelimit.rates import SECOND_US, Rate, rate
from sync.types import RateLimit

SLACK_S = 0.25
SLACK_US = SLACK_S * SECOND_US


def of(limit: int, per: float = 1.0, burst: int = 1) -> Rate:
    return rate(RateLimit(limit, per=per, burst=burst), SLACK_S)


@dataclass
class World:
    """A bucket, callers who are late, a way to the remote that varies, and the arrivals there."""

    rates: Sequence[Rate]
    rng: random.Random
    now_us: float = 5e13
    levels: list[Level] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    valid_us: float = SLACK_US / 2

    def __post_init__(self) -> None:
        self.levels = [Level(next_us=self.now_us) for _ in self.rates]

    def call(self, n: int, horizon_us: float, thrown: float) -> Taken:
        taken = take(self.levels, self.rates, n, self.now_us, horizon_us, SLACK_US)
        for time_us in taken.times_us:
            if self.rng.random() >= thrown:
                self.send(self.now_us + time_us)
        return taken

    def send(self, dated_us: float) -> None:
        first, last = max(dated_us, self.now_us), dated_us + self.valid_us
        sent = self.rng.choice([first, last, self.rng.uniform(first, last)])
        self.arrivals.append(sent + self.rng.choice([0, 0.999, self.rng.random()]) * SLACK_US / 2)

    def lose(self) -> None:
        self.levels = [empty(each, self.now_us, ahead(self.rates)) for each in self.rates]

    def fullest(self, each: Rate) -> int:
        """Return the most arrivals in any closed window of the limit's length."""
        times, window = sorted(self.arrivals), each.span_us - SLACK_US
        most = first = 0
        for i, time_us in enumerate(times):
            while time_us - times[first] > window:
                first += 1
            most = max(most, i - first + 1)
        return most


limits = st.builds(
    lambda limit, per, share: of(limit, per, max(1, int(limit * share))),
    st.integers(1, 30),
    st.floats(0.05, 20),
    st.floats(0, 1),
)
events = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(0, 0.1), st.floats(0, 2), st.floats(0, 30)),
        st.integers(1, 40),
        st.floats(0, 12),
        st.sampled_from([0.0, 0.0, 0.5]),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(rates=st.lists(limits, min_size=1, max_size=3), happens=events, seed=st.integers(0, 2**32))
def test_no_window_at_the_remote_holds_more_than_the_limit(
    rates: list[Rate], happens: list[tuple[float, int, float, float, bool]], seed: int
) -> None:
    world = World(rates, random.Random(seed))
    for passes_s, n, horizon_s, thrown, _ in happens:
        world.now_us += passes_s * SECOND_US
        world.call(n, horizon_s * SECOND_US, thrown)
    assert all(world.fullest(each) <= each.limit for each in rates)


@settings(max_examples=300, deadline=None)
@given(rates=st.lists(limits, min_size=1, max_size=2), happens=events, seed=st.integers(0, 2**32))
def test_no_window_is_over_the_limit_when_the_bucket_is_lost_at_any_time(
    rates: list[Rate], happens: list[tuple[float, int, float, float, bool]], seed: int
) -> None:
    world = World(rates, random.Random(seed))
    for passes_s, n, horizon_s, thrown, lost in happens:
        world.now_us += passes_s * SECOND_US
        if lost:
            world.lose()
        world.call(n, horizon_s * SECOND_US, thrown)
    assert all(world.fullest(each) <= each.limit for each in rates)


def test_a_token_valid_for_the_whole_slack_would_break_the_limit() -> None:
    # The proof spends the slack once: half on the sender, half on the way. Spent twice, a window is over.
    world = World([of(10)], random.Random(1), valid_us=SLACK_US)
    for _ in range(400):
        world.now_us += 0.125 * SECOND_US
        world.call(1, 0, 0)
    assert world.fullest(world.rates[0]) > 10


@settings(max_examples=100, deadline=None)
@given(late=st.floats(0, 0.06), limit=st.integers(1, 8), seed=st.integers(0, 2**32))
def test_callers_who_come_a_little_late_for_every_token_lose_none(late: float, limit: int, seed: int) -> None:
    each = of(limit)
    world, rng = World([each], random.Random(seed)), random.Random(seed)
    start = world.now_us
    taken = 0
    while world.now_us < start + 60 * SECOND_US:
        answer = world.call(1, 0, 0)
        taken += len(answer.times_us)
        world.now_us += answer.retry_us + rng.uniform(0, late) * SECOND_US
    assert taken >= 0.97 * 60 * SECOND_US / each.step_us - 1


def test_an_idle_bucket_gives_its_burst_at_once_and_then_one_a_step() -> None:
    each = of(10, per=1.0, burst=4)
    now = 1e9
    times = take([Level(next_us=0)], [each], 6, now, 10 * SECOND_US, SLACK_US).times_us
    assert times[:4] == pytest.approx([0, 0, 0, 0], abs=0.001)
    assert times[4:] == pytest.approx([each.step_us, 2 * each.step_us])


def test_reservations_end_one_second_ahead_where_tokens_come_faster() -> None:
    taken = take([Level(next_us=0)], [of(10)], 100, 0.0, 60 * SECOND_US, SLACK_US)
    assert len(taken.times_us) == 9
    assert taken.retry_us == pytest.approx(1.125 * SECOND_US)


def test_one_token_may_be_reserved_where_tokens_come_slower() -> None:
    taken = take([Level(next_us=0)], [of(1, per=5.75)], 100, 0.0, 60 * SECOND_US, SLACK_US)
    assert taken.times_us == [0, 6 * SECOND_US]


def test_nothing_is_reserved_past_the_horizon() -> None:
    assert take([Level(next_us=0)], [of(10)], 100, 0.0, 0.3 * SECOND_US, SLACK_US).times_us[-1] <= 0.3 * SECOND_US


def test_no_token_is_dated_before_the_end_of_a_pause() -> None:
    taken = take([Level(next_us=0, pause_us=700_000)], [of(10)], 1, 0.0, SECOND_US, SLACK_US)
    assert taken.times_us == [700_000]


@given(each=limits, next_s=st.floats(-60, 60), horizon_s=st.floats(0, 60))
def test_the_forecast_is_what_taking_one_by_one_until_the_horizon_would_give(
    each: Rate, next_s: float, horizon_s: float
) -> None:
    level = Level(next_us=next_s * SECOND_US)
    foreseen = available(level, each, 0.0, horizon_s * SECOND_US)
    first = max(level.next_us, -(each.burst - 1) * each.step_us)
    counted = 0
    while first + counted * each.step_us <= horizon_s * SECOND_US:
        counted += 1
    assert abs(foreseen - counted) <= 1


def test_nothing_is_foreseen_before_the_end_of_a_pause() -> None:
    assert available(Level(next_us=0, pause_us=10.0), of(10), 0.0, 5.0) == 0


class Ticking:
    def __init__(self) -> None:
        self.now_us = 7e12

    def __call__(self) -> float:
        return self.now_us


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


def test_a_process_of_its_own_takes_its_share_and_starts_empty(clock: Ticking) -> None:
    buckets = LocalBuckets(clock_us=clock)
    taken = 0
    for _ in range(601):
        taken += len(
            buckets.take("1", [of(10)], 5, share=0.25, horizon_us=0, slack_us=SLACK_US).times_us,
        )
        clock.now_us += 0.1 * SECOND_US
    assert taken == pytest.approx(60 / 0.5 - 3, abs=2)


def test_the_local_share_of_a_long_window_is_spread_evenly(clock: Ticking) -> None:
    day = of(86_400, per=86_400)
    buckets = LocalBuckets(clock_us=clock)
    buckets.take("1", [day], 1, share=0.5, horizon_us=0, slack_us=SLACK_US)
    clock.now_us += 10 * SECOND_US
    times = buckets.take("1", [day], 10, share=0.5, horizon_us=0, slack_us=SLACK_US).times_us
    assert len(times) == 1


def test_a_process_knows_which_connections_took_from_it(clock: Ticking) -> None:
    buckets = LocalBuckets(clock_us=clock)
    buckets.take("1", [of(10)], 1, share=1, horizon_us=0, slack_us=SLACK_US)
    assert not buckets.granted("1")
    clock.now_us += 5 * SECOND_US
    buckets.take("1", [of(10)], 1, share=1, horizon_us=0, slack_us=SLACK_US)
    assert buckets.granted("1")
    buckets.forget("1")
    assert not buckets.granted("1")


def test_forgetting_one_connection_leaves_the_others(clock: Ticking) -> None:
    buckets = LocalBuckets(clock_us=clock)
    for connection in ("1", "2"):
        buckets.take(connection, [of(10)], 1, share=1, horizon_us=0, slack_us=SLACK_US)
    clock.now_us += 5 * SECOND_US
    buckets.forget("1")
    assert buckets.forecast("1", [of(10)], share=1, horizon_us=0) == 0
    assert buckets.forecast("2", [of(10)], share=1, horizon_us=0) == 1


def test_a_pause_is_kept_by_the_local_buckets_too(clock: Ticking) -> None:
    buckets = LocalBuckets(clock_us=clock)
    each = of(10)
    buckets.pause("1", [each.name], 3 * SECOND_US)
    assert buckets.take("1", [each], 1, share=1, horizon_us=0, slack_us=SLACK_US).retry_us >= 3 * SECOND_US
