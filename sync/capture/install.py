"""Hook capture onto registered models.

``post_save`` comes outside the row's transaction under autocommit, so a crash between the two would lose the change.
Capture therefore wraps ``Model._save_table``, where Django writes each table, in a transaction and inserts the Change
there; a test pins that private signature. Deletes and many-to-many changes have signals inside the transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete

from sync import registry
from sync.capture.context import capturing
from sync.capture.record import record, record_many, snapshot_of, watched
from sync.models import Kind
from sync.registry import model_label

if TYPE_CHECKING:
    from django.db.models import Model

MARK = "_crudsync_captured"


def install() -> None:
    """Hook onto every registered model; again after a later registration is harmless."""
    for model in registry.models():
        concrete: type[Model] = model._meta.concrete_model or model
        _wrap(concrete)
        for sender in _standing_for(concrete):
            post_delete.connect(_deleted, sender=sender, dispatch_uid=f"crudsync.delete.{sender._meta.label}")
        for field in concrete._meta.many_to_many:
            through = field.remote_field.through
            m2m_changed.connect(_related, sender=through, dispatch_uid=f"crudsync.m2m.{through._meta.label}")


def _wrap(model: type[Model]) -> None:
    inherited = model._save_table
    if not getattr(inherited, MARK, False):
        model._save_table = _capturing(inherited)  # type: ignore[method-assign]


def _capturing(original: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(original)
    def _save_table(
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
        if using is None or not capturing() or not watched(label, using):
            return original(self, raw, cls, force_insert, force_update, using, update_fields)
        with transaction.atomic(using=using, savepoint=False):
            updated = original(self, raw, cls, force_insert, force_update, using, update_fields)
            record(label, self._get_pk_val(table._meta), using)
        return updated

    setattr(_save_table, MARK, True)
    return _save_table


def _standing_for(concrete: type[Model]) -> list[type[Model]]:
    """The model and its proxies: a delete is announced under the class that it was called on."""
    proxies = [model for model in apps.get_models() if model._meta.concrete_model is concrete]
    return proxies or [concrete]


def _deleted(sender: type[Model], instance: Model, using: str, **kwargs: Any) -> None:
    label = model_label(sender)
    if capturing() and watched(label, using):
        record(label, instance.pk, using, kind=Kind.DELETE, snapshot=snapshot_of(instance))


def _related(
    sender: type[Model],
    instance: Model,
    action: str,
    reverse: bool,
    model: type[Model],
    pk_set: set[Any] | None,
    using: str,
    **kwargs: Any,
) -> None:
    if not capturing():
        return
    if not reverse:
        if action in ("post_add", "post_remove", "post_clear"):
            _record_related(type(instance), [instance.pk], using)
        return
    if action in ("post_add", "post_remove"):
        _record_related(model, pk_set or (), using)
    elif action == "pre_clear":  # afterwards nobody knows whose relations they were
        _record_related(model, _linked_to(sender, instance, model, using), using)


def _record_related(model: type[Model], pks: Any, using: str) -> None:
    label = model_label(model)
    if pks and watched(label, using):
        record_many(label, pks, using, kind=Kind.RELATION)


def _linked_to(through: type[Model], instance: Model, model: type[Model], using: str) -> list[Any]:
    foreign = {field.related_model: field for field in through._meta.fields if field.is_relation}
    ours, theirs = foreign.get(type(instance)), foreign.get(model)
    if ours is None or theirs is None:
        return []
    rows = through._base_manager.using(using).filter(**{ours.name: instance})
    return list(rows.values_list(theirs.attname, flat=True))
