"""Objects by connection and state, counted in one query that looks at a bounded number of rows of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections

from sync.models import STUCK
from sync.models.database import is_postgres
from sync.types import Lane

COUNTED = 10_000
"""No count goes beyond this, nor looks at many more rows; a count that reaches it is shown as ``10000+``."""

OBJECTS = "SELECT state, dirty_since FROM crudsync_binding b WHERE b.connection_id = {of}"
STATES = OBJECTS.replace("dirty_since", "CAST(NULL AS {time}) AS dirty_since")  # an index has the rest
HELD = ", ".join(f"'{state.value}'" for state in STUCK)
DUE = [f"{OBJECTS} AND b.lane = {int(lane)} AND b.due_at IS NOT NULL ORDER BY b.due_at" for lane in Lane]
STANDING = f"{STATES} AND b.state IN ({HELD}) AND b.due_at IS NULL"
STUCK_OPEN = f"{STANDING} AND b.ignored = ''"
STUCK_IGNORED = f"{STANDING} AND b.ignored <> ''"
"""Each is read in the order of an index, so that nothing is sorted and no more is read than is counted."""

AMONG = "SELECT state, dirty_since, due_at FROM crudsync_binding b WHERE b.connection_id = {of} LIMIT {among}"
SYNCED = f"SELECT state, dirty_since FROM ({AMONG}) AS b WHERE b.state = 'synced' AND b.due_at IS NULL"  # noqa: S608 - constants
LOOKED_AT = 5
"""No index has what is synced: it is counted among so many times as many objects as are counted at the most. Where all
of these are something else, as in the middle of a backfill, there may be more than is said."""

KINDS = [*(("due", lane) for lane in DUE), ("open", STUCK_OPEN)]

COUNT = "(SELECT state, count(*) AS n, min(dirty_since) AS since FROM ({rows} LIMIT {most}) AS few GROUP BY state)"
LATERAL = """SELECT '{kind}', c.id, f.state, f.n, f.since FROM crudsync_connection c CROSS JOIN LATERAL {count} AS f
WHERE c.id = ANY(%(ids)s)"""
ONE_BY_ONE = "SELECT '{kind}', {id}, f.state, f.n, f.since FROM {count} AS f"

TOGETHER = 50
"""Connections in one query where each needs a part of its own: SQLite takes 500 parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heap:
    """Objects of one connection in one state: ``due``, or stuck and ``open`` or ``ignored``, or ``synced``.

    ``since`` is the time of the oldest change among them.
    """

    kind: str
    state: str
    count: int
    since: dt.datetime | None


def heaps(
    connection_ids: Sequence[int], using: str, *, most: int, ignored: bool, synced: bool
) -> dict[int, list[Heap]]:
    """Return the objects that are due or stuck, by connection id.

    Args:
        connection_ids: whose.
        using: alias of the database.
        most: no count goes beyond it.
        ignored: count what is stuck and ignored, too.
        synced: count what is synced, too.
    """
    kinds = list(KINDS)
    kinds += [("ignored", STUCK_IGNORED)] if ignored else []
    kinds += [("synced", SYNCED)] if synced else []
    found: dict[int, list[Heap]] = {}
    for sql, params in _queries(connection_ids, kinds, most, using):
        with connections[using].cursor() as cursor:
            cursor.execute(sql, params)
            for kind, connection_id, state, count, since in cursor.fetchall():
                heap = Heap(kind=kind, state=state, count=count, since=_moment(since))
                found.setdefault(connection_id, []).append(heap)
    return found


def _queries(ids: Sequence[int], kinds: Sequence[tuple[str, str]], most: int, using: str) -> Iterator[tuple[str, Any]]:
    if not ids:
        return
    if is_postgres(using):
        parts = [LATERAL.format(kind=kind, count=_counted(rows, "c.id", most, "timestamptz")) for kind, rows in kinds]
        yield " UNION ALL ".join(parts), {"ids": list(ids)}
        return
    for first in range(0, len(ids), TOGETHER):
        yield (
            " UNION ALL ".join(
                ONE_BY_ONE.format(kind=kind, id=int(id_), count=_counted(rows, int(id_), most, "datetime"))
                for id_ in ids[first : first + TOGETHER]
                for kind, rows in kinds
            ),
            None,
        )


def _counted(rows: str, of: int | str, most: int, time: str) -> str:
    return COUNT.format(rows=rows.format(of=of, time=time, among=LOOKED_AT * most), most=most)


def _moment(found: Any) -> dt.datetime | None:
    """A time as the database's own driver gives it: SQLite's is text."""
    at = dt.datetime.fromisoformat(found) if isinstance(found, str) else found
    return at.replace(tzinfo=dt.UTC) if at is not None and at.tzinfo is None else at
