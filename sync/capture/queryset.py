"""A QuerySet whose bulk writes are captured; Django sends no signals for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db import connections, models, transaction

from sync.capture.context import capturing, unrecorded
from sync.capture.record import record_many, watched
from sync.registry import model_label

M = TypeVar("M", bound=models.Model)


class SyncQuerySet(models.QuerySet[M]):
    """Capture ``bulk_create``, ``bulk_update`` and ``update`` too (``delete`` and ``save`` are captured anyway).

    Use it as ``objects = SyncQuerySet.as_manager()``.
    """

    def update(self, **kwargs: Any) -> int:
        """Update the rows, and record a change for each, in one transaction."""
        if not self._captured():
            return super().update(**kwargs)
        with transaction.atomic(using=self.db):
            pks = self._locked_pks()
            changed = models.QuerySet.update(self.filter(pk__in=pks), **kwargs) if pks else 0
            record_many(model_label(self.model), pks, self.db)
        return changed

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """Insert the rows, and record a change for each, in one transaction.

        With ``ignore_conflicts`` the database doesn't say which rows it inserted: those with a primary key of their
        own are recorded, which at worst finds nothing to send.
        """
        if not self._captured():
            return super().bulk_create(objs, *args, **kwargs)
        with transaction.atomic(using=self.db):
            made = super().bulk_create(objs, *args, **kwargs)
            record_many(model_label(self.model), [row.pk for row in made if row.pk is not None], self.db)
        return made

    def bulk_update(self, objs: Iterable[M], fields: Sequence[str], batch_size: int | None = None) -> int:
        """Update the rows, and record a change for each, in one transaction."""
        if not self._captured():
            return super().bulk_update(objs, fields, batch_size)
        rows = tuple(objs)
        with transaction.atomic(using=self.db):
            with unrecorded():  # its own update() would record them once more
                changed = super().bulk_update(rows, fields, batch_size)
            record_many(model_label(self.model), [row.pk for row in rows], self.db)
        return changed

    def _captured(self) -> bool:
        self._for_write = True
        return capturing() and watched(model_label(self.model), self.db)

    def _locked_pks(self) -> list[Any]:
        rows = self.order_by()
        if connections[self.db].features.has_select_for_update and not self.query.distinct:
            rows = rows.select_for_update(of=("self",)) if self._can_lock_self() else rows.select_for_update()
        return list(rows.values_list("pk", flat=True))

    def _can_lock_self(self) -> bool:
        return bool(connections[self.db].features.has_select_for_update_of)
