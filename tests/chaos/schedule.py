"""Which fault when: a pure function of the seed, so that a run can be replayed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

GAP_S = (1.0, 3.0)
LASTS_S = (0.5, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fault to come.

    Args:
        at_s: seconds after the start.
        fault: its name in the table of faults.
        lasts_s: seconds until it is undone.
        draw: 0 to 1; chooses among what the fault may hit.
    """

    at_s: float
    fault: str
    lasts_s: float
    draw: float

    def __str__(self) -> str:
        return f"{self.at_s:8.2f} s  {self.fault:22} for {self.lasts_s:.2f} s  ({self.draw:.3f})"


def draw(seed: int, seconds: float, faults: Sequence[str]) -> list[Event]:
    """Return the faults of a run, in order.

    Each fault comes once before any comes again, in an order of its own each time, so that a short run is mixed too.

    Args:
        seed: what all is drawn from.
        seconds: how long faults are injected.
        faults: their names.
    """
    source = random.Random(seed)
    events: list[Event] = []
    at_s = source.uniform(*GAP_S)
    pile: list[str] = []
    while at_s < seconds:
        if not pile:
            pile = source.sample(list(faults), len(faults))
        events.append(Event(at_s=at_s, fault=pile.pop(), lasts_s=source.uniform(*LASTS_S), draw=source.random()))
        at_s += source.uniform(*GAP_S)
    return events
