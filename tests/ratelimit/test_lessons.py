from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from sync.ratelimit import HeaderNames, Lesson, read_headers
from sync.ratelimit.lessons import LONGEST_S, seconds_until

NOW = 1_750_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 2.5 ", 2.5),
        ("0", 0.0),
        ("1750000060", 60.0),
        ("1750000060000", 60.0),
        ("1749999000", 0.0),
        ("Sun, 15 Jun 2025 15:07:20 GMT", 40.0),
        ("2025-06-15T15:07:20Z", 40.0),
        ("2025-06-15T15:07:20", 40.0),
        ("999999", LONGEST_S),
        ("9999999999", LONGEST_S),
    ],
)
def test_a_header_says_when_in_seconds_or_as_a_date(value: str, seconds: float) -> None:
    assert seconds_until(value, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "inf", "x" * 100, "2025-99-99", "Sun, 99 Jun 2025"])
def test_garbage_in_a_header_is_ignored(value: str) -> None:
    assert seconds_until(value, NOW) is None


@given(st.text(max_size=80))
def test_no_header_value_makes_reading_fail_or_lasts_longer_than_a_day(value: str) -> None:
    found = seconds_until(value, NOW)
    assert found is None or 0 <= found <= LONGEST_S


def test_an_answer_without_such_headers_teaches_nothing() -> None:
    assert read_headers({"Content-Type": "application/json"}) is None


def test_remaining_and_reset_make_a_lesson_together() -> None:
    headers = CaseInsensitiveDict({"x-ratelimit-remaining": "7", "X-RateLimit-Reset": "1750000030"})
    assert read_headers(headers, now_s=NOW) == Lesson(remaining=7, reset_s=30.0)


@pytest.mark.parametrize(
    "headers",
    [{"X-RateLimit-Remaining": "7"}, {"X-RateLimit-Reset": "30"}, {"X-RateLimit-Remaining": "x"}],
)
def test_remaining_without_reset_or_reset_alone_teaches_nothing(headers: dict[str, str]) -> None:
    assert read_headers(headers, now_s=NOW) is None


def test_a_backoff_header_on_any_answer_is_a_pause() -> None:
    assert read_headers({"backoff": "12"}, now_s=NOW) == Lesson(retry_after_s=12.0)


def test_an_integrator_names_its_own_headers() -> None:
    names = HeaderNames(remaining="Api-Left", reset="Api-Reset", pause="")
    assert read_headers({"Api-Left": "0", "Api-Reset": "5", "Backoff": "9"}, names) == Lesson(remaining=0, reset_s=5.0)


@pytest.mark.parametrize("value", ["-1", "1e99", "nan", "many"])
def test_a_count_that_is_none_is_ignored(value: str) -> None:
    assert read_headers({"X-RateLimit-Remaining": value, "X-RateLimit-Reset": "5"}) is None


def test_the_clock_of_this_machine_is_the_default() -> None:
    assert read_headers({"Backoff": "Thu, 01 Jan 1970 00:00:00 GMT"}) == Lesson(retry_after_s=0.0)
