"""What happened, added up from minutes: over any span, by connection, in all, or step by step for a chart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from django.db.models import F, Func, IntegerField, QuerySet, Sum

from sync.models import Minute
from sync.models.database import alias
from sync.models.minute import APPLIED_BUCKETS, BOUNDS_MS, CALL_BUCKETS

SLOWEST_MS = BOUNDS_MS[-1]
NOTHING = (0,) * len(CALL_BUCKETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counters of a span; :class:`sync.models.Minute` says what each counts.

    ``calls_by_ms`` and ``applied_by_ms`` are counts by duration, one more than ``BOUNDS_MS``.
    """

    calls: int = 0
    succeeded: int = 0
    failed: int = 0
    unknown: int = 0
    open: int = 0
    throttled: int = 0
    retries: int = 0
    applied: int = 0
    dead: int = 0
    tokens: int = 0
    waited_ms: float = 0.0
    total_call_ms: float = 0.0
    total_applied_ms: float = 0.0
    calls_by_ms: tuple[int, ...] = NOTHING
    applied_by_ms: tuple[int, ...] = NOTHING

    @property
    def success_share(self) -> float | None:
        """The share of the ended calls that succeeded, 0 to 1; None where none has ended."""
        ended = self.succeeded + self.failed + self.unknown
        return self.succeeded / ended if ended else None

    @property
    def mean_call_ms(self) -> float | None:
        """How long a call lasted on the average; None where none was measured."""
        measured = sum(self.calls_by_ms)
        return self.total_call_ms / measured if measured else None

    def call_ms(self, quantile: float) -> float | None:
        """Return how long a call lasted at this quantile (0 to 1); None where none was measured."""
        return within(self.calls_by_ms, quantile)

    def applied_ms(self, quantile: float) -> float | None:
        """Return how long it took from save to applied at this quantile (0 to 1); None where nothing was applied."""
        return within(self.applied_by_ms, quantile)

    def __add__(self, other: Figures) -> Figures:
        """Add two spans, or two connections."""
        return Figures(**{name: _added(getattr(self, name), getattr(other, name)) for name in NAMES})


NAMES = tuple(field.name for field in fields(Figures))
_COLUMNS = {"total_call_ms": "call_ms", "total_applied_ms": "applied_ms"}
SCALARS = {name: _COLUMNS.get(name, name) for name in NAMES if not name.endswith("_by_ms")}


def figures(since: dt.datetime, until: dt.datetime, connection_ids: Iterable[int] | None = None) -> dict[int, Figures]:
    """Return what happened from ``since`` on, before ``until``, by connection; one where nothing did is not among them.

    Args:
        since: a minute that began before it is not counted.
        until: a minute that begins before it is counted whole.
        connection_ids: only these; None: all.
    """
    rows = _summed(_span(since, until, connection_ids).values("connection_id"))
    return {row["connection_id"]: _figures(row) for row in rows}


def total(since: dt.datetime, until: dt.datetime, connection_ids: Iterable[int] | None = None) -> Figures:
    """Return what happened in all; arguments as for :func:`figures`."""
    return sum(figures(since, until, connection_ids).values(), Figures())


def series(
    since: dt.datetime, until: dt.datetime, step_s: int, connection_ids: Iterable[int] | None = None
) -> list[tuple[dt.datetime, Figures]]:
    """Return what happened step by step, oldest first, steps without anything among them.

    Args:
        since: where the first step is to begin; it begins at a multiple of the step, at or before that.
        until: the last step begins before it.
        step_s: seconds, a multiple of 60.
        connection_ids: only these; None: all.
    """
    first, last = int(since.timestamp()) // step_s, -int(-until.timestamp() // step_s)
    start = dt.datetime.fromtimestamp(first * step_s, dt.UTC)
    rows = _span(start, until, connection_ids).annotate(step=_Step("at", step_s)).values("step")
    found = {row["step"]: _figures(row) for row in _summed(rows)}
    places = range(first, last)
    return [(dt.datetime.fromtimestamp(place * step_s, dt.UTC), found.get(place, Figures())) for place in places]


def within(counts: Sequence[int], quantile: float) -> float | None:
    """Return the duration at a quantile of counts by duration, between its bucket's bounds on a logarithmic scale.

    Args:
        counts: one for each bound, below it, and one for what is beyond the last.
        quantile: 0 to 1.

    Returns:
        Milliseconds; the last bound where it lies beyond; None where nothing was counted.
    """
    rank = quantile * sum(counts)
    if not sum(counts):
        return None
    before = 0
    for place, count in enumerate(counts):
        if count and before + count >= rank:
            return _between(place, (rank - before) / count)
        before += count
    return SLOWEST_MS


def _between(place: int, share: float) -> float:
    if place >= len(BOUNDS_MS):
        return SLOWEST_MS
    upper = BOUNDS_MS[place]
    if place == 0:
        return upper * share
    lower = BOUNDS_MS[place - 1]
    return float(lower * (upper / lower) ** share)


class _Step(Func):
    """How many whole steps lie between 1970 and a time.

    Args:
        name: of the field.
        step_s: seconds, a whole number.
    """

    output_field = IntegerField()
    template = "(TIMESTAMPDIFF(SECOND, '1970-01-01', %(expressions)s) DIV %(step_s)s)"

    def __init__(self, name: str, step_s: int) -> None:
        super().__init__(F(name), step_s=int(step_s))

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        """Write it for PostgreSQL."""
        template = "(EXTRACT(epoch FROM %(expressions)s)::bigint / %(step_s)s)"
        return self.as_sql(compiler, connection, template=template, **more)

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        """Write it for SQLite, which keeps times as text."""
        template = "(CAST(strftime('%%%%s', %(expressions)s) AS integer) / %(step_s)s)"
        return self.as_sql(compiler, connection, template=template, **more)


def _span(since: dt.datetime, until: dt.datetime, connection_ids: Iterable[int] | None) -> QuerySet[Minute]:
    rows = Minute.objects.using(alias()).filter(at__gte=since, at__lt=until).order_by()
    return rows if connection_ids is None else rows.filter(connection_id__in=list(connection_ids))


def _summed(rows: Any) -> Any:
    names = (*SCALARS.values(), *CALL_BUCKETS, *APPLIED_BUCKETS)
    return rows.annotate(**{f"sum_{name}": Sum(name) for name in names})


def _figures(row: dict[str, Any]) -> Figures:
    scalars: dict[str, Any] = {name: row[f"sum_{column}"] for name, column in SCALARS.items()}
    return Figures(
        **scalars,
        calls_by_ms=tuple(row[f"sum_{name}"] for name in CALL_BUCKETS),
        applied_by_ms=tuple(row[f"sum_{name}"] for name in APPLIED_BUCKETS),
    )


def _added(mine: Any, other: Any) -> Any:
    if isinstance(mine, tuple):
        return tuple(one + another for one, another in zip(mine, other, strict=True))
    return mine + other
