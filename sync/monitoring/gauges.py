"""How everything stands now, for all connections at once, in a constant number of bounded queries."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.models import Count

from sync import registry
from sync.models import STUCK, Binding, Change, Connection, Gate, Slot, Sweep
from sync.models.clock import now
from sync.models.database import alias

COUNTED = 10_000
"""No count looks at more rows than this, for each connection."""

CHUNK = 100
"""Connections in one statement."""

DUE = """SELECT {id} AS id, state, count(*), min(dirty_since) FROM (
    SELECT state, dirty_since FROM {table} WHERE connection_id = {id} AND due_at IS NOT NULL
    ORDER BY lane, due_at LIMIT {limit}
) AS due GROUP BY state"""

DEAD = """SELECT {id} AS id, state, count(*) FROM (
    SELECT state, ignored FROM {table}
    WHERE connection_id = {id} AND due_at IS NULL AND state IN ({stuck}) LIMIT {limit}
) AS dead WHERE ignored = '' GROUP BY state"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """How everything stands. ``inbox`` is ``COUNTED`` at the most; ``ran_s`` is how long ago periodic work last ran."""

    at: dt.datetime
    standings: Sequence[Standing]
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


def _standings(rows: Sequence[Connection], at: dt.datetime, using: str) -> list[Standing]:
    ids = [row.pk for row in rows]
    backlog: dict[int, dict[str, int]] = defaultdict(dict)
    dead: dict[int, dict[str, int]] = defaultdict(dict)
    oldest: dict[int, dt.datetime] = {}
    for pk, state, count, since in _each(DUE, ids, using):
        backlog[pk][state] = count
        if since is not None:
            then = _moment(since)
            oldest[pk] = min(oldest.get(pk, then), then)
    for pk, state, count in _each(DEAD, ids, using):
        dead[pk][state] = count
    gates = {gate.pk: gate for gate in Gate.objects.using(using).filter(blocked_until__isnull=False)}
    slots = Slot.objects.using(using).filter(expires_at__gt=at).exclude(holder="").values("connection_id")
    busy = {row["connection_id"]: row["n"] for row in slots.annotate(n=Count("pk")).order_by()}
    return [
        Standing(
            connection=row,
            backlog=backlog[row.pk],
            dead=dead[row.pk],
            oldest_unsent_s=_age_s(oldest.get(row.pk), at),
            shut_s=_left_s(gates.get(row.pk), at),
            shut_reason=gates[row.pk].reason if row.pk in gates else "",
            slots=busy.get(row.pk, 0),
        )
        for row in rows
    ]


def _each(sql: str, ids: Sequence[int], using: str) -> Iterator[tuple[Any, ...]]:
    """Ask the same of every connection, many in one statement; it is made of numbers and our own words alone."""
    words = {"table": Binding._meta.db_table, "limit": COUNTED, "stuck": ", ".join(f"'{each.value}'" for each in STUCK)}
    for start in range(0, len(ids), CHUNK):
        parts = [sql.format(id=int(pk), **words) for pk in ids[start : start + CHUNK]]
        with connections[using].cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts))
            yield from cursor.fetchall()


def _moment(value: Any) -> dt.datetime:
    """Return a time as the database gave it; SQLite gives text."""
    at: dt.datetime = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _age_s(then: dt.datetime | None, at: dt.datetime) -> float | None:
    return None if then is None else max((at - then).total_seconds(), 0.0)


def _left_s(gate: Gate | None, at: dt.datetime) -> float | None:
    if gate is None or gate.blocked_until is None:
        return None
    return max((gate.blocked_until - at).total_seconds(), 0.0)
