"""The steps over bindings by raw SQL: PostgreSQL's fast path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections

from sync.bindings.lanes import share
from sync.bindings.rows import Claimed, Fold, Mark, Settlement

FOLD = """
INSERT INTO crudsync_binding AS b
    (connection_id, object_type, object_id, model, lane, wanted, actor, snapshot, dirty_since, due_at, state,
     seq, lease_token, leased, attempts, claims, uncertain, waits_for, code, detail)
SELECT c, t, o, m, l, w, a, s, coalesce(d, statement_timestamp()), statement_timestamp(), 'pending',
       1, 0, false, 0, 0, '', '', '', ''
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::int[], %s::int[], %s::text[], %s::text[],
            %s::timestamptz[], %s::bool[]) AS f(c, t, o, m, l, w, a, s, d, u)
ON CONFLICT (connection_id, object_type, object_id) DO UPDATE SET
    seq = b.seq + 1,
    lane = CASE WHEN b.due_at IS NULL THEN excluded.lane ELSE least(b.lane, excluded.lane) END,
    wanted = greatest(b.wanted, excluded.wanted),
    actor = excluded.actor,
    snapshot = coalesce(excluded.snapshot, b.snapshot),
    dirty_since = coalesce(b.dirty_since, excluded.dirty_since),
    due_at = CASE WHEN b.state = 'in_doubt' THEN b.due_at
                  ELSE coalesce(b.due_at, greatest(statement_timestamp(), b.rests_until)) END,
    attempts = CASE WHEN b.state IN ('dead', 'held') THEN 0 ELSE b.attempts END,
    claims = CASE WHEN b.state IN ('dead', 'held') THEN 0 ELSE b.claims END,
    code = CASE WHEN b.state IN ('dead', 'held', 'synced', 'absent') THEN '' ELSE b.code END,
    detail = CASE WHEN b.state IN ('dead', 'held', 'synced', 'absent') THEN '' ELSE b.detail END,
    state = CASE WHEN b.state IN ('dead', 'held', 'synced', 'absent') THEN 'pending' ELSE b.state END
"""

URGE = """
UPDATE crudsync_binding SET due_at = statement_timestamp(), attempts = 0
WHERE id IN (
    SELECT b.id FROM crudsync_binding b
    JOIN unnest(%s::bigint[], %s::text[], %s::text[]) AS f(c, t, o)
        ON b.connection_id = f.c AND b.object_type = f.t AND b.object_id = f.o
    WHERE b.due_at > statement_timestamp() AND NOT b.leased
    ORDER BY b.connection_id, b.object_type, b.object_id FOR UPDATE OF b)
"""

LANE = """
    lane{n} AS (SELECT id, lane, leased, due_at FROM crudsync_binding
        WHERE connection_id = %s AND lane = {n} AND due_at <= statement_timestamp()
        ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)"""

DUE = "WITH" + ",".join(LANE.format(n=n) for n in range(3)) + """
SELECT * FROM lane0 UNION ALL SELECT * FROM lane1 UNION ALL SELECT * FROM lane2
"""

COLUMNS = (
    "id, connection_id, object_type, object_id, model, remote_id, remote_version, sent, seen, wanted, seq, lane, "
    "lease_token, attempts, claims, uncertain, intent, snapshot, waits_for, actor, dirty_since"
)

LEASE = f"""
UPDATE crudsync_binding SET lease_token = lease_token + 1, claims = claims + 1, leased = true,
    due_at = statement_timestamp() + make_interval(secs => %s)
WHERE id = ANY(%s)
RETURNING {COLUMNS}, due_at, statement_timestamp()
"""  # noqa: S608 - constants of ours

MARK = """
UPDATE crudsync_binding b SET uncertain = m.u, intent = m.i
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) AS m(id, token, u, i)
WHERE b.id = m.id AND b.lease_token = m.token
RETURNING b.id
"""

LOCK = """
SELECT id FROM crudsync_binding WHERE id = ANY(%s) ORDER BY connection_id, object_type, object_id FOR UPDATE
"""

SETTLE = """
UPDATE crudsync_binding b SET
    remote_id = v.remote_id, remote_version = v.version, sent = v.sent, seen = v.seen,
    uncertain = v.uncertain, intent = v.intent, claims = v.claims, waits_for = v.waits_for, leased = false,
    attempts = CASE WHEN b.seq <> v.seq AND v.again AND v.due IS NULL THEN 0 ELSE v.attempts END,
    wanted = CASE WHEN b.seq = v.seq THEN v.wanted ELSE b.wanted END,
    lane = CASE WHEN b.seq = v.seq THEN v.lane ELSE b.lane END,
    rests_until = CASE WHEN v.rests > 0 THEN statement_timestamp() + make_interval(secs => v.rests)
                       ELSE b.rests_until END,
    state = CASE WHEN b.seq <> v.seq AND v.again THEN 'pending' ELSE v.state END,
    code = CASE WHEN b.seq <> v.seq AND v.again THEN '' ELSE v.code END,
    detail = CASE WHEN b.seq <> v.seq AND v.again THEN '' ELSE v.detail END,
    due_at = CASE
        WHEN b.seq <> v.seq AND v.again THEN
            CASE WHEN v.rests > 0 THEN statement_timestamp() + make_interval(secs => v.rests)
                 ELSE greatest(statement_timestamp(), b.rests_until) END
        WHEN v.due IS NULL THEN NULL
        ELSE statement_timestamp() + make_interval(secs => v.due) END,
    dirty_since = CASE WHEN v.due IS NOT NULL OR NOT v.synced THEN b.dirty_since
                       WHEN b.seq <> v.seq THEN statement_timestamp() ELSE NULL END,
    synced_at = CASE WHEN v.synced THEN statement_timestamp() ELSE b.synced_at END
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::text[], %s::int[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::float8[], %s::float8[], %s::int[], %s::bool[], %s::bool[])
    AS v(id, token, seq, remote_id, version, sent, seen, uncertain, intent, wanted, attempts, claims, state, code,
         detail, waits_for, due, rests, lane, synced, again)
WHERE b.id = v.id AND b.lease_token = v.token
RETURNING b.id
"""


def fold(rows: Sequence[Fold], using: str) -> None:
    """Upsert one binding a row; rows are unique by key and in lock order."""
    columns: list[list[Any]] = [
        [r.connection_id for r in rows],
        [r.object_type for r in rows],
        [r.object_id for r in rows],
        [r.model for r in rows],
        [int(r.lane) for r in rows],
        [int(r.wanted) for r in rows],
        [r.actor for r in rows],
        [r.snapshot for r in rows],
        [r.dirty_since for r in rows],
        [r.urgent for r in rows],
    ]
    urgent = [r for r in rows if r.urgent]
    with connections[using].cursor() as cursor:
        cursor.execute(FOLD, columns)
        if urgent:
            cursor.execute(
                URGE,
                [
                    [r.connection_id for r in urgent],
                    [r.object_type for r in urgent],
                    [r.object_id for r in urgent],
                ],
            )


def claim(connection_id: int, limit: int, lease_s: float, using: str) -> list[Claimed]:
    """Lease up to ``limit`` due bindings; one alone where its last lease ran out."""
    with connections[using].cursor() as cursor:
        cursor.execute(DUE, [connection_id, limit] * 3)
        due = share(cursor.fetchall(), limit)
        if not due:
            return []
        lone = bool(due[0][2])
        cursor.execute(LEASE, [lease_s, [row[0] for row in due]])
        order = {row[0]: place for place, row in enumerate(due)}
        rows = sorted(cursor.fetchall(), key=lambda row: order[row[0]])
    return [_claimed(row, lone) for row in rows]


def mark(marks: Sequence[Mark], using: str) -> set[int]:
    """Note doubts and intents; return the ids still under our lease."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            MARK,
            [
                [m.claim.id for m in marks],
                [m.claim.lease_token for m in marks],
                [m.uncertain for m in marks],
                [m.intent for m in marks],
            ],
        )
        return {row[0] for row in cursor.fetchall()}


def settle(rows: Sequence[Settlement], using: str) -> set[int]:
    """Apply settlements whose lease is still ours; return their ids."""
    columns: list[list[Any]] = [
        [r.claim.id for r in rows],
        [r.claim.lease_token for r in rows],
        [r.claim.seq for r in rows],
        [r.remote_id for r in rows],
        [r.remote_version for r in rows],
        [r.sent for r in rows],
        [r.seen for r in rows],
        [r.uncertain for r in rows],
        [r.intent for r in rows],
        [int(r.wanted) for r in rows],
        [r.attempts for r in rows],
        [r.claims for r in rows],
        [str(r.state) for r in rows],
        [r.code for r in rows],
        [r.detail for r in rows],
        [r.waits_for for r in rows],
        [r.due_s for r in rows],
        [r.rests_s for r in rows],
        [int(r.lane) for r in rows],
        [r.synced for r in rows],
        [r.again for r in rows],
    ]
    with connections[using].cursor() as cursor:
        if len(rows) > 1:
            cursor.execute(LOCK, [columns[0]])
        cursor.execute(SETTLE, columns)
        return {row[0] for row in cursor.fetchall()}


def _claimed(row: tuple[Any, ...], lone: bool) -> Claimed:
    names = COLUMNS.split(", ")
    values = dict(zip(names, row, strict=False))
    return Claimed(**values, lone=lone, until=row[-2], now=row[-1])
