"""How delivery stands now: a handful of bounded queries, however many connections and objects there are."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sync import conf, registry
from sync.models import Change, Connection, Sweep
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring import heaps
from sync.monitoring.heaps import Heap

OVERDUE = 10
"""A sweep older than so many intervals, with work waiting, means that nobody sweeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one connection stands.

    ``counts`` are objects by state, each at most ``COUNTED``; ``ignored`` those of them that are ignored dead letters,
    ``stuck`` those that wait for a person; ``backlog`` those that are due now or later;
    ``oldest_unsent_s`` the age in seconds of the oldest unsent change, among the first ``COUNTED`` of each lane.
    """

    id: int
    connection: str
    registered: bool
    paused: bool
    paused_reason: str
    blocked_until: dt.datetime | None
    blocked_reason: str
    counts: Mapping[str, int]
    stuck: int
    ignored: int
    backlog: int
    oldest_unsent_s: float | None

    @property
    def well(self) -> bool:
        """Nothing waits for a person, and the gate is open. A pause was somebody's wish."""
        return self.registered and not self.stuck and self.blocked_until is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How everything stands. ``inbox`` is at most ``COUNTED``; ages are seconds."""

    connections: Sequence[Standing]
    inbox: int
    oldest_change_s: float | None
    last_sweep_s: float | None
    swept: bool

    @property
    def well(self) -> bool:
        """Whether no connection needs a person, and somebody sweeps."""
        return self.swept and all(one.well for one in self.connections)


def report(
    rows: Sequence[Connection],
    *,
    most: int | None = None,
    ignored: bool = True,
    synced: bool = True,
    count: Callable[..., Mapping[int, Sequence[Heap]]] = heaps.heaps,
) -> Report:
    """Return how delivery stands.

    Args:
        rows: connections, with their gates.
        most: no count of objects goes beyond it; None: ``COUNTED``.
        ignored: count what is ignored, too: all that is stuck is looked at for it.
        synced: count what is synced, too.
        count: what counts objects; it is called as ``heaps.heaps`` is.
    """
    using = alias()
    at = now(using)
    most = heaps.COUNTED if most is None else most
    found = count([row.pk for row in rows], using, most=most, ignored=ignored, synced=synced)
    standings = tuple(_standing(row, found.get(row.pk, ()), at, most) for row in rows)
    changes = Change.objects.using(using)
    oldest = changes.order_by("pk").values_list("created_at", flat=True).first()
    last = Sweep.objects.using(using).filter(name="sweep").values_list("at", flat=True).first()
    waiting = oldest is not None or any(one.backlog for one in standings)
    return Report(
        connections=standings,
        inbox=changes.order_by()[: heaps.COUNTED].count() if oldest is not None else 0,
        oldest_change_s=_age_s(oldest, at),
        last_sweep_s=_age_s(last, at),
        swept=not waiting or _recent(last, at),
    )


def shown(count: int, most: int | None = None) -> str:
    """Return a count bounded by ``most`` (None: ``COUNTED``) as a person reads it."""
    most = heaps.COUNTED if most is None else most
    return f"{most}+" if count >= most else str(count)


def _standing(row: Connection, found: Sequence[Heap], at: dt.datetime, most: int) -> Standing:
    gate = getattr(row, "gate", None)
    shut = gate is not None and gate.blocked_until is not None and gate.blocked_until > at
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for heap in found:
        counts[heap.state] += heap.count
        sums[heap.kind] += heap.count
    since = [heap.since for heap in found if heap.kind == "due" and heap.since is not None]
    return Standing(
        id=row.pk,
        connection=str(row),
        registered=row.integrator in registry.integrators(),
        paused=row.paused,
        paused_reason=row.paused_reason,
        blocked_until=gate.blocked_until if gate is not None and shut else None,
        blocked_reason=gate.reason if gate is not None and shut else "",
        counts={state: min(count, most) for state, count in sorted(counts.items())},
        stuck=min(sums["open"], most),
        ignored=min(sums["ignored"], most),
        backlog=min(sums["due"], most),
        oldest_unsent_s=_age_s(min(since, default=None), at),
    )


def _age_s(moment: dt.datetime | None, at: dt.datetime) -> float | None:
    return None if moment is None else round(max((at - moment).total_seconds(), 0.0), 1)


def _recent(last: dt.datetime | None, at: dt.datetime) -> bool:
    return last is not None and (at - last).total_seconds() < OVERDUE * conf.current().sweep_s
