"""Local rows that no binding speaks of: written past capture, or before the registration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Model, Q, QuerySet

from sync.models import Binding, Connection
from sync.models.database import alias
from sync.models.identity import object_id_of
from sync.reconcile.look import BATCH
from sync.types import ObjectTypeSpec


def in_scope(spec: ObjectTypeSpec) -> QuerySet[Model]:
    """Return the local rows that belong at the remote, as far as a query can tell."""
    rows = spec.model._base_manager.using(alias())
    return rows.filter(spec.sync_when) if isinstance(spec.sync_when, Q) else rows.all()


def unbound(connection: Connection, spec: ObjectTypeSpec) -> Iterator[str]:
    """Yield the object ids of the local rows in scope that have no binding, a batch in memory at a time."""
    there = Binding.objects.using(alias()).filter(connection=connection, object_type=spec.name)
    for batch in _keys(in_scope(spec)):
        known = set(there.filter(object_id__in=batch).values_list("object_id", flat=True))
        yield from (object_id for object_id in batch if object_id not in known)


def _keys(rows: QuerySet[Model]) -> Iterator[list[str]]:
    # Page by page rather than over a cursor: others write, and SQLite has one connection for both.
    keys: Any = rows.order_by("pk").values_list("pk", flat=True)
    batch = list(keys[:BATCH])
    while batch:
        yield [object_id_of(key) for key in batch]
        batch = list(keys.filter(pk__gt=batch[-1])[:BATCH])
