"""How delivery stands, per connection, in a handful of bounded queries each."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from sync import conf, registry
from sync.models import STUCK, Binding, Change, Connection, State, Sweep
from sync.models.clock import now
from sync.models.database import alias

COUNTED = 10_000
"""No count looks at more rows than this; a count that reaches it is shown as ``10000+``."""

OVERDUE = 10
"""A sweep older than so many intervals, with work waiting, means that nobody sweeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one connection stands.

    ``counts`` are objects by state, each at most ``COUNTED``; ``ignored`` those of them that are ignored dead letters,
    ``stuck`` those that wait for a person; ``backlog`` those that are due now or later;
    ``oldest_unsent_s`` the age in seconds of the oldest unsent change among the first ``COUNTED`` that are due.
    """

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


def report(rows: Sequence[Connection]) -> Report:
    """Return how delivery stands.

    Args:
        rows: connections, with their gates.
    """
    using = alias()
    at = now(using)
    standings = tuple(_standing(row, at, using) for row in rows)
    changes = Change.objects.using(using)
    oldest = changes.order_by("pk").values_list("created_at", flat=True).first()
    last = Sweep.objects.using(using).filter(name="sweep").values_list("at", flat=True).first()
    waiting = oldest is not None or any(one.backlog for one in standings)
    return Report(
        connections=standings,
        inbox=_count(changes.all()),
        oldest_change_s=_age_s(oldest, at),
        last_sweep_s=_age_s(last, at),
        swept=not waiting or _recent(last, at),
    )


def shown(count: int) -> str:
    """Return a bounded count as a person reads it."""
    return f"{COUNTED}+" if count >= COUNTED else str(count)


def _standing(row: Connection, at: dt.datetime, using: str) -> Standing:
    bindings = Binding.objects.using(using).filter(connection=row)
    due = list(bindings.filter(due_at__isnull=False).order_by("due_at").values_list("state", "dirty_since")[:COUNTED])
    dead = bindings.filter(due_at__isnull=True, state__in=STUCK).order_by()
    stuck = list(dead.filter(ignored="").values_list("state", flat=True)[:COUNTED])
    ignored = list(dead.exclude(ignored="").values_list("state", flat=True)[:COUNTED])
    gate = getattr(row, "gate", None)
    shut = gate is not None and gate.blocked_until is not None and gate.blocked_until > at
    return Standing(
        connection=str(row),
        registered=row.integrator in registry.integrators(),
        paused=row.paused,
        paused_reason=row.paused_reason,
        blocked_until=gate.blocked_until if gate is not None and shut else None,
        blocked_reason=gate.reason if gate is not None and shut else "",
        counts=_counts(bindings, [*(state for state, _ in due), *stuck, *ignored]),
        stuck=len(stuck),
        ignored=len(ignored),
        backlog=len(due),
        oldest_unsent_s=_age_s(min((since for _, since in due if since is not None), default=None), at),
    )


def _counts(bindings: QuerySet[Binding], found: Sequence[str]) -> dict[str, int]:
    """What is due is counted from its partial index, what is stuck from another, what is synced up to the bound."""
    counts = Counter(found)
    counts[State.SYNCED.value] += _count(bindings.filter(due_at__isnull=True, state=State.SYNCED))
    return {state: min(count, COUNTED) for state, count in sorted(counts.items()) if count}


def _count(rows: QuerySet[Binding] | QuerySet[Change]) -> int:
    return rows.order_by()[:COUNTED].count()


def _age_s(moment: dt.datetime | None, at: dt.datetime) -> float | None:
    return None if moment is None else round(max((at - moment).total_seconds(), 0.0), 1)


def _recent(last: dt.datetime | None, at: dt.datetime) -> bool:
    return last is not None and (at - last).total_seconds() < OVERDUE * conf.current().sweep_s
