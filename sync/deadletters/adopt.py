"""Open letters for what got stuck outside a settlement, or while a cause could not be recorded."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

from django.db import Error
from django.db.models import F, OuterRef, Q, Subquery

from sync import bindings
from sync.bindings import Letter
from sync.deadletters.causes import record
from sync.deadletters.trouble import Trouble
from sync.models import STUCK, Binding, Operation, Status
from sync.models.database import alias
from sync.secrets import trace

logger = logging.getLogger("crudsync.deadletters")

CHUNK = 1000


def adopt(binding_ids: Collection[int] | None = None) -> int:
    """Name a cause for every object that is held, in doubt or dead and names none, or one of another code.

    Errors of the database are logged: the next one who looks opens what is left.

    Args:
        binding_ids: only among these; None: among all, a thousand at a time.

    Returns:
        How many letters were opened.
    """
    try:
        return _adopt(binding_ids)
    except Error as error:
        logger.warning("letters were not opened\n%s", trace(error))
        return 0


def _adopt(binding_ids: Collection[int] | None) -> int:
    rows = Binding.objects.using(alias()).filter(Q(cause__isnull=True) | ~Q(cause__code=F("code")), state__in=STUCK)
    rows = rows.exclude(code=bindings.UNLINKED)  # somebody's decision, no failure
    if binding_ids is not None:
        rows = rows.filter(pk__in=list(binding_ids))
    newest = Operation.objects.using(alias()).filter(binding=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    rows = rows.only("connection", "code", "detail", "lease_token", "seq").annotate(newest=Subquery(newest))
    total, last = 0, 0
    while page := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        letters = [
            Letter(id=row.pk, lease_token=row.lease_token, seq=row.seq, cause=cause)
            for row, cause in zip(page, record(_troubles(page)), strict=True)
            if cause is not None
        ]
        total += bindings.blame(letters)
        last = page[-1].pk
    return total


def _troubles(rows: Sequence[Any]) -> list[Trouble]:
    """The reason of each, with the status of the answer that it came from."""
    shown = Operation.objects.using(alias()).only("status", "status_code", "code", "detail")
    newest = shown.in_bulk([row.newest for row in rows if row.newest is not None])
    return [
        Trouble(
            connection_id=row.connection_id,
            code=row.code,
            status_code=_status(row, newest.get(row.newest)),
            message=row.detail,
        )
        for row in rows
    ]


def _status(row: Binding, attempt: Operation | None) -> int:
    """Return the status of its newest attempt, 0 where something else is the reason: a hook, a rule, a person."""
    if attempt is None or attempt.status not in (Status.FAILED, Status.UNKNOWN):
        return 0
    from_there = attempt.code == row.code or (row.detail and attempt.detail == row.detail)
    return attempt.status_code if from_there else 0
