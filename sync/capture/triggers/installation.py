"""Put the triggers into the database, look at them, and take them away without a gap."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import OperationalError, connections, transaction

from sync.capture.triggers import installed
from sync.capture.triggers.installed import KNOWN_FOR_S, hash_of, registered
from sync.models.database import alias, is_postgres

ONE_AT_A_TIME = 0x63727564
"""Key of the advisory lock that installers share."""

ATTEMPTS = 5
RETIRED = "retired"
OURS = """
    SELECT t.tgrelid::regclass::text, t.tgname, obj_description(t.oid, 'pg_trigger'), t.tgenabled
    FROM pg_catalog.pg_trigger t
    WHERE t.tgname LIKE 'pgtrigger\\_crudsync\\_%%' AND pg_catalog.pg_table_is_visible(t.tgrelid)
    ORDER BY 1, 2
"""

INSTALLED, MISSING, OUTDATED, DISABLED, LEFT_OVER = "installed", "missing", "outdated", "disabled", "left over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One trigger: its table, its name in the database, and how it stands."""

    table: str
    name: str
    state: str


def standing(using: str = "") -> list[Standing]:
    """Return how every trigger stands: those that should be there, and those that should not."""
    using = using or alias()
    if not is_postgres(using):
        return []
    there = {row[1]: row for row in _ours(using)}
    known = {}
    for entry in registered():
        name, value = hash_of(entry)
        known[name] = Standing(table=entry[0]._meta.db_table, name=name, state=_state(there.get(name), value))
    extra = [Standing(table=row[0], name=name, state=LEFT_OVER) for name, row in there.items() if name not in known]
    return [*known.values(), *extra]


def install(using: str = "", *, lock_s: float = 2.0) -> list[Standing]:
    """Install what is missing or outdated, remove what is left over, and return what was done.

    A table is locked against writers, for a moment, only where something of it is to be done.

    Args:
        using: alias of the database; default: that of our rows.
        lock_s: how long a lock on a table is waited for, seconds; five times at the most.

    Raises:
        OperationalError: the lock was not to be had.
    """
    using = using or alias()
    if not is_postgres(using):
        return []
    wrong = {one.name: one for one in standing(using) if one.state != INSTALLED}
    by_table: dict[Any, list[Any]] = {}
    for table, trigger in registered():
        if trigger.get_pgid(table) in wrong:
            by_table.setdefault(table, []).append(trigger)
    for table, triggers in by_table.items():
        _patiently(partial(_put, table, triggers, using), using, lock_s)
    left = [one for one in wrong.values() if one.state == LEFT_OVER]
    _drop(left, using, lock_s)
    installed.refresh(using)
    return list(wrong.values())


def uninstall(using: str = "", *, lock_s: float = 2.0, wait_s: float = 2 * KNOWN_FOR_S) -> list[Standing]:
    """Remove all triggers, and return which there were.

    They are marked first, and go when every process has had the time to see that: until then both they and capture in
    Python record, afterwards Python alone, and at no time nobody.

    Args:
        using: alias of the database; default: that of our rows.
        lock_s: how long a lock on a table is waited for, seconds; five times at the most.
        wait_s: how long they are left in their places after they were marked, seconds.

    Raises:
        OperationalError: the lock was not to be had.
    """
    using = using or alias()
    there = [one for one in standing(using) if one.state != MISSING]
    for one in there:
        sql = f"COMMENT ON TRIGGER {one.name} ON {one.table} IS '{RETIRED}'"
        _patiently(partial(_execute, sql, using), using, lock_s)
    if there and registered():
        installed.refresh(using)
    if any(one.state != LEFT_OVER for one in there):
        time.sleep(wait_s)
    _drop(there, using, lock_s)
    return there


def _ours(using: str) -> Iterator[tuple[str, str, str | None, str]]:
    with connections[using].cursor() as cursor:
        cursor.execute(OURS, [])
        yield from cursor.fetchall()


def _state(row: tuple[str, str, str | None, str] | None, value: str) -> str:
    if row is None:
        return MISSING
    if row[3] not in ("O", "A"):
        return DISABLED
    return INSTALLED if row[2] == value else OUTDATED


def _put(table: Any, triggers: list[Any], using: str) -> None:
    for trigger in triggers:
        compiled = trigger.compile(table)
        _execute(str(compiled.install_sql), using)
        _execute(str(compiled.enable_sql), using)


def _drop(there: list[Standing], using: str, lock_s: float) -> None:
    for one in there:
        sql = f"DROP TRIGGER IF EXISTS {one.name} ON {one.table}; DROP FUNCTION IF EXISTS {one.name}()"
        _patiently(partial(_execute, sql, using), using, lock_s)


def _patiently(work: Callable[[], None], using: str, lock_s: float) -> None:
    """Do it in a transaction that waits for locks a short while, a few times: nobody queues behind it for long."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic(using=using):
                _execute(f"SET LOCAL lock_timeout = '{int(lock_s * 1000)}ms'", using)
                _execute(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})", using)
                work()
            return
        except OperationalError:
            if attempt == ATTEMPTS or connections[using].in_atomic_block:
                raise
            time.sleep(random.uniform(0.1, lock_s))  # noqa: S311 - jitter, not a secret


def _execute(sql: str, using: str) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(sql)
