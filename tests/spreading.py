"""The order of tests where several processes run them: those that wait, evenly among those that work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import pytest


def spread(items: Sequence[pytest.Item], waits: Callable[[pytest.Item], bool]) -> list[pytest.Item]:
    """Return the tests with those that mostly wait spread among the others.

    Each process begins with a part of the list. In the order of rooms one would wait while the others crowd the cores,
    and at the end all would wait. Cases of one function stay together.
    """
    waiting = [item for item in items if waits(item)]
    others = [item for item in items if not waits(item)]
    ordered: list[pytest.Item] = []
    placed = 0
    for _, cases in groupby(others, key=lambda item: item.nodeid.partition("[")[0]):
        ordered += cases
        due = len(waiting) * (len(ordered) - placed) // len(others)
        ordered += waiting[placed:due]
        placed = due
    return ordered + waiting[placed:]
