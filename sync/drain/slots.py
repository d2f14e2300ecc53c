"""How many drains work on a connection at once. For fairness, never for correctness."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from django.db import connections

from sync.models import Connection, Slot
from sync.models.clock import now
from sync.models.database import UNFLUSHED, alias, is_postgres

TAKE = f"""
UPDATE crudsync_slot SET holder = %s, expires_at = statement_timestamp() + make_interval(secs => %s)
WHERE id = (SELECT id FROM crudsync_slot
            WHERE connection_id = %s AND number >= %s AND number < %s AND expires_at <= statement_timestamp()
            ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED) AND {UNFLUSHED}
RETURNING id
"""  # noqa: S608 - a constant of ours

KEEP = f"""
UPDATE crudsync_slot SET holder = %s, expires_at = statement_timestamp() + make_interval(secs => %s)
WHERE id = %s AND holder = %s AND {UNFLUSHED}
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A slot that is ours until it expires or is given back."""

    id: int
    holder: str


def take(connection: Connection, ttl_s: float, task_id: str = "") -> Held | None:
    """Take a free slot for so many seconds, None where all are taken. ``task_id`` is whose it is, for :func:`free`."""
    return _take(connection, ttl_s, range(connection.drains), task_id)


def step_aside(slot: Held, connection: Connection, ttl_s: float, task_id: str = "") -> Held | None:
    """Give a slot back for the one that a connection has beside its own; None, and it is kept, where that is taken."""
    aside = _take(connection, ttl_s, range(connection.drains, connection.drains + 1), task_id)
    if aside is not None:
        give_back(slot)
    return aside


def free(task_id: str) -> None:
    """Give back what a task held whose process is known to have ended, without waiting until it expires."""
    if task_id:
        using = alias()
        held = Slot.objects.using(using).filter(holder__startswith=_of(task_id))
        held.update(holder="", expires_at=now(using))


def _of(task_id: str) -> str:
    """How the holders of a task's slots begin."""
    return f"{task_id[:40]}/"


def _take(connection: Connection, ttl_s: float, numbers: range, task_id: str) -> Held | None:
    using = alias()
    holder = _of(task_id) + secrets.token_hex(10)
    if is_postgres(using):  # in one step: a slot is taken before anything is sent
        with connections[using].cursor() as cursor:
            cursor.execute(TAKE, [holder, ttl_s, connection.pk, numbers.start, numbers.stop])
            if found := cursor.fetchone():
                return Held(id=found[0], holder=holder)
    at = now(using)
    until = at + dt.timedelta(seconds=ttl_s)
    free = Slot.objects.using(using).filter(connection=connection, number__in=numbers, expires_at__lte=at)
    for id_ in free.order_by("number").values_list("pk", flat=True):
        if Slot.objects.using(using).filter(pk=id_, expires_at__lte=at).update(holder=holder, expires_at=until):
            return Held(id=id_, holder=holder)
    return _make(connection, numbers, holder, until, using)


def extend(slot: Held, ttl_s: float) -> bool:
    """Keep the slot for so many seconds more; return False where another drain has it by now."""
    return _keep(slot, slot.holder, ttl_s)


def give_back(slot: Held) -> None:
    """Give the slot back."""
    _keep(slot, "", 0.0)


def _keep(slot: Held, holder: str, ttl_s: float) -> bool:
    using = alias()
    if is_postgres(using):
        with connections[using].cursor() as cursor:
            cursor.execute(KEEP, [holder, ttl_s, slot.id, slot.holder])
            return bool(cursor.rowcount)
    until = now(using) + dt.timedelta(seconds=ttl_s)
    return bool(
        Slot.objects.using(using).filter(pk=slot.id, holder=slot.holder).update(holder=holder, expires_at=until)
    )


def _make(connection: Connection, numbers: range, holder: str, until: dt.datetime, using: str) -> Held | None:
    slots = Slot.objects.using(using)
    there = set(slots.filter(connection=connection).values_list("number", flat=True))
    for number in numbers:
        if number in there:
            continue
        row, made = slots.get_or_create(
            connection=connection, number=number, defaults={"holder": holder, "expires_at": until}
        )
        if made:
            return Held(id=row.pk, holder=holder)
    return None
