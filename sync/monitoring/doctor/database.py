"""Our database: reachable, migrated, set up for hot tables, and its clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring.doctor.finding import Finding, failed, found, warned

AREA = "database"
SLOW_MS = 250.0
OLD_TRANSACTION_S = 300
DEAD_ROWS = 100_000

OLDEST = """SELECT COALESCE(EXTRACT(EPOCH FROM max(now() - xact_start)), 0)
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"""
DEAD = """SELECT relname, n_dead_tup, n_live_tup FROM pg_stat_user_tables
WHERE relname IN ('crudsync_binding', 'crudsync_change', 'crudsync_operation')"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at the database brought; ``ahead_s`` is how far its clock is ahead of this process's."""

    vendor: str
    version: str
    took_ms: float
    ahead_s: float
    unapplied: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    oldest_s: float
    dead: tuple[tuple[str, int, int], ...]


def look() -> Seen:
    """Look at the database, on this thread's own connection.

    Raises:
        DatabaseError: it cannot be reached.
    """
    using = alias()
    connection = connections[using]
    connection.ensure_connection()
    before, began = timezone.now(), time.monotonic()
    theirs = now(using)
    took_s = time.monotonic() - began
    executor = MigrationExecutor(connection)
    targets = [key for key in executor.loader.graph.leaf_nodes() if key[0] == "crudsync"]
    unapplied = tuple(migration.name for migration, _ in executor.migration_plan(targets))
    postgres = connection.vendor == "postgresql"
    return Seen(
        vendor=connection.vendor,
        version=".".join(map(str, connection.get_database_version())),
        took_ms=round(took_s * 1000, 1),
        ahead_s=round((theirs - before).total_seconds() - took_s / 2, 3),
        unapplied=unapplied,
        settings=tuple(_settings(using)),
        oldest_s=float(_rows(OLDEST, using)[0][0]) if postgres else 0.0,
        dead=tuple((str(name), int(dead), int(live)) for name, dead, live in _rows(DEAD, using)) if postgres else (),
    )


def findings(seen: Seen) -> Iterator[Finding]:
    """Judge what was seen."""
    yield found(AREA, f"{seen.vendor} {seen.version} answers in {seen.took_ms:g} ms.")
    if seen.took_ms > SLOW_MS:
        yield warned(AREA, f"One question took {seen.took_ms:g} ms.", "Workers ask several for each batch.")
    if seen.unapplied:
        names = ", ".join(seen.unapplied)
        yield failed(AREA, f"Migrations are not applied: {names}.", "Run manage.py migrate crudsync.")
    else:
        yield found(AREA, "All migrations are applied.")
    yield from _judged(seen)
    if seen.oldest_s > OLD_TRANSACTION_S:
        words = f"A transaction has been open for {seen.oldest_s / 60:.0f} min."
        yield warned(AREA, words, "Vacuum cannot clean up behind it: see pg_stat_activity, and end it.")
    for name, dead, live in seen.dead:
        if dead > max(DEAD_ROWS, live):
            words = f"{name} holds {dead} dead rows beside {live} live ones."
            yield warned(AREA, words, "See that autovacuum runs, and that no old transaction is open.")


def _judged(seen: Seen) -> Iterator[Finding]:
    """The settings that decide whether rows are locked, cleaned up and waited for as the drain needs it."""
    given = dict(seen.settings)
    if seen.vendor == "sqlite":
        if given.get("journal_mode") != "wal":
            yield warned(AREA, "SQLite is not in WAL mode.", "Set init_command to PRAGMA journal_mode=WAL.")
        if int(given.get("busy_timeout", "0") or 0) < 1000:
            yield warned(AREA, "SQLite waits less than a second for a lock.", "Set OPTIONS['timeout'] to 20.")
        return
    if given.get("autovacuum") == "off":
        yield failed(AREA, "autovacuum is off.", "Turn it on: bindings are updated all the time.")
    if given.get("default_transaction_isolation", "read committed") != "read committed":
        level = given["default_transaction_isolation"]
        yield failed(AREA, f"Transactions run under {level}.", "Let this database role run under READ COMMITTED.")
    if given.get("default_transaction_read_only") == "on":
        yield failed(AREA, "The database is read-only.", "Point the default database at the primary.")


def _settings(using: str) -> Iterator[tuple[str, str]]:
    vendor = connections[using].vendor
    if vendor == "postgresql":
        for name in ("autovacuum", "default_transaction_isolation", "default_transaction_read_only"):
            yield name, str(_rows(f"SHOW {name}", using)[0][0])
    elif vendor == "sqlite":
        for name in ("journal_mode", "busy_timeout"):
            yield name, str(_rows(f"PRAGMA {name}", using)[0][0])


def _rows(sql: str, using: str) -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
