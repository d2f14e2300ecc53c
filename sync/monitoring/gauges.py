"""How everything stands now, for all connections at once, in a constant number of bounded queries."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Count

from sync import registry
from sync.models import Change, Connection, Gate, Slot, Sweep
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring import heaps
from sync.monitoring.heaps import COUNTED, Heap


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionGauges:
    """How one connection stands. Counts look at ``COUNTED`` rows at the most; ages are seconds.

    ``backlog`` are objects that are due now or later, ``dead`` open dead letters, both by state; ``shut_s`` is how long
    the gate stays shut yet (0: until its probe succeeds), None where it is open.
    """

    connection: Connection
    backlog: Mapping[str, int] = field(default_factory=dict)
    dead: Mapping[str, int] = field(default_factory=dict)
    oldest_unsent_s: float | None = None
    shut_s: float | None = None
    shut_reason: str = ""
    slots: int = 0

    @property
    def shut(self) -> bool:
        """Whether the gate holds something up: one whose time has come stays as it is until there is work to try it."""
        return self.shut_s is not None and (self.shut_s > 0 or bool(self.backlog))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """How everything stands. ``inbox`` is ``COUNTED`` at the most; ``ran_s`` is how long ago periodic work last ran."""

    at: dt.datetime
    standings: Sequence[ConnectionGauges]
    inbox: int
    oldest_change_s: float | None
    ran_s: Mapping[str, float]

    @property
    def swept_s(self) -> float | None:
        """Seconds since the last sweep, None where there was none."""
        return self.ran_s.get("sweep")


def gauges() -> Gauges:
    """Return how every registered connection stands."""
    using = alias()
    at = now(using)
    known = list(registry.integrators())
    rows = list(Connection.objects.using(using).filter(integrator__in=known).order_by("integrator", "name"))
    oldest = Change.objects.using(using).order_by("pk").values_list("created_at", flat=True).first()
    return Gauges(
        at=at,
        standings=_standings(rows, at, using),
        inbox=Change.objects.using(using).order_by()[:COUNTED].count(),
        oldest_change_s=_age_s(oldest, at),
        ran_s={
            name: max((at - then).total_seconds(), 0.0)
            for name, then in Sweep.objects.using(using).values_list("name", "at")
        },
    )


def _standings(rows: Sequence[Connection], at: dt.datetime, using: str) -> list[ConnectionGauges]:
    found = heaps.heaps([row.pk for row in rows], using, most=COUNTED, ignored=False, synced=False)
    gates = {gate.pk: gate for gate in Gate.objects.using(using).filter(blocked_until__isnull=False)}
    slots = Slot.objects.using(using).filter(expires_at__gt=at).exclude(holder="").values("connection_id")
    busy = {row["connection_id"]: row["n"] for row in slots.annotate(n=Count("pk")).order_by()}
    return [
        ConnectionGauges(
            connection=row,
            backlog=_counts(found.get(row.pk, ()), "due"),
            dead=_counts(found.get(row.pk, ()), "open"),
            oldest_unsent_s=_age_s(_oldest(found.get(row.pk, ())), at),
            shut_s=_left_s(gates.get(row.pk), at),
            shut_reason=gates[row.pk].reason if row.pk in gates else "",
            slots=busy.get(row.pk, 0),
        )
        for row in rows
    ]


def _counts(found: Sequence[Heap], kind: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for heap in found:
        if heap.kind == kind:
            counts[heap.state] += heap.count
    return {state: min(count, COUNTED) for state, count in counts.items()}


def _oldest(found: Sequence[Heap]) -> dt.datetime | None:
    return min((heap.since for heap in found if heap.kind == "due" and heap.since is not None), default=None)


def _age_s(then: dt.datetime | None, at: dt.datetime) -> float | None:
    return None if then is None else max((at - then).total_seconds(), 0.0)


def _left_s(gate: Gate | None, at: dt.datetime) -> float | None:
    if gate is None or gate.blocked_until is None:
        return None
    return max((gate.blocked_until - at).total_seconds(), 0.0)
