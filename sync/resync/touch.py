"""Record changes for rows that were written past capture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, transaction

from sync import outbox, wake
from sync.capture.context import asked, current
from sync.capture.lineage import children_of, concrete, parents_of
from sync.capture.record import connections_for
from sync.capture.triggers.keys import text_of
from sync.correlation import origin
from sync.exceptions import NotSyncable
from sync.models.database import alias, is_postgres
from sync.models.identity import object_id_of
from sync.registry import model_label, types_for
from sync.resync.resync import keys_of
from sync.types import Lane

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

CHUNK = 5000
"""Changes in one INSERT, where the database cannot make them by itself."""


def sync_touch(queryset: QuerySet[Any], reason: str = "") -> int:
    """Record a change for every row of a queryset, as if each had just been saved: for writes that bypassed capture.

    In your open transaction, where there is one, and gone with it if it is rolled back. Workers are rung for once,
    after the commit. The changes go in the bulk lane; what turns out to be as the remote has it is not sent.

    Args:
        queryset: rows of a registered model, however many; those that share tables with it are touched, too.
        reason: why; shown in the history, at most 200 characters.

    Returns:
        How many changes were recorded.

    Raises:
        NotSyncable: the model is not registered.
    """
    using = alias()
    asked_for: type[Model] = queryset.model
    shown = [(model, rows) for model, rows in _shown(queryset.using(using), using) if types_for(model_label(model))]
    if not shown:
        raise NotSyncable(
            f"the model {model_label(asked_for)} is not registered with any integrator",
            code="not_registered",
            hint="name the model in set_object_types() of a registered integrator",
        )
    count = 0
    here = current()
    with asked(here.ask, reason or here.reason), transaction.atomic(using=using):
        for model, rows in shown:
            plain = is_postgres(using) and text_of(model, "touched") is not None
            found = _at_once(model, rows, using) if plain else _in_chunks(model, rows, using)
            if found:
                wake.ring_on_commit(connections_for, model_label(model), using)
            count += found
    return count


def _shown(rows: QuerySet[Any], using: str) -> Iterator[tuple[type[Model], QuerySet[Any]]]:
    """The model, and those that share tables with it, each with its rows."""
    table = concrete(rows.model)
    yield table, rows
    for parent in parents_of(table):
        yield parent, parent._base_manager.using(using).filter(pk__in=rows.values(parent._meta.pk.name))
    for child in children_of(table):
        yield child, child._base_manager.using(using).filter(**{f"{table._meta.pk.name}__in": rows.values("pk")})


def _at_once(model: type[Model], rows: QuerySet[Any], using: str) -> int:
    key: Any = model._meta.pk
    names = [field.attname for field in getattr(key, "fields", None) or (key,)]
    columns = ", ".join(f'"{model._meta.get_field(name).column}"' for name in names)  # type: ignore[union-attr]
    try:
        source, given = rows.values_list(*names).query.get_compiler(using).as_sql()
    except EmptyResultSet:
        return 0
    sql = (
        f"INSERT INTO {outbox.TABLE} ({outbox.COLUMNS}) "  # noqa: S608 - names of ours
        f"SELECT DISTINCT %s, {text_of(model, 'touched')}, 'save', %s::int, %s, %s, %s, NULL::text, "
        "statement_timestamp() "
        f"FROM ({source}) AS touched({columns})"
    )
    here = current()
    with connections[using].cursor() as cursor:
        cursor.execute(sql, (model_label(model), int(Lane.BULK), here.actor, here.reason, origin.here(), *given))
        return int(cursor.rowcount)


def _in_chunks(model: type[Model], rows: QuerySet[Any], using: str) -> int:
    here, label, count = current(), model_label(model), 0
    who = here.actor
    ids: dict[str, None] = {}

    def add() -> int:
        entries = [
            outbox.Entry(model=label, object_id=each, lane=int(Lane.BULK), actor=who, reason=here.reason)
            for each in ids
        ]
        outbox.add_many(entries, using)
        ids.clear()
        return len(entries)

    for pk in keys_of(rows):
        ids[object_id_of(pk)] = None
        if len(ids) >= CHUNK:
            count += add()
    return count + add()
