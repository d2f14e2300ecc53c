"""When what was asked for will be at the remote: what is left, and how fast it goes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sync.exceptions import ConfigurationError
from sync.integrators.options import limits
from sync.models import Binding, Connection
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring.figures import total

COUNTED = 10_000
"""No count goes beyond this; where it is reached, ``more`` may say how many there are at least."""

MEASURED_OVER = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is left to send under some connections, and how fast it goes.

    ``left`` are objects that are due now or later; ``limit_per_s`` the calls a second that the rate limits allow, None
    without one; ``measured_per_s`` objects that arrived a second in the last minutes, None where none did; ``held_up``
    names connections that are paused or shut.
    """

    left: int
    bounded: bool
    limit_per_s: float | None
    measured_per_s: float | None
    held_up: tuple[str, ...]

    @property
    def per_s(self) -> float | None:
        """How fast it goes: as measured, never faster than the limit; as the limit allows where nothing is measured."""
        known = [each for each in (self.limit_per_s, self.measured_per_s) if each]
        return min(known, default=None)

    @property
    def eta_s(self) -> float | None:
        """Seconds until it has arrived, None where nobody knows."""
        if not self.left:
            return 0.0
        return self.left / self.per_s if self.per_s and not self.held_up else None


def arrival(connections: Sequence[Connection], *, more: int = 0) -> Arrival:
    """Return what is left to send.

    Args:
        connections: with their gates.
        more: objects that will be asked for yet, or were beyond what is counted.
    """
    using = alias()
    at = now(using)
    ids = [row.pk for row in connections]
    due = Binding.objects.using(using).filter(connection__in=ids, due_at__isnull=False).order_by()[:COUNTED].count()
    applied = total(at - MEASURED_OVER, at, ids).applied
    return Arrival(
        left=due + more,
        bounded=due >= COUNTED,
        limit_per_s=_limit(connections),
        measured_per_s=applied / MEASURED_OVER.total_seconds() if applied else None,
        held_up=tuple(str(row) for row in connections if _held_up(row, at)),
    )


def _limit(connections: Sequence[Connection]) -> float | None:
    """The sum over the accounts of what each one's narrowest limit allows; None where one has none."""
    rates: list[float] = []
    for row in connections:
        try:
            narrowest = min((each.limit / each.per for each in limits(row) if not each.endpoints), default=None)
        except ConfigurationError:  # the system checks and the doctor name it
            return None
        if narrowest is None:
            return None
        rates.append(narrowest)
    return sum(rates) if rates else None


def _held_up(row: Connection, at: dt.datetime) -> bool:
    gate = getattr(row, "gate", None)
    return row.paused or (gate is not None and gate.blocked_until is not None and gate.blocked_until > at)
