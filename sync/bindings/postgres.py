"""The steps over bindings by raw SQL: PostgreSQL's fast path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connections

from sync.bindings.lanes import share
from sync.bindings.rows import Claimed, Fold, Mark, Settlement
from sync.correlation.origin import SIZE, TRACED, TRACES_SIZE
from sync.models.database import BRIEF, UNFLUSHED

FOLD = f"""
INSERT INTO crudsync_binding AS b
    (connection_id, object_type, object_id, model, lane, wanted, actor, origin, snapshot, dirty_since, due_at, state,
     seq, lease_token, leased, attempts, claims, uncertain, waits_for, code, detail)
SELECT c, t, o, m, l, w, a, g, s, coalesce(d, statement_timestamp()), statement_timestamp(), 'pending',
       1, 0, false, 0, 0, '', '', '', ''
FROM json_to_recordset(%s) AS f(n int, c bigint, t text, o text, m text, l int, w int, a text, g text, s text,
    d timestamptz)
ORDER BY n
ON CONFLICT (connection_id, object_type, object_id) DO UPDATE SET
    seq = b.seq + 1,
    lane = CASE WHEN b.due_at IS NULL THEN excluded.lane ELSE least(b.lane, excluded.lane) END,
    wanted = greatest(b.wanted, excluded.wanted),
    actor = excluded.actor,
    origin = CASE WHEN b.due_at IS NULL OR strpos(b.origin, ' ') = 0 OR excluded.origin IN ('', b.origin)
                  THEN excluded.origin
                  WHEN b.origin !~ '{TRACED}' THEN excluded.origin
                  ELSE left(left(excluded.origin || substr(b.origin, strpos(b.origin, ' ')),
                                 strpos(excluded.origin || ' ', ' ') - 1 + {TRACES_SIZE}), {SIZE}) END,
    snapshot = coalesce(excluded.snapshot, b.snapshot),
    dirty_since = coalesce(b.dirty_since, excluded.dirty_since),
    due_at = CASE WHEN b.state = 'in_doubt' THEN b.due_at
                  WHEN b.state IN ('held', 'synced', 'absent') AND NOT b.leased
                  THEN greatest(statement_timestamp(), b.rests_until)
                  ELSE coalesce(b.due_at, greatest(statement_timestamp(), b.rests_until)) END,
    attempts = CASE WHEN b.state IN ('dead', 'held') THEN 0 ELSE b.attempts END,
    claims = CASE WHEN b.state IN ('dead', 'held') THEN 0 ELSE b.claims END,
    code = CASE WHEN b.state IN ('dead', 'held', 'synced', 'absent') THEN '' ELSE b.code END,
    detail = CASE WHEN b.state IN ('dead', 'held', 'synced', 'absent') THEN '' ELSE b.detail END,
    state = CASE WHEN b.state IN ('dead', 'held', 'synced', 'absent') THEN 'pending' ELSE b.state END
"""  # noqa: S608 - numbers of ours
"""The origin is that of the last change, with the traces of those before it that were not sent yet."""

URGE = """
UPDATE crudsync_binding SET due_at = statement_timestamp(), attempts = 0
WHERE id IN (
    SELECT b.id FROM crudsync_binding b
    JOIN json_to_recordset(%s) AS f(c bigint, t text, o text)
        ON b.connection_id = f.c AND b.object_type = f.t AND b.object_id = f.o
    WHERE b.due_at > statement_timestamp() AND NOT b.leased
    ORDER BY b.connection_id, b.object_type, b.object_id FOR UPDATE OF b)
"""

LANE = """
    lane{n} AS (SELECT id, lane, leased OR claims > 0 AS leased, due_at FROM crudsync_binding
        WHERE connection_id = %s AND lane = {n} AND due_at <= statement_timestamp(){more}
        ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)"""

DUE = "WITH {lanes} {all}"
SOUND = " AND attempts = 0 AND claims = 0 AND NOT leased"

STEP = "1 + floor(random() * 1000000000)::bigint"
"""How a fencing token rises. Not by one: a claim need not outlive a crash of the server, and the same number, given out
again after it, would let in a worker that remembers the first time."""

COLUMNS = (
    "id, connection_id, object_type, object_id, model, remote_id, remote_version, sent, seen, wanted, seq, lane, "
    "lease_token, attempts, claims, uncertain, intent, snapshot, waits_for, actor, origin, dirty_since"
)
CLAIMED = tuple(COLUMNS.split(", "))

LEASE = f"""
UPDATE crudsync_binding SET lease_token = lease_token + {STEP}, claims = claims + 1, leased = true,
    due_at = statement_timestamp() + make_interval(secs => %s)
WHERE id = ANY(%s) AND {UNFLUSHED}
RETURNING {COLUMNS}, due_at, statement_timestamp()
"""  # noqa: S608 - constants of ours

FEW = 8
"""So many due objects are leased in one step: on an idle system that is all of them."""

LEASE_FEW = f"""
WITH {{lanes}},
    due AS MATERIALIZED ({{all}}),
    few AS (SELECT count(*) AS n, count(*) <= %s AND NOT coalesce(bool_or(leased), false) AS yes FROM due),
    taken AS (
        UPDATE crudsync_binding SET lease_token = lease_token + {STEP}, claims = claims + 1, leased = true,
            due_at = statement_timestamp() + make_interval(secs => %s)
        WHERE id = ANY(ARRAY(SELECT id FROM due)) AND (SELECT yes FROM few) AND {UNFLUSHED}
        RETURNING {COLUMNS}, due_at, statement_timestamp())
SELECT (SELECT n FROM few), taken.* FROM (SELECT 1) AS one LEFT JOIN taken ON true ORDER BY taken.lane, taken.id
"""  # noqa: S608 - constants of ours

LOCKED = f"""
    locked AS MATERIALIZED (
        SELECT id FROM crudsync_binding WHERE id = ANY(%s) AND {BRIEF}
        ORDER BY connection_id, object_type, object_id FOR UPDATE)
"""  # noqa: S608 - a constant of ours
"""In lock order; by an array, so that a table without statistics is not read as a whole."""

MARK = f"""
{LOCKED},
    marked AS (
        UPDATE crudsync_binding b SET uncertain = v.u, intent = v.i
        FROM json_to_recordset(%s) AS v(id bigint, token bigint, u text, i text)
        WHERE b.id = ANY(%s) AND b.id = v.id AND b.lease_token = v.token AND b.id IN (SELECT id FROM locked)
        RETURNING b.id)
"""  # noqa: S608 - a constant of ours
"""The common table expressions of :func:`marking`; ``marked`` holds the ids still under our lease."""

SETTLE = f"""
WITH {LOCKED}
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
    dirty_since = CASE WHEN NOT v.synced THEN b.dirty_since
                       WHEN v.due IS NOT NULL AND (b.seq <> v.seq OR v.state NOT IN ('synced', 'absent'))
                       THEN b.dirty_since
                       WHEN b.seq <> v.seq THEN statement_timestamp() ELSE NULL END,
    synced_at = CASE WHEN v.synced THEN statement_timestamp() ELSE b.synced_at END,
    cause_id = CASE WHEN v.synced THEN NULL
                    WHEN b.seq <> v.seq AND v.again THEN b.cause_id ELSE coalesce(v.cause, b.cause_id) END,
    ignored = CASE WHEN v.synced THEN ''
                   WHEN b.seq <> v.seq AND v.again THEN b.ignored
                   WHEN v.cause <> b.cause_id THEN '' ELSE b.ignored END
FROM json_to_recordset(%s) AS v(
    id bigint, token bigint, seq bigint, remote_id text, version text, sent text, seen text, uncertain text,
    intent text, wanted int, attempts int, claims int, state text, code text, detail text, waits_for text,
    due float8, rests float8, lane int, synced bool, again bool, cause bigint)
WHERE b.id = ANY(%s) AND b.id = v.id AND b.lease_token = v.token AND b.id IN (SELECT id FROM locked)
RETURNING b.id
"""  # noqa: S608


def fold(rows: Sequence[Fold], using: str) -> None:
    """Upsert one binding a row; rows are unique by key and in lock order."""
    values = [
        {
            "n": place,
            "c": r.connection_id,
            "t": r.object_type,
            "o": r.object_id,
            "m": r.model,
            "l": int(r.lane),
            "w": int(r.wanted),
            "a": r.actor,
            "g": r.origin,
            "s": r.snapshot,
            "d": r.dirty_since.isoformat() if r.dirty_since else None,
        }
        for place, r in enumerate(rows)
    ]
    urgent = [{"c": r.connection_id, "t": r.object_type, "o": r.object_id} for r in rows if r.urgent]
    with connections[using].cursor() as cursor:
        cursor.execute(FOLD, [json.dumps(values)])
        if urgent:
            cursor.execute(URGE, [json.dumps(urgent)])


def claim(
    connection_id: int, limit: int, lease_s: float, using: str, *, lanes: Sequence[int], sound: bool = False
) -> list[Claimed]:
    """Lease up to ``limit`` due bindings; one alone where its last lease ran out. ``sound``: none that has failed."""
    with connections[using].cursor() as cursor:
        cursor.execute(_due(lanes, DUE, SOUND if sound else ""), [connection_id, limit] * len(lanes))
        due = share(cursor.fetchall(), limit)
        if not due:
            return []
        lone = bool(due[0][2])
        cursor.execute(LEASE, [lease_s, [row[0] for row in due]])
        order = {row[0]: place for place, row in enumerate(due)}
        rows = sorted(cursor.fetchall(), key=lambda row: order[row[0]])
    return [_claimed(row, lone) for row in rows]


def claim_few(
    connection_id: int, limit: int, lease_s: float, using: str, *, lanes: Sequence[int]
) -> list[Claimed] | None:
    """Lease what is due in one statement, where it is few and no lease has run out; None where it is not so."""
    limit = min(limit, FEW)
    with connections[using].cursor() as cursor:
        cursor.execute(_due(lanes, LEASE_FEW), [*[connection_id, limit + 1] * len(lanes), limit, lease_s])
        rows = cursor.fetchall()
    if rows[0][1] is None:
        return None if rows[0][0] else []
    return [_claimed(row[1:], lone=False) for row in rows]


def marking(marks: Sequence[Mark]) -> tuple[str, list[Any]]:
    """Return what notes doubts and intents, as expressions to put before a statement of the same commit.

    Returns:
        SQL for a WITH clause, whose ``marked`` holds the ids still under our lease, and its parameters.
    """
    values = [{"id": m.claim.id, "token": m.claim.lease_token, "u": m.uncertain, "i": m.intent} for m in marks]
    ids = [m.claim.id for m in marks]
    return MARK, [ids, json.dumps(values), ids]


def mark(marks: Sequence[Mark], using: str) -> set[int]:
    """Note doubts and intents; return the ids still under our lease."""
    sql, params = marking(marks)
    with connections[using].cursor() as cursor:
        cursor.execute(f"WITH {sql} SELECT id FROM marked", params)  # noqa: S608
        return {row[0] for row in cursor.fetchall()}


def settle(rows: Sequence[Settlement], using: str) -> set[int]:
    """Apply settlements whose lease is still ours; return their ids."""
    values = [
        {
            "id": r.claim.id,
            "token": r.claim.lease_token,
            "seq": r.claim.seq,
            "remote_id": r.remote_id,
            "version": r.remote_version,
            "sent": r.sent,
            "seen": r.seen,
            "uncertain": r.uncertain,
            "intent": r.intent,
            "wanted": int(r.wanted),
            "attempts": r.attempts,
            "claims": r.claims,
            "state": str(r.state),
            "code": r.code,
            "detail": r.detail,
            "waits_for": r.waits_for,
            "due": r.due_s,
            "rests": r.rests_s,
            "lane": int(r.lane),
            "synced": r.synced,
            "again": r.again,
            "cause": r.cause,
        }
        for r in rows
    ]
    with connections[using].cursor() as cursor:
        ids = [r.claim.id for r in rows]
        cursor.execute(SETTLE, [ids, json.dumps(values), ids])
        return {row[0] for row in cursor.fetchall()}


def _due(lanes: Sequence[int], statement: str, more: str = "") -> str:
    """A statement over what is due in these lanes, each in the order of its due times."""
    every = " UNION ALL ".join(f"SELECT id, lane, leased FROM lane{int(n)}" for n in lanes)  # noqa: S608 - ours
    return statement.format(lanes=",".join(LANE.format(n=int(n), more=more) for n in lanes), all=every)


def _claimed(row: tuple[Any, ...], lone: bool) -> Claimed:
    return Claimed(**dict(zip(CLAIMED, row, strict=False)), lone=lone, until=row[-2], now=row[-1])
