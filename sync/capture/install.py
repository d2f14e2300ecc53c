"""Hook capture onto registered models.

``post_save`` comes outside the row's transaction under autocommit, so a crash between the two would lose the change.
Capture therefore wraps ``Model._save_table``, where Django writes each table, in a transaction and inserts the Change
there; a test pins that private signature. Deletes and many-to-many changes have signals inside the transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models.signals import post_delete

from sync import registry
from sync.capture import family, relations
from sync.capture.context import capturing
from sync.capture.record import record, snapshot_of, watched
from sync.capture.triggers import connection, installed
from sync.models import Kind
from sync.registry import model_label

if TYPE_CHECKING:
    from django.db.models import Model

MARK = "_crudsync_captured"


def install() -> None:
    """Hook onto every registered model; again after a later registration is harmless."""
    family.forget()
    installed.enter()
    connection.follow()
    for model in registry.models():
        table = family.concrete(model)
        for each in (table, *family.parents_of(table)):
            _wrap(each)
        for sender in family.standing_for(table):
            post_delete.connect(_deleted, sender=sender, dispatch_uid=f"crudsync.delete.{sender._meta.label}")
        relations.connect(table)


def _wrap(model: Any) -> None:
    """Wrap the method once in a line of inheritance: a child has its parent's."""
    if not hasattr(model._save_table, MARK):
        model._save_table = _capturing(model._save_table)


def _capturing(original: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(original)
    def _save_table(  # noqa: PLR0917 - Django's own signature
        self: Model,
        raw: bool = False,
        cls: type[Model] | None = None,
        force_insert: bool = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Any = None,
    ) -> bool:
        table = cls or type(self)
        label = model_label(table)
        own = using is not None and capturing() and watched(label, using)
        if using is None or not (own or (capturing() and family.watching(table, using))):
            return original(self, raw, cls, force_insert, force_update, using, update_fields)
        with transaction.atomic(using=using, savepoint=False):
            updated = original(self, raw, cls, force_insert, force_update, using, update_fields)
            pk = self._get_pk_val(table._meta)
            if own:
                record(label, pk, using)
            family.record_children(table, pk, using, but=type(self))
        return updated

    setattr(_save_table, MARK, True)
    return _save_table


def _deleted(sender: type[Model], instance: Model, using: str, **kwargs: Any) -> None:
    label = model_label(sender)
    if capturing() and watched(label, using):
        record(label, instance.pk, using, kind=Kind.DELETE, snapshot=snapshot_of(instance))
