"""How a claim is shared between lanes: the urgent first, but a tenth for each lower lane with work."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

TENTH = 0.1


def quota(limit: int, rng: random.Random | None = None) -> int:
    """Return how many places of ``limit`` a lower lane with work is sure of: a tenth, on average for small ones too."""
    whole, part = divmod(limit, 10)
    draw = (rng or random).random()
    return whole + (1 if draw < part * TENTH else 0)


def share(due: Sequence[tuple[Any, ...]], limit: int, rng: random.Random | None = None) -> list[tuple[Any, ...]]:
    """Pick what one claim takes.

    Args:
        due: (id, lane, leased, …) of due bindings, each lane in the order of its due times.
        limit: objects at the most.
        rng: source of the draw for small limits.

    Returns:
        The rows in claim order; exactly one where the first one's last lease ran out, and none such otherwise.
    """
    lanes: dict[int, list[tuple[Any, ...]]] = {}
    for row in due:
        lanes.setdefault(row[1], []).append(row)
    reserved = {lane: min(quota(limit, rng), len(rows)) for lane, rows in lanes.items() if lane != min(lanes)}
    left = limit
    picked = []
    for lane in sorted(lanes):
        later = sum(count for other, count in reserved.items() if other > lane)
        taken = lanes[lane][: max(left - later, 0)]
        left -= len(taken)
        picked.extend(taken)
    return _alone(picked, rng or random)


def _alone(picked: list[tuple[Any, ...]], rng: random.Random | Any) -> list[tuple[Any, ...]]:
    """Cut before the first that must go alone; now and then it goes at once, or it would block its lane for ever."""
    for place, row in enumerate(picked):
        if row[2]:
            return [row] if place == 0 or rng.random() < TENTH else picked[:place]
    return picked
