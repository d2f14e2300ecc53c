"""All that a dashboard shows: what happened, how everything stands, who is alive. A constant set of queries."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.deadletters.groups import latest
from sync.models import Cause, Connection
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring.figures import Figures, figures, series
from sync.monitoring.heaps import Heap, heaps
from sync.monitoring.limits import buckets
from sync.monitoring.pulse import Pulse, pulse
from sync.monitoring.rollup import floor
from sync.monitoring.standing import Report, report
from sync.ratelimit import BucketState

DAY = dt.timedelta(days=1)

RECENT = dt.timedelta(minutes=5)
"""What is called the rate of now: an average over so long."""

CAUSES = 8

MOST = 2000
"""No count of a dashboard looks at more objects of a kind: it is asked every few seconds."""

KEPT = 32

DEAR_S = 0.25
"""A count of objects that takes longer is dear: hundreds of connections with thousands of objects that wait."""

SPARED = 10
SPARED_MOST_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span that charts may show: how long it is, and the length of its steps in seconds."""

    length: dt.timedelta
    step_s: int


SPANS: Mapping[str, Span] = {
    "1h": Span(length=dt.timedelta(hours=1), step_s=60),
    "24h": Span(length=DAY, step_s=900),
    "7d": Span(length=dt.timedelta(days=7), step_s=7200),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What happened: in the last 24 hours in all, in the span and lately by connection id, and step by step."""

    day: Figures
    during: Mapping[int, Figures]
    lately: Mapping[int, Figures]
    steps: Sequence[tuple[dt.datetime, Figures]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What is shown. Counts of ``report`` and ``causes`` are ``MOST`` at the most.

    ``causes`` hold up so many objects now, those that came up last first; None where they were not asked for.
    ``buckets`` are the rate limits by connection id.
    """

    at: dt.datetime
    report: Report
    pulse: Pulse
    past: Past
    buckets: Mapping[int, Sequence[BucketState]]
    causes: Sequence[tuple[Cause, int]] | None


def board(span: Span, connection_id: int | None = None, *, causes: bool = True) -> Board:
    """Return what a dashboard shows.

    Args:
        span: of the charts and of each connection's figures.
        connection_id: the charts are of this connection alone; None: of all.
        causes: read the last failures, too.
    """
    rows = list(Connection.objects.using(alias()).select_related("gate").order_by("integrator", "name"))
    at = now(alias())
    alive = pulse()
    return Board(
        at=at,
        report=report(rows, most=MOST, ignored=False, synced=False, count=_counted),
        pulse=alive,
        past=_kept(span, connection_id, at, alive.rolled_at),
        buckets=buckets(rows),
        causes=latest(CAUSES, MOST) if causes else None,
    )


def _counted(ids: Sequence[int], using: str, **how: Any) -> Mapping[int, Sequence[Heap]]:
    """Count objects; a count that took long is told again for ten times as long, however many look."""
    key = (tuple(ids), using, *sorted(how.items()))
    known = _counts.get(key)
    began = time.monotonic()
    if known is not None and began < known[0]:
        return known[1]
    found = heaps(ids, using, **how)
    ended = time.monotonic()
    _counts.clear()
    if ended - began > DEAR_S:
        _counts[key] = (ended + min(SPARED * (ended - began), SPARED_MOST_S), found)
    return found


_counts: dict[tuple[Any, ...], tuple[float, Mapping[int, Sequence[Heap]]]] = {}


def _kept(span: Span, connection_id: int | None, at: dt.datetime, rolled_at: dt.datetime | None) -> Past:
    """What happened changes with a roll-up and with the minute: who asks in between gets what was read before."""
    key = (span, connection_id, floor(at), rolled_at)
    found = _pasts.get(key)
    if found is None:
        found = _past(span, connection_id, floor(at))
        if rolled_at is not None:
            for oldest in list(_pasts)[: max(len(_pasts) - KEPT + 1, 0)]:  # other threads do so, too
                _pasts.pop(oldest, None)
            _pasts[key] = found
    return found


_pasts: dict[tuple[Span, int | None, dt.datetime, dt.datetime | None], Past] = {}


def _past(span: Span, connection_id: int | None, minute: dt.datetime) -> Past:
    until = minute + dt.timedelta(minutes=1)
    day = figures(until - DAY, until)
    return Past(
        day=sum(day.values(), Figures()),
        during=day if span.length == DAY else figures(until - span.length, until),
        lately=figures(minute - RECENT, minute),
        steps=series(until - span.length, until, span.step_s, None if connection_id is None else [connection_id]),
    )
