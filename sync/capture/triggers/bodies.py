"""What the triggers of a table do: the PL/pgSQL of each, as text.

Statement triggers with transition tables: one INSERT for all rows of a statement. They name tables with their schema,
since they run with the rights of whoever installed them, under a search path of nothing but the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync.capture.context import ACTOR_LENGTH, REASON_LENGTH
from sync.capture.lanes import BULK_FROM, lane_of
from sync.capture.lineage import children_of, concrete, links, parents_of
from sync.capture.triggers import wanted
from sync.capture.triggers.keys import columns_of, text_of
from sync.correlation import origin
from sync.models import Change, Kind
from sync.outbox.add import COLUMNS
from sync.outbox.session import ACTOR, OFF, ORIGIN, REASON
from sync.registry import model_label
from sync.secrets import is_secret_name
from sync.types import Lane

if TYPE_CHECKING:
    from django.db.models import Model

INSERT, UPDATE, DELETE, TRUNCATE = "insert", "update", "delete", "truncate"
OPERATIONS = (INSERT, UPDATE, DELETE, TRUNCATE)
NEW, OLD = "crudsync_new", "crudsync_old"

WHO = f"left(coalesce(current_setting('{ACTOR}', true), ''), {ACTOR_LENGTH})"
WHY = f"left(coalesce(current_setting('{REASON}', true), ''), {REASON_LENGTH})"
WHENCE = f"left(coalesce(current_setting('{ORIGIN}', true), ''), {origin.SIZE})"
STILL = f"IF current_setting('{OFF}', true) = 'on' THEN RETURN NULL; END IF;"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One INSERT of changes: whose they are, where they are found, and the rows of the statement behind them."""

    model: type[Model]
    key: str
    source: str
    rows: str
    kind: Kind = Kind.SAVE
    snapshot: str = "NULL"
    distinct: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A many-to-many field whose links a table holds, and the model that shows it."""

    field: Any
    shown_by: type[Model]


def tables() -> dict[type[Model], tuple[Relation, ...]]:
    """Return every model whose table needs triggers, with the relations that its rows are links of."""
    found: dict[type[Model], list[Relation]] = {}
    for model in wanted.wanted():
        for table in (model, *parents_of(model)):
            found.setdefault(table, [])
        for field in model._meta.many_to_many:
            through: Any = field.remote_field.through
            found.setdefault(concrete(through), []).append(Relation(field=field, shown_by=model))
    return {table: tuple(relations) for table, relations in found.items()}


def tables_of(model: type[Model]) -> tuple[type[Model], ...]:
    """Return the models whose tables must have triggers for one model to be captured."""
    fields: list[Any] = list(model._meta.many_to_many)
    throughs = (concrete(field.remote_field.through) for field in fields)
    return tuple(dict.fromkeys((model, *parents_of(model), *throughs)))


def body(table: type[Model], relations: tuple[Relation, ...], operation: str, schema: str) -> str:
    """Return what the trigger of a table does after one kind of statement.

    Args:
        table: the model of the table.
        relations: those that its rows are links of.
        operation: one of ``OPERATIONS``.
        schema: where the tables are.
    """
    parts = [*_own(table, operation, schema), *_linked(relations, operation, schema)]
    return " ".join([STILL, *(_insert(part, schema) for part in parts), "RETURN NULL;"])


def named(model: type[Model], schema: str) -> str:
    """Return a table's name with its schema, quoted."""
    name = model._meta.db_table
    return name if name.startswith('"') else f'"{schema}"."{name}"'


def _insert(part: Part, schema: str) -> str:
    label = model_label(part.model)
    many = f"EXISTS (SELECT FROM {part.rows} OFFSET {BULK_FROM})"
    lane = f"CASE WHEN {many} THEN {int(Lane.BULK)} ELSE {lane_of(label)} END"
    values = f"{part.key}, '{part.kind.value}', {lane}, {WHO}, {WHY}, {WHENCE}, {part.snapshot}, statement_timestamp()"
    distinct = "DISTINCT " if part.distinct else ""
    inbox = named(Change, schema)
    return f"INSERT INTO {inbox} ({COLUMNS}) SELECT {distinct}'{label}', {values} FROM {part.source};"  # noqa: S608 - names of ours


def _own(table: type[Model], operation: str, schema: str) -> Iterator[Part]:
    """The rows of the table themselves, and what of their children it shows."""
    mine = table in wanted.wanted()
    if operation == INSERT and mine:
        yield Part(model=table, key=_text(table, "n"), source=f"{NEW} n", rows=NEW)
    elif operation == UPDATE:
        same = " AND ".join(f'o."{column}" = n."{column}"' for column in columns_of(table))
        changed = f"{OLD} o FULL JOIN {NEW} n ON {same}"
        where = "WHERE (o *= n) IS NOT TRUE"  # by image: a column's type need not know equality
        if mine:
            key = f"coalesce({_text(table, 'n')}, {_text(table, 'o')})"
            yield Part(model=table, key=key, source=f"{changed} {where}", rows=NEW)
        for child in children_of(table):
            if child in wanted.wanted():
                joins, alias = _down(child, table, "n", schema)
                yield Part(model=child, key=_text(child, alias), source=f"{changed} {joins} {where}", rows=NEW)
    elif operation in (DELETE, TRUNCATE) and mine:
        rows = OLD if operation == DELETE else named(table, schema)
        shot = _snapshot(table, "o", schema)
        key = _text(table, "o")
        yield Part(model=table, key=key, source=f"{rows} o", rows=rows, kind=Kind.DELETE, snapshot=shot)


def _linked(relations: tuple[Relation, ...], operation: str, schema: str) -> Iterator[Part]:
    """Whose relations the rows are: found by the row that they link, so none of one that went with them."""
    for relation in relations:
        field, model = relation.field, relation.shown_by
        through: Any = field.remote_field.through
        link: Any = through._meta.get_field(field.m2m_field_name())
        declaring = concrete(field.model)
        rows = {
            INSERT: NEW,
            DELETE: OLD,
            UPDATE: f"(SELECT * FROM {OLD} UNION ALL SELECT * FROM {NEW})",  # noqa: S608 - names of ours
            TRUNCATE: named(concrete(through), schema),
        }[operation]
        own = f'JOIN {named(declaring, schema)} d ON d."{link.target_field.column}" = r."{link.column}"'
        joins, alias = _down(model, declaring, "d", schema)
        key = _text(model, alias)
        source = f"{rows} r {own} {joins}"
        many = {DELETE: OLD, TRUNCATE: rows}.get(operation, NEW)
        yield Part(model=model, key=key, source=source, rows=many, kind=Kind.RELATION, distinct=True)


def _down(child: type[Model], ancestor: type[Model], alias: str, schema: str) -> tuple[str, str]:
    """The joins that lead from an ancestor's row down to a child's, and what the child is called there."""
    joins = []
    for number, link in enumerate(reversed(list(links(child, ancestor)))):
        step = f"c{number}"
        joins.append(f'JOIN {named(link.child, schema)} {step} ON {step}."{link.column}" = {alias}."{link.target}"')
        alias = step
    return " ".join(joins), alias


def _snapshot(table: type[Model], alias: str, schema: str) -> str:
    """The row's own values as JSON text, and those of its parents' rows while they are there.

    By what the row has now, not by a list of columns: a migration that takes one away breaks no delete.
    """
    parts = [_values(table, alias)]
    for parent in parents_of(table):
        steps = list(links(table, parent))
        source, on = f"{named(parent, schema)} p", f'p."{steps[-1].target}"'
        for number, link in enumerate(reversed(steps[1:])):
            source += f' JOIN {named(link.child, schema)} s{number} ON s{number}."{link.column}" = {on}'
            on = f's{number}."{steps[-2 - number].target}"'
        where = f'{on} = {alias}."{steps[0].column}"'
        parts.append(f"coalesce((SELECT {_values(parent, 'p')} FROM {source} WHERE {where}), '{{}}')")  # noqa: S608 - names
    return "(" + " || ".join(parts) + ")::text"


def _values(table: type[Model], alias: str) -> str:
    fields = [
        field
        for field in table._meta.local_concrete_fields
        if not is_secret_name(field.name) and field.get_internal_type() != "BinaryField"
    ]
    names = _array(field.column for field in fields)
    numbers = _array(field.column for field in fields if field.get_internal_type() == "DecimalField")
    value = f"CASE WHEN j.key = ANY ({numbers}) THEN to_jsonb(j.value #>> '{{}}') ELSE j.value END"
    renamed = "".join(f" WHEN '{f.column}' THEN '{f.attname}'" for f in fields if f.column != f.attname)
    key = f"CASE j.key{renamed} ELSE j.key END" if renamed else "j.key"
    rows = f"jsonb_each(to_jsonb({alias})) j WHERE j.key = ANY ({names})"
    return f"coalesce((SELECT jsonb_object_agg({key}, {value}) FROM {rows}), '{{}}')"  # noqa: S608 - names of columns


def _array(names: Any) -> str:
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    return f"ARRAY[{quoted}]::text[]"


def _text(model: type[Model], alias: str) -> str:
    found = text_of(model, alias)
    if found is None:
        raise AssertionError("only models whose keys have a text form are wanted")
    return found
