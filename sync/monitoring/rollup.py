"""Roll the operations up into minutes: counted anew while they can change, so that any run may be lost or repeated."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from django.db.models import Min, Q

from sync import conf
from sync.models import Minute, Operation, Sweep
from sync.models.clock import now
from sync.models.database import alias, briefly
from sync.models.minute import ROLLED
from sync.monitoring.counting import counted

NAME = "roll_up"
MINUTE = dt.timedelta(minutes=1)

LATE = dt.timedelta(seconds=30)
"""An operation is committed so long after it started at the latest: what is committed is counted anew until then."""

SPAN = dt.timedelta(hours=1)
"""No run counts more than that at once; after a gap the next one goes on from there."""

BACK = dt.timedelta(days=7)
"""What happened earlier than this is not caught up on."""

OPEN_FOR = dt.timedelta(days=1)
OPEN_MOST = 10
OPEN_NEWEST = 5
"""So many earlier minutes are counted once more because attempts in them had no end yet: the newest, where most end
soon, and others by chance, so that none is kept from its turn by those that never end."""

PRUNED = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """What a roll-up did: the minutes it counted and the rows it wrote; ``behind_s`` is what is left to catch up on."""

    since: dt.datetime
    until: dt.datetime
    rows: int
    behind_s: float


def roll_up() -> Rolled | None:
    """Count the operations of the last minutes, and write one row for each connection and minute.

    Minutes in which something was still under way are counted again until it has ended. Any number may run at once:
    one does the work.

    Returns:
        What was done; None where another process is at it, or the engine is switched off.
    """
    if not conf.current().enabled:
        return None
    using = alias()
    Sweep.objects.using(using).get_or_create(name=NAME, defaults={"at": now(using) - BACK})
    with transaction.atomic(using=using):
        last = _alone(using)
        return None if last is None else _rolled(last, now(using), using)


def roll_up_if_overdue() -> Rolled | None:
    """Roll up where nobody has for two intervals: beat may be dead, or there is a gap to catch up on."""
    using = alias()
    edge = now(using) - dt.timedelta(seconds=2 * conf.current().roll_up_s)
    if Sweep.objects.using(using).filter(name=NAME, at__gt=edge).exists():
        return None
    return roll_up()


def prune(older_than_s: float) -> int:
    """Remove minutes older than so many seconds, in short transactions; return how many."""
    using = alias()
    old = Minute.objects.using(using).filter(at__lt=now(using) - dt.timedelta(seconds=older_than_s))
    total = 0
    while ids := list(old.order_by("at").values_list("pk", flat=True)[:PRUNED]):
        total += Minute.objects.using(using).filter(pk__in=ids).delete()[0]
    return total


def _alone(using: str) -> dt.datetime | None:
    """Return until when all is rolled up, holding the row of it; None where another process holds it.

    What a second one had counted before it was overtaken would overwrite what is newer.
    """
    mine = Sweep.objects.using(using).filter(name=NAME)
    features = connections[using].features
    if features.has_select_for_update:
        briefly(using)
        held = mine.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
        return held.values_list("at", flat=True).first()
    mine.update(name=NAME)  # SQLite has one writer: this makes it us before anything is read
    return mine.values_list("at", flat=True).first()


def _rolled(last: dt.datetime, at: dt.datetime, using: str) -> Rolled:
    since, until = _span(last, at, using)
    spans = [(since, until), *((minute, minute + MINUTE) for minute in _unfinished(since, at, using))]
    rows = [row for first, end in spans for row in counted(first, end, using)]
    _close(spans, rows, using)
    _write(rows, using)
    Sweep.objects.using(using).filter(name=NAME).update(at=until)
    return Rolled(since=since, until=until, rows=len(rows), behind_s=(at - until).total_seconds())


def _span(last: dt.datetime, at: dt.datetime, using: str) -> tuple[dt.datetime, dt.datetime]:
    """From the first minute that may have changed; over a gap in which nothing was sent in one step."""
    since = max(min(last, at) - LATE, at - BACK)
    if at - since > SPAN:
        found = Operation.objects.using(using).filter(started_at__gte=since).aggregate(first=Min("started_at"))["first"]
        since = max(since, min(found or at, at - LATE))
    since = floor(since)
    return since, min(at, since + SPAN)


def _unfinished(since: dt.datetime, at: dt.datetime, using: str) -> list[dt.datetime]:
    rows = Minute.objects.using(using).filter(at__gte=at - OPEN_FOR, at__lt=since, open__gt=0)
    found = list(rows.order_by("-at").values_list("at", flat=True).distinct())
    newest, rest = found[:OPEN_NEWEST], found[OPEN_NEWEST:]
    return newest + random.sample(rest, min(OPEN_MOST - OPEN_NEWEST, len(rest)))


def _close(spans: Sequence[tuple[dt.datetime, dt.datetime]], rows: Iterable[Minute], using: str) -> None:
    """What was under way in a minute of which nothing is left (its connection's operations were removed) has ended."""
    found = {(row.connection_id, row.at) for row in rows}
    for since, until in spans:
        within = Q(at__gte=since, at__lt=until, open__gt=0)
        gone = [
            row.pk for row in Minute.objects.using(using).filter(within) if (row.connection_id, row.at) not in found
        ]
        Minute.objects.using(using).filter(pk__in=gone).update(open=0)


def _write(rows: Sequence[Minute], using: str) -> None:
    targets = connections[using].features.supports_update_conflicts_with_target
    given: dict[str, Any] = {"unique_fields": ["at", "connection"]} if targets else {}
    ordered = sorted(rows, key=lambda row: (row.connection_id, row.at))
    Minute.objects.using(using).bulk_create(ordered, update_conflicts=True, update_fields=list(ROLLED), **given)


def floor(at: dt.datetime) -> dt.datetime:
    """Return the beginning of a minute."""
    return at.replace(second=0, microsecond=0)
