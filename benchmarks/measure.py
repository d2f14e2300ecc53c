"""Times in turn, and what is said of them."""

from __future__ import annotations

import itertools
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

Work = Callable[[], float]
"""Does something, and returns the seconds that count."""


def in_turn(works: Mapping[str, Work], rounds: int) -> dict[str, list[float]]:
    """Run each work once a round, one after the other (A B A B), and return what they gave, by name."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(work())
    return times


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios of one round each."""
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least so many percent are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1]


def fsync_s(directory: str | os.PathLike[str], times: int = 200) -> float:
    """Return the median seconds of writing and syncing 8 KB to a file of this directory."""
    block = b"x" * 8192
    taken = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(times):
            file.write(block)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def slope(places: Sequence[float], values: Sequence[float]) -> float:
    """Return the median of the slopes between all pairs of points (Theil–Sen): a few outliers change nothing.

    Source: P. K. Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", JASA 63, 1968.
    """
    pairs = itertools.combinations(zip(places, values, strict=True), 2)
    found = [(later[1] - first[1]) / (later[0] - first[0]) for first, later in pairs if later[0] != first[0]]
    return statistics.median(found) if found else 0.0


def growth(places: Sequence[float], values: Sequence[float]) -> float:
    """Return how much values grow over the second half of a run, as a share of their median there; flat is 0.

    Args:
        places: when each was taken, ascending, in seconds.
        values: what was found.
    """
    half = [(place, value) for place, value in zip(places, values, strict=True) if place >= places[-1] / 2]
    times, found = [place for place, _ in half], [value for _, value in half]
    middle = statistics.median(found)
    return round(slope(times, found) * (times[-1] - times[0]) / middle, 4) if middle else 0.0


def show(figures: Mapping[str, object], *, as_json: bool) -> None:
    """Print what a benchmark found: one JSON object, or a line for each figure."""
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:32} {value}")
