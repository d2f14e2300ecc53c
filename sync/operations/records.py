"""Reading and pruning the task records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from sync.models import Operation, Status
from sync.models.clock import now
from sync.models.database import alias

CHUNK = 5000
SEGMENTS = 60
NAMED = "duplicate_remote"


def history(object_types: Sequence[str], object_id: str, connection_ids: Sequence[int]) -> QuerySet[Operation]:
    """Return the operations of one object, newest first."""
    return (
        Operation.objects.filter(
            binding__connection_id__in=connection_ids,
            binding__object_type__in=object_types,
            binding__object_id=object_id,
        )
        .select_related("connection")
        .order_by("-id")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What tells of an operation whether it had a cause of its own."""

    verb: str
    status: str
    seq: int
    actor: str


def past(binding_id: int, since_s: float, limit: int) -> list[Past]:
    """Return the latest operations of one object, newest first.

    Args:
        binding_id: its binding.
        since_s: how far back, seconds.
        limit: operations at the most.
    """
    using = alias()
    edge = now(using) - dt.timedelta(seconds=since_s)
    rows = Operation.objects.using(using).filter(binding_id=binding_id, started_at__gte=edge).order_by("-id")
    names = ("verb", "status", "seq", "actor")
    return [Past(**dict(zip(names, row, strict=True))) for row in rows.values_list(*names)[:limit]]


def stale_creates(binding_id: int, remote_id: str) -> list[str]:
    """Return other remote ids that late creates of this object got: doubles, to be named."""
    rows = (
        Operation.objects.using(alias())
        .filter(binding_id=binding_id, verb="create", status=Status.STALE, remote_id__isnull=False)
        .exclude(code=NAMED)
    )
    return sorted({str(found) for found in rows.values_list("remote_id", flat=True)} - {remote_id})


def name_doubles(binding_id: int) -> None:
    """Note that the doubles of an object were named: whoever removed them is not told again."""
    rows = Operation.objects.using(alias()).filter(binding_id=binding_id, verb="create", status=Status.STALE)
    rows.update(code=NAMED)


def sent_since(connection_id: int | str, since_s: float) -> list[tuple[float, int]]:
    """Return how many calls went out lately, as (age in seconds, count) a segment: what a lost counter is seeded by.

    Args:
        connection_id: the connection.
        since_s: how far back, seconds; a segment is a sixtieth of it.
    """
    using = alias()
    at = now(using)
    segment_s = max(since_s / SEGMENTS, 1.0)
    rows = (
        Operation.objects.using(using)
        .filter(connection_id=connection_id, started_at__gte=at - dt.timedelta(seconds=since_s))
        .exclude(status=Status.NOT_SENT)
    )
    segments: dict[int, int] = {}
    for started_at in rows.values_list("started_at", flat=True).iterator():
        place = int((at - started_at).total_seconds() // segment_s)
        segments[place] = segments.get(place, 0) + 1
    return [(place * segment_s, count) for place, count in sorted(segments.items())]


def prune(older_than_s: float) -> int:
    """Remove finished operations older than so many seconds, in short transactions; return how many."""
    using = alias()
    edge = now(using) - dt.timedelta(seconds=older_than_s)
    old = Operation.objects.using(using).filter(started_at__lt=edge).exclude(status=Status.STARTED)
    total = 0
    while ids := list(old.order_by("started_at").values_list("pk", flat=True)[:CHUNK]):
        total += Operation.objects.using(using).filter(pk__in=ids).delete()[0]
    return total
