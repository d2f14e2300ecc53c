"""A QuerySet whose bulk writes are captured; Django sends no signals for them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import connections, models, transaction

from sync.capture import conflicts, family
from sync.capture.context import capturing, unrecorded

M = TypeVar("M", bound=models.Model)

VARIABLES = 9
"""SQLite's SQLITE_LIMIT_VARIABLE_NUMBER; a Python without its module may run on PostgreSQL."""


class SyncQuerySet(models.QuerySet[M]):
    """Capture ``bulk_create``, ``bulk_update`` and ``update`` too (``delete`` and ``save`` are captured anyway).

    Use it as ``objects = SyncQuerySet.as_manager()``.
    """

    def update(self, **kwargs: Any) -> int:
        """Update the rows, and record a change for each, in one transaction."""
        if not self._captured():
            return super().update(**kwargs)
        with transaction.atomic(using=self.db):
            pks = self._pks()
            changed = models.QuerySet.update(self._only(pks), **kwargs)
            self._record([*pks, *self._new_pks(kwargs)])
        self._result_cache = None
        return changed

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """Insert the rows, and record a change for each, in one transaction.

        Where conflicts are ignored, and where the database doesn't say which rows it wrote, the rows are found by
        their unique fields.
        """
        if not self._captured():
            return super().bulk_create(objs, *args, **kwargs)
        with transaction.atomic(using=self.db):
            made = super().bulk_create(objs, *args, **kwargs)
            self._record(conflicts.keys_of(self.model, made, self.db))
        return made

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, objs: Iterable[M], fields: Iterable[str], batch_size: int | None = None) -> int:
        """Update the rows, and record a change for each, in one transaction."""
        if not self._captured():
            return super().bulk_update(objs, fields, batch_size)
        rows = tuple(objs)
        with transaction.atomic(using=self.db):
            with unrecorded():  # its own update() would record them once more
                changed = super().bulk_update(rows, fields, batch_size)
            self._record([row.pk for row in rows])
        return changed

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def _captured(self) -> bool:
        self._for_write = True
        return capturing() and family.watching_any(family.concrete(self.model), self.db)

    def _record(self, pks: list[Any]) -> None:
        family.record_written(family.concrete(self.model), pks, self.db)

    def _pks(self) -> list[Any]:
        if self.query.is_sliced or self.query.combinator:
            return []  # update() refuses those
        rows = self.order_by()
        query = rows.query  # what is no part of an UPDATE is none of this either
        query.select_for_update, query.distinct, query.distinct_fields = False, False, ()
        return list(dict.fromkeys(rows.values_list("pk", flat=True)))

    def _only(self, pks: list[Any]) -> models.QuerySet[M]:
        """These rows, still under the same condition: none is updated that is not recorded.

        SQLite takes only so many parameters. It has one writer, and a transaction sees what it saw before: for more
        rows the condition has to be enough, unless it goes by chance.
        """
        refused = self.query.is_sliced or self.query.combinator
        return self if refused or len(pks) > _most(self.db) else self.filter(pk__in=pks)

    def _new_pks(self, values: dict[str, Any]) -> list[Any]:
        """The primary key that an update gives its rows, where it gives one: the row is another object then."""
        key = self.model._meta.pk
        given = [values[name] for name in {key.name, key.attname} & set(values)]
        return [key.to_python(value) for value in given if not hasattr(value, "resolve_expression")]


def _most(using: str) -> float:
    """How many rows one statement can name."""
    link = connections[using]
    if link.vendor != "sqlite":
        return math.inf
    return int(link.connection.getlimit(VARIABLES)) // 2
