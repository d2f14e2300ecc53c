"""How many windows of a journal hold more calls than a limit allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What was measured: ``over`` windows of ``windows`` hold more than ``limit``; the fullest holds ``highest``.

    A window is ``per`` seconds long and open at its end; one is anchored at each arrival. ``fullest_at`` is the
    monotonic second at which the fullest begins.
    """

    limit: int
    per: float
    calls: int
    over: int
    highest: int
    fullest_at: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def measure(arrivals: Iterable[float], limit: int, per: float) -> Windows:
    """Count over every sliding window anchored at an arrival.

    Args:
        arrivals: monotonic seconds, in any order.
        limit: calls allowed in a window.
        per: seconds.
    """
    times = sorted(arrivals)
    over = highest = end = 0
    fullest_at = 0.0
    for start, at in enumerate(times):
        while end < len(times) and times[end] < at + per:
            end += 1
        count = end - start
        over += count > limit
        if count > highest:
            highest, fullest_at = count, at
    return Windows(limit=limit, per=per, calls=len(times), over=over, highest=highest, fullest_at=fullest_at)
