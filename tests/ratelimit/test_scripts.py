from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from sync.ratelimit import scripts, store
from sync.ratelimit.bucket import CREDIT_SHARE, Level, ahead, empty
from sync.ratelimit.bucket import take as take_here
from sync.ratelimit.link import Link
from sync.ratelimit.rates import SECOND_US, Rate, rate
from sync.types import RateLimit

SLACK_US = 250_000
EPOCH_S = 1_735_689_600
NOW_S = 1_800_000_000.0


def of(limit: int, per: float = 1.0, burst: int = 1) -> Rate:
    return rate(RateLimit(limit, per=per, burst=burst), SLACK_US / SECOND_US)


def with_clock(script: scripts.Script) -> scripts.Script:
    """The same script, its clock given by the last two arguments instead of by the server."""
    asked = "redis.call('TIME')"
    assert asked in script.text
    return scripts.Script(script.text.replace(asked, "{ARGV[#ARGV - 1], ARGV[#ARGV]}"))


TAKE, LOOK, LEARN = (with_clock(script) for script in (scripts.take, scripts.look, scripts.learn))


@dataclass
class Redis:
    """The scripts on a real server, under a clock of the test's own."""

    link: Link
    rates: Sequence[Rate]
    now_s: float = NOW_S
    connection: str = "1"
    answer: list[Any] = field(default_factory=list)

    def run(self, script: scripts.Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        seconds = int(self.now_s)
        return self.link.run(script, keys, [*args, seconds, round((self.now_s - seconds) * SECOND_US)])

    def take(
        self, n: int, horizon_s: float = 60.0, *, mode: str = "blind", seeds: Sequence[str] = (), shaken: bool = False
    ) -> list[float]:
        head = [SLACK_US, n, round(horizon_s * SECOND_US), ahead(self.rates), SLACK_US * CREDIT_SHARE]
        keys = store.keys(self.connection, self.rates)
        self.answer = self.run(TAKE, keys, [*head, mode, int(shaken), *store.numbers(self.rates, seeds)])
        return [float(each) for each in self.answer[3].split()] if len(self.answer) > 1 else []

    @property
    def retry_s(self) -> float:
        return float(self.answer[2]) / SECOND_US

    def learn(self, *, pause_s: float | None = None, left: int | None = None, reset_s: float | None = None) -> None:
        args = [
            "" if pause_s is None else round(pause_s * SECOND_US),
            "" if left is None else left,
            "" if reset_s is None else round(reset_s * SECOND_US),
        ]
        self.run(LEARN, [store.key(self.connection)], [SLACK_US, *args])

    def fields(self, bucket: int = 0) -> dict[bytes, bytes]:
        flat = self.link.call(("HGETALL", store.key(self.connection, self.rates[bucket].name)))[0]
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def drop(self) -> None:
        self.link.call(("DEL", *store.keys(self.connection, self.rates)))


@pytest.fixture
def redis(wire: Link) -> Callable[..., Redis]:
    return lambda *rates: Redis(wire, rates)


@pytest.mark.parametrize("seed", range(12))
def test_the_script_and_the_local_bucket_agree_call_by_call(redis: Callable[..., Redis], seed: int) -> None:
    rng = random.Random(seed)
    rates = [of(rng.randint(5, 20), rng.choice([0.3, 1.0, 7.0]), rng.randint(1, 5)) for _ in range(rng.randint(1, 3))]
    there = redis(*rates)
    here: list[Level] = []
    for _ in range(60):
        there.now_s = round(there.now_s + rng.choice([0.0, 0.001, 0.2, rng.random() * 5]), 6)
        now_us = (int(there.now_s) - EPOCH_S) * SECOND_US + round((there.now_s % 1) * SECOND_US)
        here = here or [empty(each, now_us, ahead(rates)) for each in rates]
        n, horizon_s = rng.randint(1, 12), rng.choice([0.0, 0.5, 10.0])
        mine = take_here(here, rates, n, now_us, horizon_s * SECOND_US, SLACK_US)
        theirs = there.take(n, horizon_s)
        assert theirs == pytest.approx(list(mine.times_us), abs=1.0)
        assert there.retry_s * SECOND_US == pytest.approx(mine.retry_us, abs=1.0)


def test_a_bucket_that_redis_does_not_know_is_empty_until_reservations_have_passed(
    redis: Callable[..., Redis],
) -> None:
    there = redis(of(10))
    assert there.take(5) == []
    assert there.retry_s == pytest.approx(1.125)


def test_a_bucket_whose_journal_is_quiet_gives_its_first_token_one_step_later(redis: Callable[..., Redis]) -> None:
    there = redis(of(10))
    assert there.take(1, mode="told", seeds=[""]) == [125_000]


def test_a_bucket_whose_journal_is_not_quiet_waits_for_reservations(redis: Callable[..., Redis]) -> None:
    there = redis(of(10))
    there.take(1, mode="told", seeds=["100000:3"])
    assert there.retry_s == pytest.approx(1.125)


def test_the_journal_is_asked_for_only_where_a_bucket_is_unknown(redis: Callable[..., Redis]) -> None:
    there = redis(of(10))
    there.take(1, mode="ask")
    assert there.answer == [b"ask"]
    there.take(1)
    there.take(1, mode="ask")
    assert there.answer[0] == b"taken"


def test_a_server_with_another_run_id_is_not_believed(redis: Callable[..., Redis], wire: Link) -> None:
    # It may have come back with a snapshot that is older than the last grant.
    there = redis(of(10))
    there.take(1)
    there.now_s += 60
    wire.call(("HSET", store.key("1", there.rates[0].name), "run", "another"))
    assert there.take(1) == []
    assert there.retry_s == pytest.approx(1.125)


def test_tokens_taken_from_a_local_bucket_make_the_shared_one_unknown(redis: Callable[..., Redis]) -> None:
    there = redis(of(10))
    there.take(1)
    there.now_s += 60
    assert there.take(1, shaken=True) == []


def test_a_clock_that_goes_back_neither_frees_tokens_nor_shuts_the_bucket(redis: Callable[..., Redis]) -> None:
    there = redis(of(10))
    there.take(1)
    there.now_s += 60
    last = there.take(100)[-1]
    there.now_s -= 3600
    assert there.take(100) == []
    assert there.retry_s * SECOND_US == pytest.approx(last + 125_000, abs=2)


def test_an_idle_bucket_keeps_its_hash_without_an_expiry(redis: Callable[..., Redis], wire: Link) -> None:
    there = redis(of(10))
    there.take(1)
    assert wire.call(("TTL", store.key("1", there.rates[0].name)))[0] == -1


def test_a_call_must_pass_every_limit(redis: Callable[..., Redis]) -> None:
    there = redis(of(100), of(2, per=3.75))
    there.take(1)
    there.now_s += 60
    assert there.take(5) == pytest.approx([0, 2 * SECOND_US], abs=1)


def test_a_pause_of_the_connection_holds_every_bucket(redis: Callable[..., Redis]) -> None:
    there = redis(of(10))
    there.take(1)
    there.now_s += 60
    there.learn(pause_s=5)
    there.learn(pause_s=1)
    assert there.take(1) == []
    assert there.retry_s == pytest.approx(5)


def test_no_more_calls_than_the_remote_said_remain_before_its_reset(redis: Callable[..., Redis]) -> None:
    there = redis(of(10, burst=5))
    there.take(1)
    there.now_s += 60
    there.learn(left=2, reset_s=30)
    assert there.take(5) == [0, 0]
    assert there.retry_s == pytest.approx(30)
    there.now_s += 30.1
    assert len(there.take(5, 0.01)) == 5


def test_a_newer_count_of_the_remote_replaces_the_older(redis: Callable[..., Redis]) -> None:
    there = redis(of(10, burst=5))
    there.take(1)
    there.now_s += 60
    there.learn(left=0, reset_s=30)
    there.learn(left=3, reset_s=30)
    assert len(there.take(5)) == 3


# --- windows of an hour and more -------------------------------------------------------------------------------------


def test_a_long_window_may_be_used_up_at_once(redis: Callable[..., Redis]) -> None:
    there = redis(of(50, per=3600))
    assert len(there.take(60)) == 50
    assert 3600 < there.retry_s <= 3661
    there.now_s += 3600
    assert there.take(60) == []
    there.now_s += 61
    assert len(there.take(60)) == 50


@pytest.mark.parametrize("seed", range(8))
def test_no_long_window_holds_more_than_its_limit_and_nearly_all_is_used(
    redis: Callable[..., Redis], seed: int
) -> None:
    rng = random.Random(seed)
    limit, per = rng.randint(5, 60), rng.choice([3600.0, 5000.0, 86_400.0])
    there = redis(of(limit, per=per))
    sent: list[float] = []
    for _ in range(150):
        there.now_s = round(there.now_s + rng.choice([0.1, per / 90, per * rng.random() / 4]), 6)
        times = there.take(rng.randint(1, limit), rng.choice([0.0, 10.0]))
        sent.extend(there.now_s + each / SECOND_US for each in times)
    sent.sort()
    spans = [sent[i + limit] - sent[i] for i in range(len(sent) - limit)]
    assert not spans or min(spans) > per
    # From one use of a token to its next the window, and up to one segment, must pass: no more.
    assert len(sent) >= 0.8 * min(limit * (there.now_s - NOW_S) / (per * 62 / 60), 150)


def test_segments_that_have_passed_are_dropped(redis: Callable[..., Redis]) -> None:
    there = redis(of(5000, per=3600))
    for _ in range(200):
        there.take(1)
        there.now_s += 61
    assert len([name for name in there.fields() if name.isdigit()]) <= 63


def test_a_lost_long_window_waits_for_its_journal_and_then_counts_it(redis: Callable[..., Redis]) -> None:
    there = redis(of(50, per=3600))
    assert there.take(60, mode="told", seeds=["1000000:30 200000000:15"]) == []
    assert there.retry_s == pytest.approx(1.25)
    there.now_s += 1
    assert there.take(60, mode="ask") == []
    assert there.answer[0] == b"taken", "it is too early to ask again"
    there.now_s += 0.3
    there.take(60, mode="ask")
    assert there.answer == [b"ask"]
    assert len(there.take(60, mode="told", seeds=["2000000:31 201000000:15"])) == 4


def test_a_long_window_with_a_quiet_journal_begins_at_once(redis: Callable[..., Redis]) -> None:
    there = redis(of(50, per=3600))
    assert len(there.take(60, mode="told", seeds=[""])) == 50


def test_a_long_window_of_an_older_snapshot_keeps_the_higher_count(redis: Callable[..., Redis], wire: Link) -> None:
    there = redis(of(50, per=3600))
    there.take(20)
    wire.call(("HSET", store.key("1", there.rates[0].name), "run", "another"))
    there.take(1, mode="told", seeds=["1000000:35"])
    there.now_s += 1.3
    there.take(60, mode="ask")
    assert there.answer == [b"ask"]
    assert len(there.take(60, mode="told", seeds=["1000000:35"])) <= 15


def test_a_long_window_and_a_short_one_hold_together(redis: Callable[..., Redis]) -> None:
    there = redis(of(3, per=3600), of(10))
    there.take(1)
    there.now_s += 60
    assert there.take(9) == pytest.approx([0, 125_000, 250_000], abs=1)


def test_looking_takes_nothing(redis: Callable[..., Redis]) -> None:
    there = redis(of(10), of(50, per=3600))
    there.take(1)
    before = there.fields(0), there.fields(1)
    there.run(LOOK, store.keys("1", there.rates), [SLACK_US, SECOND_US, *store.numbers(there.rates)])
    assert (there.fields(0), there.fields(1)) == before
