"""Count operations by connection and minute: one grouped query, read through the index of when they started."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import connections
from django.db.models import Case, CharField, Count, F, Func, IntegerField, Q, Sum, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Substr, TruncMinute

from sync.models import Minute, Operation, Status
from sync.models.database import is_postgres
from sync.models.minute import APPLIED_BUCKETS, BOUNDS_MS, CALL_BUCKETS, SUMS_MS

ENDS = {
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.NOT_SENT: "failed",
    Status.UNKNOWN: "unknown",
    Status.STALE: "unknown",
    Status.STARTED: "open",
}
"""Which counter an attempt adds to. One that found no way to the remote has failed."""

COUNTED = ("connection_id", "minute", "status", "timed", "call_bucket", "applied_bucket")
SUMMED = ("n", "retried", "refused", "taken", *(f"{name}_sum" for name in SUMS_MS))


def counted(since: dt.datetime, until: dt.datetime, using: str) -> list[Minute]:
    """Return the counters of the operations that started in a span, a row for each connection and minute, not saved.

    Args:
        since: the beginning of a minute.
        until: the end of the span; of a minute that is not over, what there is.
        using: alias of the database.
    """
    rows = Operation.objects.using(using).filter(started_at__gte=since, started_at__lt=until)
    groups = rows.annotate(
        minute=_minute(using),
        timed=Case(When(duration_ms__isnull=True, then=Value(0)), default=Value(1), output_field=IntegerField()),
        call_bucket=_bucket("duration_ms", using),
        applied_bucket=_bucket("applied_ms", using),
    ).values(*COUNTED)
    summed = groups.annotate(
        n=Count("pk"),
        retried=Count("pk", filter=Q(attempt__gt=1)),
        refused=Count("pk", filter=Q(status_code=429)),
        taken=Count("waited_ms"),
        waited_ms_sum=Sum("waited_ms"),
        call_ms_sum=Sum("duration_ms"),
        applied_ms_sum=Sum("applied_ms"),
    )
    return _minutes(summed.order_by().values(*COUNTED, *SUMMED))


def _minutes(groups: Iterable[dict[str, Any]]) -> list[Minute]:
    found: dict[tuple[int, dt.datetime], Minute] = {}
    for group in groups:
        at = _moment(group["minute"])
        key = (group["connection_id"], at)
        row = found.get(key)
        if row is None:
            row = found[key] = Minute(connection_id=key[0], at=at)
        _add(row, group)
    return list(found.values())


def _add(row: Minute, group: dict[str, Any]) -> None:
    row.tokens += group["taken"]
    row.waited_ms += group["waited_ms_sum"] or 0.0
    if group["status"] == Status.NOT_SENT and not group["timed"]:
        return  # its time was over, or its request could not be built: nothing was tried
    row.calls += group["n"]
    row.retries += group["retried"]
    row.throttled += group["refused"]
    _raise(row, ENDS[Status(group["status"])], group["n"])
    if group["call_bucket"] is not None:
        _raise(row, CALL_BUCKETS[group["call_bucket"]], group["n"])
        row.call_ms += group["call_ms_sum"]
    if group["applied_bucket"] is not None:
        _raise(row, APPLIED_BUCKETS[group["applied_bucket"]], group["n"])
        row.applied += group["n"]
        row.applied_ms += group["applied_ms_sum"]


def _raise(row: Minute, name: str, by: int) -> None:
    setattr(row, name, getattr(row, name) + by)


def _bucket(name: str, using: str) -> Combinable:
    """How many bounds a duration has reached; null where there is none. PostgreSQL searches by halves."""
    if is_postgres(using):
        bounds = ",".join(map(str, BOUNDS_MS))
        template = f"width_bucket(%(expressions)s, ARRAY[{bounds}]::float8[])"
        return Func(F(name), template=template, output_field=IntegerField())
    below = (When(**{f"{name}__lt": bound}, then=Value(place)) for place, bound in enumerate(BOUNDS_MS))
    beyond = When(**{f"{name}__isnull": False}, then=Value(len(BOUNDS_MS)))
    return Case(*below, beyond, output_field=IntegerField())


def _minute(using: str) -> Combinable:
    """The minute an operation started in. SQLite keeps times as text, whose beginning it is."""
    if connections[using].vendor == "sqlite":
        return Substr(Cast("started_at", CharField()), 1, len("2000-01-01 00:00"))
    return TruncMinute("started_at", tzinfo=dt.UTC)


def _moment(found: Any) -> dt.datetime:
    at: dt.datetime = dt.datetime.fromisoformat(found) if isinstance(found, str) else found
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
