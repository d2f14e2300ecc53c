"""Which models the database captures by itself, as it is now: asked again every few seconds.

A trigger that is missing, disabled or outdated counts for nothing: capture in Python goes on until it is in its place.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connections

from sync.capture.triggers import bodies, wanted
from sync.models.database import alias
from sync.registry import model_label

if TYPE_CHECKING:
    from sync.capture.triggers.compiled import Registered

logger = logging.getLogger("crudsync.capture")

KNOWN_FOR_S = 5.0
"""How long a process believes what it found; whoever takes a trigger away waits for longer than that."""

THERE = """
    SELECT t.tgname, obj_description(t.oid, 'pg_trigger') FROM pg_catalog.pg_trigger t
    WHERE t.tgrelid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) name) AND t.tgenabled IN ('O', 'A')
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a database captures by itself, and when that was seen, in ``time.monotonic()`` seconds."""

    labels: frozenset[str]
    at: float


_found: dict[str, Found] = {}
_registered: list[Registered] = []
_hashes: dict[str, str] = {}


def by_trigger(label: str, using: str) -> bool:
    """Return whether the database itself records the changes of a model.

    Costs one small query every few seconds, and nothing where no object type asks for triggers.
    """
    if label not in wanted.labels():
        return False
    found = _found.get(using)
    if found is None or time.monotonic() - found.at > KNOWN_FOR_S:
        if using != alias():
            return False
        found = refresh(using)
    return label in found.labels


def refresh(using: str) -> Found:
    """Look which triggers are in their place."""
    there = hashes_there(using)
    labels = frozenset(model_label(model) for model in wanted.wanted() if _complete(model, there))
    before = _found.get(using)
    missing = sorted(wanted.labels() - labels)
    if missing and (before is None or before.labels != labels):
        text = "triggers of %s are missing or outdated, so capture in Python goes on: run crudsync_triggers install"
        logger.warning(text, ", ".join(missing))
    _found[using] = Found(labels, time.monotonic())
    return _found[using]


def hashes_there(using: str) -> dict[str, str]:
    """Return the hashes of the triggers in their places, by their names in the database."""
    connection = connections[using]
    tables = [connection.ops.quote_name(table._meta.db_table) for table in bodies.tables()]
    with connection.cursor() as cursor:
        cursor.execute(THERE, [tables])
        return dict(cursor.fetchall())


def hash_of(entry: Registered) -> tuple[str, str]:
    """Return a trigger's name in the database, and its hash as it should be."""
    table, trigger = entry
    name = trigger.get_pgid(table)
    if name not in _hashes:
        _hashes[name] = trigger.compile(table).hash
    return name, _hashes[name]


def registered() -> list[Registered]:
    """Return every trigger that should be installed, with the model of its table."""
    return _registered


def enter() -> None:
    """Make the triggers anew of what is registered, and forget what was found; touches no database."""
    wanted.forget()
    _found.clear()
    _hashes.clear()
    if not wanted.wished() and not _registered:
        return
    _registered.clear()
    if wanted.wanted():
        from sync.capture.triggers import compiled

        _registered.extend(compiled.triggers())
        compiled.enter(_registered)


def _complete(model: type, there: dict[str, str]) -> bool:
    needed = set(bodies.tables_of(model))
    own = [hash_of(entry) for entry in _registered if entry[0] in needed]
    return bool(own) and all(there.get(name) == value for name, value in own)
