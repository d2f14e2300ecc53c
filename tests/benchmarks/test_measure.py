from __future__ import annotations

import pytest

from benchmarks.__main__ import BARS, Bar, rows, table
from benchmarks.measure import in_turn, percentile, ratio


def test_works_are_run_in_turn_and_their_own_seconds_count() -> None:
    order: list[str] = []

    def work(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    times = in_turn({"a": lambda: work("a", 1.0), "b": lambda: work("b", 2.0)}, 2)
    assert order == ["a", "b", "a", "b"]
    assert times == {"a": [1.0, 1.0], "b": [2.0, 2.0]}


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    assert ratio([2.0, 30.0, 4.0], [1.0, 1.0, 1.0]) == 4.0


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_is_one_of_the_values(percent: float, expected: int) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected


def test_a_bar_is_a_least_or_a_most() -> None:
    assert Bar("x", least=1.0).holds(1.0)
    assert not Bar("x", least=1.0).holds(0.99)
    assert Bar("x", most=2.5).holds(2.5)
    assert not Bar("x", most=2.5).holds(2.6)


def test_the_table_shows_bars_first_and_whether_they_hold() -> None:
    figures = {"fsync_ms": 0.2, "ratio_by_trigger": 1.2, "ratio_in_transaction": 1.9, "ratio_to_plain_save": 2.0}
    found = rows("capture", figures)
    assert [line[0] for line in found] == [
        "capture.ratio_to_plain_save",
        "capture.ratio_in_transaction",
        "capture.ratio_by_trigger",
        "  fsync_ms",
    ]
    assert [line[3] for line in found] == ["ok", "MISSED", "ok", ""]
    assert "≤ 1.7  MISSED" in table(found)


def test_a_benchmark_that_failed_says_so_in_the_table() -> None:
    assert rows("delivery", {"error": "no nginx"}) == [("delivery", "no nginx", "", "FAILED")]


def test_every_benchmark_has_bars() -> None:
    assert sorted(BARS) == ["capture", "delivery", "latency", "limiter"]
