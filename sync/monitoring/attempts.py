"""The attempts at one object, with what each answer means in plain words."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sync.models import Binding, Operation
from sync.models.database import alias
from sync.monitoring.codes import word
from sync.secrets import redact

BODIES = ("request", "response")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call that was made, or begun.

    Args:
        id: the operation's primary key.
        at: when it was begun; ``ended`` when its answer was recorded, None while it is under way.
        verb: create, update, delete, read or lookup.
        status: started, succeeded, failed, unknown, not_sent or stale.
        number: of the attempt, since the last success.
        seq: how often changes of the object had been taken in by then.
        merged: how often changes were taken in between the attempt before and this one; 0: the same again.
        actor: who had changed it, or asked, and why.
        method: and ``url``, without what may be secret.
        status_code: of the answer, 0 for none.
        code: what it means, a stable word.
        meaning: the code in plain words.
        detail: what the remote said.
        duration_ms: of the call, None where there was none.
        remote_id: that the answer told.
        task_id: of the Celery task.
        request: and ``response``: excerpts, empty where they are not revealed.
    """

    id: int
    at: dt.datetime
    ended: dt.datetime | None
    verb: str
    status: str
    number: int
    seq: int
    merged: int
    actor: str
    method: str
    url: str
    status_code: int
    code: str
    meaning: str
    detail: str
    duration_ms: float | None
    remote_id: str | None
    task_id: str
    request: str = ""
    response: str = ""


def attempts(row: Binding, limit: int, *, reveal: bool) -> tuple[tuple[Attempt, ...], bool]:
    """Return the newest attempts at an object, newest first, and whether there are older ones.

    Args:
        row: its binding.
        limit: attempts at the most.
        reveal: with excerpts of requests and answers.
    """
    rows = Operation.objects.using(alias()).filter(binding=row.pk).order_by("-pk")
    found = list((rows if reveal else rows.defer(*BODIES))[: limit + 1])
    before = [each.seq for each in found[1:]] + ([] if len(found) > limit else [0])
    told = tuple(_attempt(each, earlier, reveal=reveal) for each, earlier in zip(found, before, strict=False))
    return told[:limit], len(found) > limit


def _attempt(row: Operation, earlier: int, *, reveal: bool) -> Attempt:
    return Attempt(
        id=row.pk,
        at=row.started_at,
        ended=row.finished_at,
        verb=row.verb,
        status=row.status,
        number=row.attempt,
        seq=row.seq,
        merged=max(row.seq - earlier, 0),
        actor=row.actor,
        method=row.method,
        url=redact(row.url.partition("?")[0]),
        status_code=row.status_code,
        code=row.code,
        meaning=word(row.code).meaning if row.code else "",
        detail=redact(row.detail),
        duration_ms=row.duration_ms,
        remote_id=row.remote_id,
        task_id=row.task_id,
        request=redact(row.request) if reveal else "",
        response=redact(row.response) if reveal else "",
    )
