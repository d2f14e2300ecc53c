"""Which rows an INSERT that ignores conflicts left behind: the database names none of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Model, Q

logger = logging.getLogger("crudsync.capture")

CHUNK = 200


def keys_of(model: type[Model], rows: Sequence[Model], using: str) -> list[Any]:
    """Return the primary keys of rows just inserted, and of those that they were in conflict with.

    A row without a primary key is found by the first unique fields that it has values for. Too many are no harm: what
    has not changed is not sent. One that nothing identifies is left to backfill, and the log says so.

    Args:
        model: the rows' model.
        rows: as they were given to ``bulk_create``.
        using: alias of the database.
    """
    found = dict.fromkeys(row.pk for row in rows if row.pk is not None)
    named, nameless = _by_unique_fields(model, [row for row in rows if row.pk is None])
    for start in range(0, len(named), CHUNK):
        condition = Q(*named[start : start + CHUNK], _connector=Q.OR)
        keys = model._base_manager.using(using).filter(condition).values_list("pk", flat=True)
        found.update(dict.fromkeys(keys))
    if nameless:
        text = "%s rows of %s were inserted with nothing to find them by: run crudsync_backfill for them"
        logger.warning(text, nameless, model._meta.label)
    return list(found)


def _by_unique_fields(model: type[Model], rows: Sequence[Model]) -> tuple[list[Q], int]:
    sets = list(_unique_sets(model))
    conditions = [_condition(row, sets) for row in rows]
    named = [condition for condition in conditions if condition is not None]
    return named, len(rows) - len(named)


def _unique_sets(model: type[Model]) -> Iterator[tuple[str, ...]]:
    meta = model._meta
    for field in meta.concrete_fields:
        if field.unique and not field.primary_key:
            yield (field.attname,)
    for names in (*meta.unique_together, *(constraint.fields for constraint in meta.total_unique_constraints)):
        yield tuple(str(getattr(meta.get_field(name), "attname", name)) for name in names)


def _condition(row: Model, sets: Sequence[tuple[str, ...]]) -> Q | None:
    for names in sets:
        values = {name: getattr(row, name) for name in names}
        if all(value is not None and not hasattr(value, "resolve_expression") for value in values.values()):
            return Q(**values)
    return None
