"""The order of tests where several processes run them: those that wait, evenly among those that work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import pytest

Choice = Callable[[pytest.Item], bool]


def spread(items: Sequence[pytest.Item], waits: Choice, first: Choice = lambda item: False) -> list[pytest.Item]:
    """Return the tests with those that mostly wait spread among the others, and what lasts longest at the beginning.

    Each process begins with a part of the list. In the order of rooms one would wait while the others crowd the cores,
    and at the end all would wait. Cases of one function stay together.
    """
    longest = [item for item in items if first(item)]
    waiting = [item for item in items if waits(item) and not first(item)]
    others = [item for item in items if not waits(item) and not first(item)]
    ordered: list[pytest.Item] = []
    placed = 0
    for _, cases in groupby(others, key=lambda item: item.nodeid.partition("[")[0]):
        ordered += cases
        due = len(waiting) * (len(ordered) - placed) // len(others)
        ordered += waiting[placed:due]
        placed = due
    return longest + ordered + waiting[placed:]
