"""The order in which several processes run the tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.spreading import spread


def ordered(*names: str) -> list[str]:
    """Return the names in their new order; those with a ``w`` wait, and ``w0`` lasts longest."""
    items: list[Any] = [SimpleNamespace(nodeid=name) for name in names]
    found = spread(items, waits=lambda item: item.nodeid.startswith("w"), first=lambda item: item.nodeid == "w0")
    return [item.nodeid for item in found]


def test_what_waits_is_spread_evenly_and_keeps_its_order() -> None:
    assert ordered("w1", "w2", "a", "b", "c", "d") == ["a", "b", "w1", "c", "d", "w2"]


def test_cases_of_one_function_stay_together() -> None:
    assert ordered("w1", "w2", "a[1]", "a[2]", "a[3]", "b") == ["a[1]", "a[2]", "a[3]", "w1", "b", "w2"]


def test_what_lasts_longest_begins() -> None:
    assert ordered("a", "w1", "b", "w0") == ["w0", "a", "b", "w1"]


@pytest.mark.parametrize("names", [[], ["a"], ["w1", "w2"], ["w1", "a", "w2", "w0", "w3"]])
def test_nothing_is_lost_and_nothing_comes_twice(names: list[str]) -> None:
    assert sorted(ordered(*names)) == sorted(names)
