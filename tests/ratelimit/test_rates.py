from __future__ import annotations

import math
from typing import Any

import pytest

from sync.exceptions import ConfigurationError
from sync.ratelimit import applies, check
from sync.ratelimit.rates import name, rate
from sync.types import RateLimit


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        (RateLimit(0), "bad_rate_limit"),
        (RateLimit(-5), "bad_rate_limit"),
        (RateLimit(math.inf), "bad_rate_limit"),  # type: ignore[arg-type]
        (RateLimit(1.5), "bad_rate_limit"),  # type: ignore[arg-type]
        (RateLimit(True), "bad_rate_limit"),
        (RateLimit(1, per=0), "bad_rate_per"),
        (RateLimit(1, per=-1), "bad_rate_per"),
        (RateLimit(1, per=math.inf), "bad_rate_per"),
        (RateLimit(1, per=math.nan), "bad_rate_per"),
        (RateLimit(1, per="60"), "bad_rate_per"),  # type: ignore[arg-type]
        (RateLimit(1, burst=0), "bad_rate_burst"),
        (RateLimit(5, burst=6), "burst_over_limit"),
        (RateLimit(5, methods="POST"), "bad_rate_limit"),  # type: ignore[arg-type]  # would count no call at all
        (RateLimit(5, methods=5), "bad_rate_limit"),  # type: ignore[arg-type]
        (RateLimit(5, endpoints=("products", None)), "bad_rate_limit"),  # type: ignore[arg-type]
        (RateLimit(5, endpoints=("",)), "bad_rate_limit"),
        (RateLimit(5, name="a\x00b"), "bad_rate_limit"),
        (RateLimit(5, name=None), "bad_rate_limit"),  # type: ignore[arg-type]
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused_with_a_code_and_a_hint(limit: RateLimit, code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check(limit)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_limit_that_can_be_kept_is_returned() -> None:
    limit = RateLimit(5, burst=5)
    assert check(limit) is limit


@pytest.mark.parametrize(
    ("endpoints", "methods", "endpoint", "method", "counts"),
    [
        ((), (), "products", "POST", True),
        (("products",), (), "products", "GET", True),
        (("/products/",), (), "products", "GET", True),
        (("products",), (), "contacts", "GET", False),
        ((), ("post", "PUT"), "contacts", "POST", True),
        ((), ("POST",), "contacts", "GET", False),
        (("products",), ("POST",), "products", "GET", False),
        (("products",), ("POST",), "products/", "post", True),
    ],
)
def test_a_limit_concerns_the_endpoints_and_methods_it_names(
    endpoints: tuple[str, ...], methods: tuple[str, ...], endpoint: str, method: str, counts: Any
) -> None:
    assert applies(RateLimit(1, endpoints=endpoints, methods=methods), endpoint, method) is counts


def test_tokens_come_limit_less_burst_plus_one_in_a_window_with_slack() -> None:
    assert rate(RateLimit(10, per=9.75, burst=3), 0.25).step_us == pytest.approx(10_000_000 / 8)


def test_a_window_of_an_hour_is_counted_in_segments() -> None:
    counted = rate(RateLimit(1000, per=3600), 0.25)
    assert counted.counted
    assert counted.step_us == 60_000_000


def test_a_window_under_an_hour_is_a_token_bucket() -> None:
    assert not rate(RateLimit(1000, per=3599), 0.25).counted


def test_limits_that_differ_have_buckets_of_their_own() -> None:
    limits = [
        RateLimit(1),
        RateLimit(2),
        RateLimit(2, per=1),
        RateLimit(2, burst=2),
        RateLimit(2, endpoints=("a",)),
        RateLimit(2, methods=("a",)),
        RateLimit(2, endpoints=tuple(f"endpoint-{i}" for i in range(30))),
        RateLimit(2, endpoints=tuple(f"endpoint-{i}" for i in range(31))),
    ]
    assert len({name(limit) for limit in limits}) == len(limits)


def test_a_bucket_has_the_name_that_its_limit_was_given() -> None:
    assert name(RateLimit(2, endpoints=("a",), name="writes")) == "writes"


def test_a_made_name_stays_short() -> None:
    assert len(name(RateLimit(2, endpoints=tuple(f"endpoint-{i}" for i in range(300))))) < 101
