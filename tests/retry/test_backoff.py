from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.retry import POLICIES, backoff, ever_later, exhausted
from sync.retry.backoff import ceiling
from sync.types import RetryPolicy

policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 50),
    base_delay=st.floats(0.001, 1e6),
    max_delay=st.floats(0.001, 1e6),
    exponential_base=st.floats(1.0, 1e6),
    max_age=st.floats(0, 1e6),
)


class Highest:
    def uniform(self, a: float, b: float, /) -> float:
        return b


@pytest.mark.parametrize(
    ("attempt", "longest"), [(0, 1.0), (1, 2.0), (2, 4.0), (5, 32.0), (6, 60.0), (7, 60.0), (1_000_000_000, 60.0)]
)
def test_the_longest_wait_doubles_up_to_a_minute_by_default(attempt: int, longest: float) -> None:
    assert backoff(POLICIES["standard"], attempt, rng=Highest()) == pytest.approx(longest)


@given(policy=policies, attempt=st.integers(0, 2**63), seed=st.integers())
def test_no_wait_is_negative_or_longer_than_max_delay(policy: RetryPolicy, attempt: int, seed: int) -> None:
    assert 0.0 <= backoff(policy, attempt, rng=random.Random(seed)) <= policy.max_delay


@given(policy=policies, attempt=st.integers(0, 10_000))
def test_the_longest_wait_never_shrinks_with_attempts(policy: RetryPolicy, attempt: int) -> None:
    assert ceiling(policy, attempt + 1) >= ceiling(policy, attempt) * (1 - 1e-9)


@given(policy=policies)
def test_the_first_wait_is_at_most_the_base_delay(policy: RetryPolicy) -> None:
    assert ceiling(policy, 0) == pytest.approx(min(policy.base_delay, policy.max_delay))


def test_jitter_is_full_so_short_waits_occur() -> None:
    rng = random.Random(7)
    waits = [backoff(POLICIES["standard"], 10, rng=rng) for _ in range(500)]
    assert min(waits) < 3
    assert max(waits) > 57


def test_a_negative_attempt_counts_as_the_first() -> None:
    assert ceiling(POLICIES["standard"], -3) == 1.0


def test_without_a_base_delay_there_is_no_wait() -> None:
    assert ceiling(RetryPolicy(base_delay=0.0), 5) == 0.0


def test_the_module_random_is_the_default_source_of_chance() -> None:
    assert 0 <= backoff(POLICIES["standard"], 0) <= 1


@pytest.mark.parametrize(
    ("attempts", "dirty_for_s", "dead"),
    [(4, 10_000, False), (5, 3599, False), (5, 3600, True), (5000, 0, False), (6, 10_000, True)],
)
def test_an_object_is_dead_only_when_attempts_and_time_are_both_used_up(
    attempts: int, dirty_for_s: float, dead: bool
) -> None:
    assert exhausted(POLICIES["standard"], attempts, dirty_for_s) is dead


def test_no_retry_is_dead_after_one_attempt_at_once() -> None:
    assert exhausted(POLICIES["no_retry"], 1, 0.0)


@pytest.mark.parametrize(
    ("waits_s", "again_s"), [(0.0, 5.0), (9.0, 5.0), (20.0, 10.0), (7200.0, 3600.0), (1e9, 3600.0)]
)
def test_what_waits_for_something_else_is_looked_at_ever_less_often(waits_s: float, again_s: float) -> None:
    assert ever_later(waits_s, (5.0, 3600.0)) == again_s
