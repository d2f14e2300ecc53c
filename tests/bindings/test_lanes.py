from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.bindings.lanes import quota, share

Row = tuple[int, int, bool, int]


class Fixed(random.Random):
    """Always draws the same number."""

    def __init__(self, drawn: float) -> None:
        super().__init__()
        self.drawn = drawn

    def random(self) -> float:
        return self.drawn


def rows(lane: int, count: int, *, leased: bool = False) -> list[Row]:
    return [(lane * 1000 + place, lane, leased, place) for place in range(count)]


def lanes_of(picked: list[Row]) -> dict[int, int]:
    return {lane: sum(row[1] == lane for row in picked) for lane in {row[1] for row in picked}}


@pytest.mark.parametrize(
    ("limit", "drawn", "places"), [(100, 0.5, 10), (10, 0.99, 1), (9, 0.89, 1), (9, 0.91, 0), (1, 0.05, 1), (1, 0.2, 0)]
)
def test_a_lower_lane_is_sure_of_a_tenth_on_average(limit: int, drawn: float, places: int) -> None:
    assert quota(limit, Fixed(drawn)) == places


def test_the_urgent_lane_goes_first_and_leaves_a_tenth_to_each_other() -> None:
    picked = share([*rows(0, 200), *rows(1, 200), *rows(2, 200)], 100)
    assert lanes_of(picked) == {0: 80, 1: 10, 2: 10}
    assert [row[1] for row in picked] == sorted(row[1] for row in picked)


def test_what_a_lane_does_not_need_goes_to_the_others() -> None:
    assert lanes_of(share([*rows(0, 5), *rows(2, 200)], 100)) == {0: 5, 2: 95}
    assert lanes_of(share([*rows(0, 200), *rows(2, 3)], 100)) == {0: 97, 2: 3}
    assert lanes_of(share(rows(2, 200), 100)) == {2: 100}


def test_within_a_lane_the_order_is_kept() -> None:
    assert share(rows(0, 10), 3) == rows(0, 3)


def test_a_row_whose_lease_ran_out_is_taken_alone() -> None:
    lost = rows(0, 1, leased=True)
    assert share([*lost, *rows(1, 5)], 100) == lost
    assert share(rows(0, 3, leased=True), 100) == rows(0, 3, leased=True)[:1]


def test_rows_before_it_go_without_it() -> None:
    due = [*rows(0, 2), *rows(1, 1, leased=True), *rows(2, 3)]
    assert share(due, 100, Fixed(0.5)) == rows(0, 2)


def test_now_and_then_it_goes_before_them_so_that_its_lane_is_not_blocked_for_ever() -> None:
    due = [*rows(0, 200), *rows(2, 1, leased=True), *rows(2, 3)]
    assert share(due, 100, Fixed(0.05)) == rows(2, 1, leased=True)


def test_nothing_due_is_nothing_taken() -> None:
    assert share([], 100) == []


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60), st.integers(1, 40), st.randoms())
def test_a_share_is_within_its_limit_and_never_empty_while_something_is_due(
    given_rows: list[tuple[int, bool]], limit: int, rng: random.Random
) -> None:
    due = sorted((lane, place, leased) for place, (lane, leased) in enumerate(given_rows))
    picked = share([(place, lane, leased, place) for lane, place, leased in due], limit, rng)
    assert len(picked) <= limit
    assert bool(picked) == bool(due)
    assert len({row[0] for row in picked}) == len(picked)
    assert not any(row[2] for row in picked) or len(picked) == 1
