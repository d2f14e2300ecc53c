from __future__ import annotations

import importlib

import pytest

from benchmarks.__main__ import BARS, LONG, QUICK, Bar, rows, table
from benchmarks.backlog import compared
from benchmarks.frozen import after_first_failure
from benchmarks.measure import growth, in_turn, percentile, ratio, slope
from benchmarks.poison import arrivals
from benchmarks.soak import JUDGED, judged


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


@pytest.mark.parametrize("name", sorted(BARS))
def test_every_benchmark_with_a_bar_can_be_run_and_quickly(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert callable(module.run)
    assert name in QUICK


def test_those_that_are_run_by_name_only_are_benchmarks() -> None:
    assert set(LONG) < set(BARS)


# --- what grows ------------------------------------------------------------------------------------------------------


def test_the_slope_is_that_of_most_points_whatever_a_few_do() -> None:
    places = [float(place) for place in range(20)]
    values = [2.0 * place for place in places]
    values[3], values[11] = 900.0, -900.0
    assert slope(places, values) == 2.0


def test_the_slope_of_one_point_is_flat() -> None:
    assert slope([1.0], [5.0]) == 0.0


def test_growth_is_that_of_the_second_half_as_a_share() -> None:
    places = [float(place) for place in range(101)]
    warming = [min(place, 50.0) + 50.0 for place in places]
    assert growth(places, warming) == 0.0
    leaking = [100.0 + place for place in places]
    assert growth(places, leaking) == pytest.approx(50 / 175, abs=1e-4)


def test_what_is_never_there_does_not_grow() -> None:
    assert growth([0.0, 1.0, 2.0], [0.0, 0.0, 0.0]) == 0.0


def test_a_saw_does_not_grow() -> None:
    places = [float(place) for place in range(200)]
    assert abs(growth(places, [100.0 + place % 10 for place in places])) < 0.02


# --- figures ---------------------------------------------------------------------------------------------------------


def test_a_soak_is_judged_by_what_grows_most() -> None:
    samples = [{"at": float(at), **dict.fromkeys(JUDGED, 10.0), "child_mb": 100.0 + at} for at in range(101)]
    figures = judged(samples)
    assert figures["growth_most"] == figures["growth_child_mb"] > 0.2
    assert figures["growth_operations"] == 0.0
    assert figures["median_child_mb"] == 175.0


def test_after_the_first_failure_is_what_came_behind_the_first_slow_save() -> None:
    assert after_first_failure([0.01, 0.3, 0.02, 0.26]) == [0.02, 0.26]
    assert after_first_failure([0.01, 0.02]) == [0.01, 0.02]


def test_an_object_arrives_with_the_first_call_that_was_taken() -> None:
    calls = [[1.0, "POST", "Person 1", 500], [2.0, "POST", "Person 1", 201], [3.0, "POST", "Person 1", 201],
             [4.0, "POST", "refused", -1]]  # fmt: skip
    assert arrivals(calls) == {"Person 1": 2.0}


def test_a_backlog_is_compared_round_by_round() -> None:
    done = {"large": [(80.0, 90.0), (50.0, 91.0), (99.0, 92.0)], "small": [(100.0, 90.0), (50.0, 90.0), (100.0, 90.0)]}
    claims = {"large": [0.002, 0.004], "small": [0.001, 0.002]}
    figures = compared(done, claims)
    assert figures["ratio_million_to_ten_thousand"] == 0.99
    assert figures["ratio_claim_p50"] == 2.0
    assert figures["ratio_worker_memory"] == 1.011
