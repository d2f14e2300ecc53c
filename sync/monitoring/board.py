"""All that a dashboard shows: what happened, how everything stands, who is alive. A constant set of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync import deadletters
from sync.deadletters import Group
from sync.models import Connection
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring.figures import Figures, figures, series
from sync.monitoring.limits import buckets
from sync.monitoring.pulse import Pulse, pulse
from sync.monitoring.rollup import floor
from sync.monitoring.standing import Report, report
from sync.ratelimit import BucketState

DAY = dt.timedelta(days=1)

RECENT = dt.timedelta(minutes=5)
"""What is called the rate of now: an average over so long."""

CAUSES = 8


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
class Board:
    """What is shown. ``during`` is what happened in the span and ``lately`` in the last minutes, by connection id.

    ``day`` is what happened in the last 24 hours in all, ``steps`` in the span, step by step; ``causes`` hold up
    objects now, those that came up last first; None where they were not asked for. ``buckets`` are the rate limits by
    connection id.
    """

    at: dt.datetime
    report: Report
    pulse: Pulse
    day: Figures
    during: Mapping[int, Figures]
    lately: Mapping[int, Figures]
    steps: Sequence[tuple[dt.datetime, Figures]]
    buckets: Mapping[int, Sequence[BucketState]]
    causes: Sequence[Group] | None


def board(span: Span, connection_id: int | None = None, *, causes: bool = True) -> Board:
    """Return what a dashboard shows.

    Args:
        span: of the charts and of each connection's figures.
        connection_id: the charts are of this connection alone; None: of all.
        causes: read the last failures, too.
    """
    rows = list(Connection.objects.using(alias()).select_related("gate").order_by("integrator", "name"))
    at = now(alias())
    until = floor(at) + dt.timedelta(minutes=1)
    day = figures(until - DAY, until)
    during = day if span.length == DAY else figures(until - span.length, until)
    return Board(
        at=at,
        report=report(rows, synced=False),
        pulse=pulse(),
        day=sum(day.values(), Figures()),
        during=during,
        lately=figures(floor(at) - RECENT, floor(at)),
        steps=series(until - span.length, until, span.step_s, None if connection_id is None else [connection_id]),
        buckets=buckets(rows),
        causes=deadletters.groups(limit=CAUSES) if causes else None,
    )
