"""What changes a row without saving it: many-to-many relations, and the end of a row that it refers to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.db import models, router, transaction
from django.db.models.signals import m2m_changed, pre_delete

from sync.capture.context import capturing
from sync.capture.family import concrete, record_written, standing_for, watching_any
from sync.models import Kind

if TYPE_CHECKING:
    from django.db.models import ForeignKey, ManyToManyField, Model

MARK = "_crudsync_captured"
DELETED_OR_REFUSED = (models.CASCADE, models.PROTECT, models.RESTRICT, models.DO_NOTHING)


def connect(table: type[Model]) -> None:
    """Hook onto every relation of a registered model, those of its parents included."""
    for many in table._meta.many_to_many:
        _connect_many(many)
    for field in table._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            _connect_foreign_key(field)


def _connect_many(field: ManyToManyField[Any, Any]) -> None:
    linked = Linked(field)
    through, uid = field.remote_field.through, f"crudsync.{field}"
    m2m_changed.connect(linked.changed, sender=through, weak=False, dispatch_uid=uid)
    for target in standing_for(concrete(field.related_model)):
        pre_delete.connect(linked.target_deleted, sender=target, weak=False, dispatch_uid=uid)


def _connect_foreign_key(field: ForeignKey[Any, Any]) -> None:
    table = concrete(field.model)
    if field.remote_field.on_delete not in DELETED_OR_REFUSED:
        receiver = functools.partial(_let_go, table, field.name)
        for target in standing_for(concrete(field.related_model)):
            pre_delete.connect(receiver, sender=target, weak=False, dispatch_uid=f"crudsync.{field}")
    accessor = field.remote_field.get_accessor_name()
    manager = getattr(getattr(field.related_model, accessor or "", None), "related_manager_cls", None)
    if field.many_to_one and manager is not None and not hasattr(manager.add, MARK):
        manager.add = _capturing_add(table, manager.add)


def _let_go(table: type[Model], field: str, *, instance: Model, using: str, **kwargs: Any) -> None:
    """A row is about to go, and those that refer to it will refer to nothing, or to another: Django says so nowhere."""
    if capturing() and watching_any(table, using):
        rows = table._base_manager.using(using).filter(**{field: instance})
        record_written(table, list(rows.values_list("pk", flat=True)), using)


def _capturing_add(table: type[Model], original: Callable[..., None]) -> Callable[..., None]:
    """``parent.children.add()`` updates through the base manager, past every manager of the host."""

    @functools.wraps(original)
    def add(self: Any, *objs: Model, bulk: bool = True) -> None:
        using = router.db_for_write(table, instance=self.instance)
        if not bulk or not capturing() or not watching_any(table, using):
            original(self, *objs, bulk=bulk)
            return
        with transaction.atomic(using=using):
            original(self, *objs, bulk=True)
            record_written(table, [obj.pk for obj in objs], using)

    setattr(add, MARK, True)
    return add


class Linked:
    """The rows that a many-to-many field links to others: those of the model that declares it.

    The other side is no part of it, as a row is none of those that its foreign keys point to.
    """

    def __init__(self, field: ManyToManyField[Any, Any]) -> None:
        self.field = field
        self.table = concrete(field.model)
        through: Any = field.remote_field.through
        self.through = through
        self.source: Any = through._meta.get_field(field.m2m_field_name())
        self.target: str = field.m2m_reverse_field_name()

    def changed(
        self, *, instance: Model, action: str, reverse: bool, pk_set: set[Any] | None, using: str, **kwargs: Any
    ) -> None:
        """Record whose relations changed; sent inside the transaction that changes them."""
        if not capturing() or not watching_any(self.table, using):
            return
        if action in ("post_add", "post_remove") and pk_set:
            self._record(self._sides(instance, reverse, lambda: pk_set), using)
        elif action == "pre_clear":  # afterwards nobody knows whose relations they were
            self._record(self._sides(instance, reverse, lambda: self._linked_to(instance, using)), using)

    def target_deleted(self, *, instance: Model, using: str, **kwargs: Any) -> None:
        """Record whose relations go with the row that they lead to: no signal tells of those."""
        if capturing() and watching_any(self.table, using):
            self._record(self._linked_to(instance, using), using)

    def _sides(self, instance: Model, reverse: bool, others: Callable[[], Iterable[Any]]) -> list[Any]:
        own = [] if reverse else [getattr(instance, self.source.target_field.attname)]
        return [*own, *others()] if reverse or self.field.remote_field.symmetrical else own

    def _linked_to(self, instance: Model, using: str) -> list[Any]:
        rows = self.through._base_manager.using(using).filter(**{self.target: instance})
        return list(rows.values_list(self.source.attname, flat=True))

    def _record(self, keys: list[Any], using: str) -> None:
        """Record by the column that the relation refers to, which need not be the primary key."""
        if keys and not self.source.target_field.primary_key:
            rows = self.table._base_manager.using(using).filter(**{f"{self.source.target_field.name}__in": keys})
            keys = list(rows.values_list("pk", flat=True))
        if keys:
            record_written(self.table, keys, using, kind=Kind.RELATION)
