"""The journal: an operation is committed before its request is sent, and completed after."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connections

from sync.models import Operation, Status
from sync.models.clock import now
from sync.models.database import alias, is_postgres

START = """
INSERT INTO crudsync_operation
    (connection_id, binding_id, object_type, object_id, verb, attempt, lease_token, seq, key, body_hash, method, url,
     request, actor, task_id, waited_ms, correlation_id, status, response, status_code, code, detail, started_at)
SELECT c, b, t, o, v, a, l, s, k, h, m, u, r, w, j, p, i, 'started', '', 0, '', '', clock_timestamp()
FROM json_to_recordset(%s) AS x(n int, c bigint, b bigint, t text, o text, v text, a int, l bigint, s bigint, k text,
    h text, m text, u text, r text, w text, j text, p float8, i text)
ORDER BY n
"""

FINISH = """
UPDATE crudsync_operation o SET status = f.s, status_code = f.n, code = f.c, detail = f.d, remote_id = f.r,
    response = f.x, duration_ms = f.ms, finished_at = clock_timestamp(),
    applied_ms = 1000 * extract(epoch FROM clock_timestamp() - f.since)
FROM json_to_recordset(%s) AS f(id bigint, s text, n int, c text, d text, r text, x text, ms float8, since timestamptz)
WHERE o.id = f.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """One attempt about to be sent; the fields are those of the row.

    ``waited_ms`` is how long its token has still to be waited for; None where it takes none of its own.
    """

    connection_id: int
    binding_id: int
    object_type: str
    object_id: str
    verb: str
    attempt: int
    lease_token: int
    seq: int
    key: str
    body_hash: str
    method: str
    url: str
    request: str
    actor: str
    task_id: str
    waited_ms: float | None = None
    correlation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How an attempt ended; ``detail`` and ``response`` are sanitised text.

    ``dirty_since`` is set where it made its object synced: since when that had differed from the remote.
    """

    id: int
    status: str
    status_code: int = 0
    code: str = ""
    detail: str = ""
    remote_id: str | None = None
    response: str = ""
    duration_ms: float | None = None
    dirty_since: dt.datetime | None = None


STARTED_FIELDS = (
    "connection_id",
    "binding_id",
    "object_type",
    "object_id",
    "verb",
    "attempt",
    "lease_token",
    "seq",
    "key",
    "body_hash",
    "method",
    "url",
    "request",
    "actor",
    "task_id",
    "waited_ms",
    "correlation_id",
)
START_KEYS = tuple("cbtovalskhmurwjpi")
FINISH_KEYS = ("id", "s", "n", "c", "d", "r", "x", "ms")
FINISHED_FIELDS = ("id", "status", "status_code", "code", "detail", "remote_id", "response", "duration_ms")


def starting(rows: Sequence[Started]) -> tuple[str, list[str]]:
    """Return PostgreSQL's INSERT of operations, to which a WITH and a RETURNING may be added, and its parameters."""
    values = [
        {"n": place, **{key: getattr(row, name) for key, name in zip(START_KEYS, STARTED_FIELDS, strict=True)}}
        for place, row in enumerate(rows)
    ]
    return START, [json.dumps(values)]


def start(rows: Sequence[Started]) -> list[int]:
    """Insert operations, inside the journal's transaction; return their ids in the same order."""
    using = alias()
    if not rows:
        return []
    if is_postgres(using):
        sql, params = starting(rows)
        with connections[using].cursor() as cursor:
            cursor.execute(f"{sql} RETURNING id", params)
            return [row[0] for row in cursor.fetchall()]
    at = now(using)
    made = [Operation(**{name: getattr(row, name) for name in STARTED_FIELDS}, started_at=at) for row in rows]
    if connections[using].features.can_return_rows_from_bulk_insert:
        return [row.pk for row in Operation.objects.using(using).bulk_create(made)]
    for row in made:
        row.save(using=using)
    return [row.pk for row in made]


def finish(rows: Sequence[Finished]) -> None:
    """Complete operations, inside the settlement's transaction."""
    using = alias()
    if not rows:
        return
    if is_postgres(using):
        columns = [
            {
                **{key: getattr(row, name) for key, name in zip(FINISH_KEYS, FINISHED_FIELDS, strict=True)},
                "since": row.dirty_since.isoformat() if row.dirty_since else None,
            }
            for row in rows
        ]
        with connections[using].cursor() as cursor:
            cursor.execute(FINISH, [json.dumps(columns)])
        return
    at = now(using)
    for row in rows:
        values = {name: getattr(row, name) for name in FINISHED_FIELDS if name != "id"}
        applied_ms = 1000 * (at - row.dirty_since).total_seconds() if row.dirty_since else None
        Operation.objects.using(using).filter(pk=row.id).update(**values, applied_ms=applied_ms, finished_at=at)


def left_open(binding_ids: Collection[int], lease_tokens: Collection[int]) -> set[int]:
    """Return those bindings that have an attempt which was journaled under one of these leases and never completed."""
    rows = Operation.objects.using(alias()).filter(binding_id__in=binding_ids, lease_token__in=lease_tokens)
    return set(rows.filter(status=Status.STARTED).values_list("binding_id", flat=True))


def close_leftovers(binding_ids: Collection[int]) -> int:
    """Close what a lost worker left as started: nobody knows how it ended. Return how many there were."""
    if not binding_ids:
        return 0
    using = alias()
    left = Operation.objects.using(using).filter(binding_id__in=binding_ids, status=Status.STARTED)
    return left.update(
        status=Status.UNKNOWN,
        code="worker_lost",
        detail="The worker that sent this ended before it could record the answer.",
        finished_at=now(using),
    )


def close_unsent(rows: Sequence[Started]) -> int:
    """Close what was started for these attempts already, though nothing of it was sent. Return how many there were.

    Args:
        rows: attempts that are about to be started once more.
    """
    using = alias()
    keys = {(row.binding_id, row.lease_token) for row in rows}
    left = Operation.objects.using(using).filter(
        binding_id__in=[row.binding_id for row in rows],
        lease_token__in=[row.lease_token for row in rows],
        status=Status.STARTED,
    )
    ids = [pk for pk, *key in left.values_list("pk", "binding_id", "lease_token") if tuple(key) in keys]
    unsent = Operation.objects.using(using).filter(pk__in=ids)
    return unsent.update(status=Status.NOT_SENT, code="not_sent", finished_at=now(using))
