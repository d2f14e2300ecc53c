from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.exceptions import ConfigurationError
from sync.retry import POLICIES, policy
from sync.types import RetryPolicy


@pytest.mark.parametrize(
    ("name", "attempts", "base_delay"), [("aggressive", 10, 0.5), ("standard", 5, 1), ("conservative", 3, 5)]
)
def test_a_name_stands_for_its_policy(name: str, attempts: int, base_delay: float) -> None:
    found = policy(name)
    assert (found.attempts, found.base_delay) == (attempts, base_delay)
    assert (found.max_delay, found.exponential_base, found.max_age) == (60, 2, 3600)


def test_no_retry_tries_once_and_has_no_age() -> None:
    assert (policy("no_retry").attempts, policy("no_retry").max_age) == (1, 0)


def test_nothing_stands_for_standard() -> None:
    assert policy() == policy("standard")


def test_a_retry_policy_stands_for_itself() -> None:
    mine = RetryPolicy(attempts=2, max_delay=5)
    assert policy(mine) is mine


def test_a_mapping_fills_what_it_leaves_out_from_standard() -> None:
    assert policy({"attempts": 9}) == RetryPolicy(attempts=9)


def test_a_mapping_may_name_the_policy_it_starts_from() -> None:
    assert policy({"name": "aggressive", "max_delay": 5}) == RetryPolicy(attempts=10, base_delay=0.5, max_delay=5)


@pytest.mark.parametrize("name", POLICIES)
def test_every_named_policy_passes_its_own_check(name: str) -> None:
    assert policy(POLICIES[name]) is POLICIES[name]


@pytest.mark.parametrize(
    ("value", "code", "hint"),
    [
        ("agressive", "unknown_retry_policy", "did you mean 'aggressive'?"),
        ("qqq", "unknown_retry_policy", "the policies are"),
        ({"atempts": 3}, "unknown_retry_key", "did you mean 'attempts'?"),
        ({"zzz": 3}, "unknown_retry_key", "the fields are"),
        ({"name": "nope"}, "unknown_retry_policy", "the policies are"),
        (3, "bad_retry_policy", "a RetryPolicy or a dict"),
        ({"attempts": 0}, "bad_retry_attempts", "1 or more"),
        ({"attempts": -1}, "bad_retry_attempts", "1 or more"),
        ({"attempts": 2.5}, "bad_retry_attempts", "whole number"),
        ({"attempts": True}, "bad_retry_attempts", "whole number"),
        ({"base_delay": 0}, "bad_retry_base_delay", "above 0"),
        ({"base_delay": -1}, "bad_retry_base_delay", "above 0"),
        ({"max_delay": math.inf}, "bad_retry_max_delay", "above 0"),
        ({"max_delay": math.nan}, "bad_retry_max_delay", "above 0"),
        ({"max_delay": "60"}, "bad_retry_max_delay", "seconds"),
        ({"exponential_base": 0.9}, "bad_retry_exponential_base", "1 or more"),
        ({"max_age": -1}, "bad_retry_max_age", "0 or more"),
        ({"max_age": False}, "bad_retry_max_age", "0 or more"),
    ],
)
def test_a_wrong_policy_is_named_with_a_code_and_a_hint(value: Any, code: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        policy(value)
    assert caught.value.code == code
    assert hint in caught.value.hint


@given(st.floats(allow_nan=True, allow_infinity=True).filter(lambda number: not 0 < number < math.inf))
def test_no_float_that_is_not_above_zero_and_finite_is_a_delay(number: float) -> None:
    with pytest.raises(ConfigurationError):
        policy({"base_delay": number})
