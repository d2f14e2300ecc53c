"""Take changes out of the inbox. Only what was read is removed: ids are not commit order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from django.db import connections, transaction

from sync.models import Change
from sync.models.clock import now
from sync.models.database import UNFLUSHED, is_postgres

BY_SKIPPING = """
    DELETE FROM {table} WHERE id = ANY(ARRAY(
        SELECT id FROM {table} WHERE model = ANY(%s) ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)) AND {unflushed}
    RETURNING id, model, object_id, kind, lane, actor, reason, origin, snapshot, created_at
"""
"""By an array, which is made once: by ``IN`` the plan may look anew for each row, and take more than the limit."""


def take(labels: Sequence[str], limit: int, using: str) -> list[Change]:
    """Remove up to ``limit`` changes of these models and return them, oldest first.

    To be called inside the transaction that folds them into bindings: they are gone only if that commits.

    Args:
        labels: models that this process has registered; the changes of others stay.
        limit: changes at the most.
        using: alias of the database.
    """
    if not labels:
        return []
    if is_postgres(using):
        with connections[using].cursor() as cursor:
            cursor.execute(BY_SKIPPING.format(table=Change._meta.db_table, unflushed=UNFLUSHED), [list(labels), limit])
            names = [column[0] for column in cursor.description]
            rows = [Change(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
        return sorted(rows, key=lambda row: row.pk)
    return _take_locked(labels, limit, using)


def waiting(labels: Sequence[str], using: str) -> bool:
    """Return whether there is any change of these models."""
    return bool(labels) and Change.objects.using(using).filter(model__in=labels).exists()


def prune(older_than_s: float, using: str, *, known: Collection[str] = ()) -> int:
    """Remove changes that nobody took for so many seconds, and return how many.

    Args:
        older_than_s: their age, seconds.
        using: alias of the database.
        known: labels of models whose changes stay: whoever comes back after a long pause still takes them.
    """
    edge = now(using) - dt.timedelta(seconds=older_than_s)
    return Change.objects.using(using).filter(created_at__lt=edge).exclude(model__in=known).delete()[0]


def _take_locked(labels: Sequence[str], limit: int, using: str) -> list[Change]:
    features = connections[using].features
    changes = Change.objects.using(using).filter(model__in=labels).order_by("pk")
    if features.has_select_for_update:
        changes = changes.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
    with transaction.atomic(using=using):
        rows = list(changes[:limit])
        Change.objects.using(using).filter(pk__in=[row.pk for row in rows]).delete()
    return rows
