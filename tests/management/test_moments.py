from __future__ import annotations

import datetime as dt

import pytest

from sync.management.moments import span, when

NOON = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
        (190_000, "2 d 4 h"),
        (-30, "30 s"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "now (12:00:00)"),
        (-180, "3 min ago (11:57:00)"),
        (20, "in 20 s (12:00:20)"),
        (86_400, "in 24 h (2026-03-02 12:00:00)"),
    ],
)
def test_a_time_is_told_from_now_and_by_the_clock(seconds: float, words: str) -> None:
    assert when(NOON + dt.timedelta(seconds=seconds), NOON) == words


def test_what_never_was_is_told_as_never() -> None:
    assert when(None, NOON) == "never"
