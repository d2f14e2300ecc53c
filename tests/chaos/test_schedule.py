"""The schedule is a function of the seed."""

from __future__ import annotations

from tests.chaos.faults import FAULTS
from tests.chaos.schedule import draw

NAMES = tuple(FAULTS)


def test_the_same_seed_draws_the_same_faults() -> None:
    assert draw(7, 600, NAMES) == draw(7, 600, NAMES)
    assert draw(7, 600, NAMES) != draw(8, 600, NAMES)


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short = draw(7, 60, NAMES)
    assert draw(7, 600, NAMES)[: len(short)] == short


def test_every_fault_comes_before_any_comes_again() -> None:
    first = [event.fault for event in draw(3, 600, NAMES)][: len(NAMES)]
    assert sorted(first) == sorted(NAMES)


def test_events_are_in_order_and_within_the_run() -> None:
    times = [event.at_s for event in draw(3, 60, NAMES)]
    assert times == sorted(times)
    assert times[-1] < 60
