"""Multi-table inheritance: one write may change what several registered models show.

A child's row is spread over its parents' tables, so a write to a parent's table changes the child, and one through the
child changes the parent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sync.capture.lineage import children_of, concrete, forget, parents_of, standing_for
from sync.capture.record import record_many, watched
from sync.models import Kind
from sync.registry import model_label

if TYPE_CHECKING:
    from django.db.models import Model

Pks = Sequence[Any]

__all__ = [
    "children_of",
    "concrete",
    "forget",
    "parents_of",
    "record_children",
    "record_written",
    "standing_for",
    "watching",
    "watching_any",
]


def watching(table: type[Model], using: str) -> bool:
    """Return whether a write to this table is a change of any registered model."""
    return watched(model_label(table), using) or any(watched(model_label(child), using) for child in children_of(table))


def watching_any(table: type[Model], using: str) -> bool:
    """Return whether a write through this model, to its parents' tables too, is a change of any registered model."""
    return any(watching(model, using) for model in (table, *parents_of(table)))


def record_written(table: type[Model], pks: Pks, using: str, *, kind: Kind = Kind.SAVE) -> None:
    """Record changes of rows that were written through a model, its parents' tables included.

    Args:
        table: a concrete model.
        pks: its primary keys.
        using: alias of the database in whose open transaction they were written.
        kind: what happened to them.
    """
    for model, keys in _spread(table, pks, using):
        if watched(model_label(model), using):
            record_many(model_label(model), keys, using, kind=kind)


def record_children(table: type[Model], pk: Any, using: str, *, but: type[Model]) -> None:
    """Record changes of those registered children whose parent's row was written.

    Args:
        table: the parent.
        pk: its primary key.
        using: alias of the database.
        but: the class that is being saved; its own tables are written, and recorded, one by one.
    """
    for child in children_of(table):
        if watched(model_label(child), using) and not issubclass(but, child):
            record_many(model_label(child), _keys(child, table, [pk], using), using)


def _spread(table: type[Model], pks: Pks, using: str) -> Iterator[tuple[type[Model], Pks]]:
    """The models that show these rows, with their primary keys; each model once."""
    seen = {table, *parents_of(table)}
    yield table, pks
    for parent in (table, *parents_of(table)):
        keys = pks if parent is table else _parent_keys(table, parent, pks, using)
        if parent is not table:
            yield parent, keys
        for child in children_of(parent):
            if child not in seen and watched(model_label(child), using):
                seen.add(child)
                yield child, _keys(child, parent, keys, using)


def _keys(child: type[Model], parent: type[Model], pks: Pks, using: str) -> Pks:
    """The primary keys of a child's rows, by those of a parent; a child has its parents' fields."""
    rows = child._base_manager.using(using).filter(**{f"{parent._meta.pk.name}__in": pks})
    return list(rows.values_list("pk", flat=True))


def _parent_keys(child: type[Model], parent: type[Model], pks: Pks, using: str) -> Pks:
    rows = child._base_manager.using(using).filter(pk__in=pks)
    return list(rows.values_list(parent._meta.pk.name, flat=True))
