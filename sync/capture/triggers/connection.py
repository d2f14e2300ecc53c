"""What a connection does around a write: it tells the triggers who writes, and rings for what they recorded.

No round trip is added: the settings go ahead of the statement in the same message, and only inside ``actor()``,
``no_sync()`` and requests of somebody.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from sync import wake
from sync.capture import context as circumstances
from sync.capture.record import connections_for
from sync.capture.triggers import bodies, installed, wanted
from sync.correlation import origin
from sync.models import Change
from sync.models.database import alias
from sync.outbox.session import NOTHING, SAID, SAY, Said, is_quiet
from sync.registry import model_label

COMMENTS = r"(?:(?:--[^\n]*\n|/\*.*?\*/)\s*)*"
WRITES = re.compile(rf"\s*{COMMENTS}(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|WITH)\b", re.IGNORECASE | re.DOTALL)
LONG = 20_000
"""Only so much of a statement is searched for the names of tables."""

OURS = f'INSERT INTO "{Change._meta.db_table}" '
"""How capture's own statement begins; with an object's key in each, they would fill the cache of known texts."""

OFF = Said(off=True)

_asking: ContextVar[bool] = ContextVar("crudsync.asking", default=False)


def follow() -> None:
    """Stand by every connection to our database, those that are open and those to come; touches no database."""
    _written.cache_clear()
    _names.cache_clear()
    if wanted.wanted():
        connection_created.connect(_created, dispatch_uid="crudsync.triggers")
        for connection in connections.all(initialized_only=True):
            _stand_by(connection)


def around(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
    """Execute one statement of a connection."""
    text = sql if isinstance(sql, str) else str(getattr(sql, "as_string", lambda _: "")(context["cursor"].cursor))
    if text.startswith(OURS):
        return execute(sql, params, many, context)
    labels = _written(text) if len(text) < LONG else _search(text[:LONG])
    if labels is None:
        return execute(sql, params, many, context)
    connection = context["connection"]
    said = _said(bool(labels))
    if said is NOTHING and not getattr(connection, SAID, False):
        result = execute(sql, params, many, context)
    else:
        result = _telling(said, execute, text, params, many, context)
    if not said.off:
        for label in labels:
            if installed.by_trigger(label, connection.alias):
                wake.ring_on_commit(connections_for, label, connection.alias)
    return result


def _created(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    _stand_by(connection)


def _stand_by(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "postgresql" and connection.alias == alias() and around not in connection.execute_wrappers:
        # In front: whoever adds one for a while takes the last one away again.
        connection.execute_wrappers.insert(0, around)


def _said(watched: bool) -> Said:
    if is_quiet() or not circumstances.wanted():
        return OFF
    if not watched or _asking.get():
        return NOTHING
    here, token = circumstances.current(), _asking.set(True)  # whoever is asked may read and write, too
    try:
        said = Said(actor=here.actor, reason=here.reason, origin=origin.here())
    finally:
        _asking.reset(token)
    return NOTHING if said == NOTHING else said


def _telling(
    said: Said, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Mapping[str, Any]
) -> Any:
    """Execute a statement after the settings: in one message where that can be, else in one transaction."""
    connection = context["connection"]
    inside = connection.in_atomic_block or not connection.autocommit
    setattr(connection, SAID, inside and said is not NOTHING)
    apart = many or isinstance(params, Mapping) or connection.settings_dict["OPTIONS"].get("server_side_binding")
    if not apart:
        given = said.parameters if params is None else (*said.parameters, *params)
        text = sql.replace("%", "%%") if params is None else sql
        return _last(execute(f"SELECT {SAY}; {text}", given, False, context))
    with transaction.atomic(using=connection.alias, savepoint=False):
        context["cursor"].cursor.execute(f"SELECT {SAY}", said.parameters)
        return execute(sql, params, many, context)


def _last(cursor: Any) -> Any:
    """Move to the last of several results; psycopg 2 is there already."""
    if cursor is not None and hasattr(cursor, "nextset"):
        while cursor.nextset():
            pass
    return cursor


@functools.lru_cache(maxsize=2048)
def _written(sql: str) -> tuple[str, ...] | None:
    """Django's statements are the same text again and again."""
    return _search(sql)


def _search(sql: str) -> tuple[str, ...] | None:
    """Whose changes a statement may make: None where it writes nothing."""
    if not WRITES.match(sql):
        return None
    pattern, labels = _names()
    found = dict.fromkeys(label for name in pattern.findall(sql) for label in labels[name])
    return tuple(found)


@functools.cache
def _names() -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    """The names of the tables that have triggers, and whose changes their rows are."""
    found: dict[str, tuple[str, ...]] = {}
    for table in bodies.tables():
        labels = [model_label(model) for model in wanted.wanted() if table in bodies.tables_of(model)]
        found[table._meta.db_table] = tuple(labels)
    words = "|".join(re.escape(name) for name in sorted(found, key=len, reverse=True)) or "(?!)"  # (?!) is never found
    return re.compile(rf"(?<![\w$])(?:{words})(?![\w$])"), found
