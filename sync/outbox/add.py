"""Insert changes: in the writer's own transaction, by raw SQL, one INSERT a save."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from sync.correlation import origin
from sync.models import Change, Kind
from sync.models.clock import now
from sync.models.database import is_postgres

WORD = re.compile(r"[\w.]+")
PLAIN = re.compile(r"[0-9A-Za-z-]+")
"""A number, a UUID: what needs no quoting stands in the statement, since binding a parameter costs more than that."""

TABLE = Change._meta.db_table
COLUMNS = "model, object_id, kind, lane, actor, reason, origin, snapshot, created_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change to be inserted; the fields are those of the row. ``origin`` is that of the writer, unless given."""

    model: str
    object_id: str
    kind: str = Kind.SAVE.value
    lane: int = 0
    actor: str = ""
    reason: str = ""
    origin: str = field(default_factory=origin.here)
    snapshot: str | None = None


def add(entry: Entry, using: str) -> None:
    """Insert one change.

    Args:
        entry: what changed.
        using: alias of the database in whose open transaction it is inserted.
    """
    bare = not (entry.actor or entry.reason or entry.snapshot)
    sql, clock = _insert(using, entry.model, entry.kind, entry.lane, bare)
    with connections[using].cursor() as cursor:
        if bare and clock and PLAIN.fullmatch(entry.object_id) and (not entry.origin or origin.fits(entry.origin)):
            cursor.execute(sql % (f"'{entry.object_id}'", f"'{entry.origin}'"))
            return
        said: tuple[Any, ...] = (entry.origin,) if bare else (entry.actor, entry.reason, entry.origin, entry.snapshot)
        cursor.execute(sql, (entry.object_id, *said) if clock else (entry.object_id, *said, now(using)))


def add_many(entries: Sequence[Entry], using: str) -> None:
    """Insert many changes, in as few statements as the database takes."""
    if not entries:
        return
    if is_postgres(using):
        _add_by_unnest(entries, using)
        return
    at = now(using)
    Change.objects.using(using).bulk_create(
        [
            Change(
                model=e.model,
                object_id=e.object_id,
                kind=e.kind,
                lane=e.lane,
                actor=e.actor,
                reason=e.reason,
                origin=e.origin,
                snapshot=e.snapshot,
                created_at=at,
            )
            for e in entries
        ],
        batch_size=500,
    )


@functools.lru_cache(maxsize=1024)
def _insert(using: str, model: str, kind: str, lane: int, bare: bool) -> tuple[str, bool]:
    """The INSERT of one change, and whether the database itself fills in the time.

    What is the same for every save of a model stands in it as it is: each parameter less is time off every save.

    Args:
        using: alias of the database.
        model: label of the model.
        kind: of the change.
        lane: of the change.
        bare: nobody is named, and there is no snapshot.
    """
    clock = is_postgres(using)
    moment = "statement_timestamp()" if clock else "%s"
    table = connections[using].ops.quote_name(Change._meta.db_table)
    rest = "'', '', %s, NULL" if bare else "%s, %s, %s, %s"
    values = f"{_literal(model)}, %s, {_literal(kind)}, {int(lane)}, {rest}, {moment}"
    return f"INSERT INTO {table} ({COLUMNS}) VALUES ({values})", clock  # noqa: S608 - a label and words of ours


def _literal(word: str) -> str:
    """A label or a word of ours in SQL, where the text is a format too."""
    if not WORD.fullmatch(word):
        raise ValueError(f"{word!r} is no label")
    return f"'{word}'"


def _add_by_unnest(entries: Sequence[Entry], using: str) -> None:
    sql = (
        f"INSERT INTO {Change._meta.db_table} ({COLUMNS}) "  # noqa: S608 - a constant of ours
        "SELECT m, o, k, l, a, r, g, s, statement_timestamp() "
        "FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[]) "
        "AS t(m, o, k, l, a, r, g, s)"
    )
    columns: list[list[object]] = [
        [e.model for e in entries],
        [e.object_id for e in entries],
        [e.kind for e in entries],
        [e.lane for e in entries],
        [e.actor for e in entries],
        [e.reason for e in entries],
        [e.origin for e in entries],
        [e.snapshot for e in entries],
    ]
    with connections[using].cursor() as cursor:
        cursor.execute(sql, columns)
