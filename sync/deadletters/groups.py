"""Dead letters by cause, with how many objects each holds up now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import BigIntegerField, Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL

from sync.models import Binding, Cause
from sync.models.database import alias

COUNTED = 10_000
"""No count of letters goes beyond this."""

NOW = """(SELECT count(*) FROM (
    SELECT 1 FROM crudsync_binding b WHERE b.cause_id = crudsync_cause.id AND b.ignored {how} '' LIMIT {limit}
) AS few)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One cause. ``count`` is how often it came up; ``open`` and ``ignored`` are objects, ``COUNTED`` at the most."""

    id: int
    integrator: str
    code: str
    status_code: int
    field: str
    message: str
    example: str
    first_seen: dt.datetime
    last_seen: dt.datetime
    count: int
    open: int
    ignored: int


def groups(
    *,
    integrator: str = "",
    code: str = "",
    status_code: int | None = None,
    field: str = "",
    ignored: bool | None = False,
    limit: int = COUNTED,
) -> list[Group]:
    """Return the causes that hold up objects now, those that came up last first.

    Args:
        integrator: only there.
        code: only causes with this code.
        status_code: only causes with this status.
        field: only causes that name this field.
        ignored: False: with letters that are not ignored; True: with ignored ones; None: with either.
        limit: causes at the most.
    """
    said = {"integrator": integrator, "code": code, "field": field}
    rows = Cause.objects.using(alias()).filter(**{name: value for name, value in said.items() if value})
    if status_code is not None:
        rows = rows.filter(status_code=status_code)
    return [_group(row) for row in counted(holding(rows, ignored=ignored)).order_by("-last_seen", "-pk")[:limit]]


def latest(limit: int, most: int) -> list[tuple[Cause, int]]:
    """Return the causes that hold up objects now, those that came up last first, with how many each.

    Args:
        limit: causes at the most.
        most: no count of objects goes beyond it.
    """
    rows = holding(Cause.objects.using(alias()), ignored=False).annotate(open_now=_now("=", most))
    return [(row, row.open_now) for row in rows.order_by("-last_seen", "-pk")[:limit]]


def holding(rows: QuerySet[Cause], *, ignored: bool | None) -> QuerySet[Cause]:
    """Return the causes that hold up objects now; ``ignored`` as for :func:`groups`."""
    letters = Binding.objects.filter(cause=OuterRef("pk"))
    if ignored is not None:
        letters = letters.exclude(ignored="") if ignored else letters.filter(ignored="")
    return rows.filter(Exists(letters))


def counted(rows: QuerySet[Cause]) -> QuerySet[Any]:
    """Return causes with ``open_now`` and ``ignored_now``: the objects of each, counted up to ``COUNTED``."""
    return rows.annotate(open_now=_now("="), ignored_now=_now("<>"))


def _now(how: str, most: int | None = None) -> RawSQL:
    limit = COUNTED if most is None else most
    return RawSQL(NOW.format(how=how, limit=int(limit)), (), output_field=BigIntegerField())  # noqa: S611 - constants


def _group(row: Any) -> Group:
    return Group(
        id=row.pk,
        integrator=row.integrator,
        code=row.code,
        status_code=row.status_code,
        field=row.field,
        message=row.message,
        example=row.example,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        count=row.count,
        open=row.open_now,
        ignored=row.ignored_now,
    )
