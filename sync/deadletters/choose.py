"""Which dead letters are meant: one, those of a cause, or those of a filter."""

from __future__ import annotations

import datetime as dt
from typing import TypedDict

from django.db.models import QuerySet

from sync.deadletters.groups import Group
from sync.models import Binding, Cause
from sync.models.database import alias

What = Binding | Cause | Group | QuerySet[Binding]


class Filter(TypedDict, total=False):
    """What letters may be chosen by; see :func:`letters`."""

    integrator: str
    connection: str
    object_type: str
    code: str
    status_code: int | None
    field: str
    since: dt.datetime | None
    ignored: bool | None


def letters(
    what: What | None = None,
    *,
    integrator: str = "",
    connection: str = "",
    object_type: str = "",
    code: str = "",
    status_code: int | None = None,
    field: str = "",
    since: dt.datetime | None = None,
    ignored: bool | None = False,
) -> QuerySet[Binding]:
    """Return dead letters.

    Args:
        what: a binding, a cause (or its group), or a queryset of bindings; None: all of them.
        integrator: only there.
        connection: only under accounts of this name.
        object_type: only objects of this type.
        code: only those of causes with this code.
        status_code: only those of causes with this status.
        field: only those of causes that name this field.
        since: only those whose oldest unsent change is from then or later.
        ignored: False: without those that are ignored; True: only those; None: both. A binding that is named itself
            counts either way.
    """
    rows = _of(what)
    causes = {"integrator": integrator, "code": code, "field": field}
    said: dict[str, object] = {name: value for name, value in causes.items() if value}
    if status_code is not None:
        said["status_code"] = status_code
    if said:  # causes are few, and letters are found by them through an index
        found = Cause.objects.using(alias()).filter(**said)
        rows = rows.filter(cause__in=list(found.values_list("pk", flat=True)))
    if connection:
        rows = rows.filter(connection__name=connection)
    if object_type:
        rows = rows.filter(object_type=object_type)
    if since is not None:
        rows = rows.filter(dirty_since__gte=since)
    if ignored is None or isinstance(what, Binding):
        return rows
    return rows.exclude(ignored="") if ignored else rows.filter(ignored="")


def _of(what: What | None) -> QuerySet[Binding]:
    rows = Binding.objects.using(alias()).filter(cause__isnull=False)
    if what is None:
        return rows
    if isinstance(what, Binding):
        return rows.filter(pk=what.pk)
    if isinstance(what, Cause):
        return rows.filter(cause=what.pk)
    if isinstance(what, Group):
        return rows.filter(cause=what.id)
    return what.filter(cause__isnull=False)
