"""The same steps through the ORM: SQLite, and every database without the fast path.

Where rows cannot be locked with SKIP LOCKED, a lease is taken by compare-and-swap on ``lease_token``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import connections, transaction
from django.db.models import F, Q

from sync.bindings.lanes import share
from sync.bindings.rows import Claimed, Fold, Mark, Settlement
from sync.correlation import origin
from sync.models import Binding, State
from sync.models.clock import now

REVIVED = (State.DEAD, State.HELD)
IDLE = (State.HELD, State.SYNCED, State.ABSENT)
"""States in which nobody waits for a retry: a change is sent at once, whatever else the object is due for."""

FRESH = (State.DEAD, State.HELD, State.SYNCED, State.ABSENT)


def fold(rows: Sequence[Fold], using: str) -> None:
    """Upsert one binding a row; rows are unique by key and in lock order."""
    at = now(using)
    there = _there(rows, using)
    fresh = []
    for row in rows:
        binding = there.get(row.key)
        if binding is None:
            fresh.append(_new(row, at))
        else:
            _merge(binding, row, at, using)
    Binding.objects.using(using).bulk_create(fresh, batch_size=200)


def claim(
    connection_id: int, limit: int, lease_s: float, using: str, *, lanes: Sequence[int], sound: bool = False
) -> list[Claimed]:
    """Lease up to ``limit`` due bindings; one alone where its last lease ran out. ``sound``: none that has failed."""
    at = now(using)
    due: list[tuple[Any, ...]] = []
    for lane in lanes:
        rows = Binding.objects.using(using).filter(connection_id=connection_id, lane=lane, due_at__lte=at)
        rows = rows.filter(attempts=0, claims=0, leased=False) if sound else rows
        rows = rows.annotate(alone=Q(leased=True) | Q(claims__gt=0))  # claims are left of a lease that ran out
        fields = ("id", "lane", "alone", "due_at", "lease_token")
        due.extend(rows.order_by("due_at").values_list(*fields)[:limit])
    picked = share(due, limit)
    until = at + dt.timedelta(seconds=lease_s)
    won = [row[0] for row in picked if _swap(row[0], row[4], until, using)]
    by_id = Binding.objects.using(using).in_bulk(won)
    lone = bool(picked and picked[0][2])
    return [_claimed(by_id[id_], lone, at) for id_ in won]


def mark(marks: Sequence[Mark], using: str) -> set[int]:
    """Note doubts and intents; return the ids still under our lease."""
    ours = set()
    for m in marks:
        rows = Binding.objects.using(using).filter(pk=m.claim.id, lease_token=m.claim.lease_token)
        if rows.update(uncertain=m.uncertain, intent=m.intent):
            ours.add(m.claim.id)
    return ours


def settle(rows: Sequence[Settlement], using: str) -> set[int]:
    """Apply settlements whose lease is still ours; return their ids."""
    at = now(using)
    with transaction.atomic(using=using):
        bindings = Binding.objects.using(using).filter(pk__in=[row.claim.id for row in rows])
        if connections[using].features.has_select_for_update:
            bindings = bindings.order_by("connection_id", "object_type", "object_id").select_for_update()
        found = {binding.pk: binding for binding in bindings}
        return {row.claim.id for row in rows if _apply(row, found.get(row.claim.id), at, using)}


def _there(rows: Sequence[Fold], using: str) -> dict[tuple[int, str, str], Binding]:
    groups: dict[tuple[int, str], list[str]] = {}
    for row in rows:
        groups.setdefault((row.connection_id, row.object_type), []).append(row.object_id)
    found = {}
    for (connection_id, object_type), ids in groups.items():
        bindings = Binding.objects.using(using).filter(
            connection_id=connection_id, object_type=object_type, object_id__in=ids
        )
        if connections[using].features.has_select_for_update:
            bindings = bindings.order_by("object_id").select_for_update()
        found.update({(b.connection_id, b.object_type, b.object_id): b for b in bindings})
    return found


def _new(row: Fold, at: dt.datetime) -> Binding:
    return Binding(
        connection_id=row.connection_id,
        object_type=row.object_type,
        object_id=row.object_id,
        model=row.model,
        lane=row.lane,
        wanted=row.wanted,
        actor=row.actor,
        origin=row.origin,
        snapshot=row.snapshot,
        dirty_since=row.dirty_since or at,
        due_at=at,
    )


def _merge(binding: Binding, row: Fold, at: dt.datetime, using: str) -> None:
    values: dict[str, Any] = {
        "seq": F("seq") + 1,
        "lane": row.lane if binding.due_at is None else min(binding.lane, row.lane),
        "wanted": max(binding.wanted, row.wanted),
        "actor": row.actor,
        "origin": origin.merged(binding.origin, row.origin) if binding.due_at and row.origin else row.origin,
        "dirty_since": binding.dirty_since or row.dirty_since or at,
    }
    if row.snapshot is not None:
        values["snapshot"] = row.snapshot
    idle = binding.state in IDLE and not binding.leased
    if idle or (binding.due_at is None and binding.state != State.IN_DOUBT):
        values["due_at"] = max(at, binding.rests_until or at)
    if row.urgent and binding.due_at is not None and binding.due_at > at and not binding.leased:
        values |= {"due_at": at, "attempts": 0}
    if binding.state in REVIVED:
        values |= {"attempts": 0, "claims": 0}
    if binding.state in FRESH:
        values |= {"state": State.PENDING, "code": "", "detail": ""}
    Binding.objects.using(using).filter(pk=binding.pk).update(**values)


def _swap(id_: int, lease_token: int, until: dt.datetime, using: str) -> bool:
    rows = Binding.objects.using(using).filter(Q(pk=id_, lease_token=lease_token, due_at__isnull=False))
    return bool(rows.update(lease_token=F("lease_token") + 1, claims=F("claims") + 1, leased=True, due_at=until))


def _claimed(b: Binding, lone: bool, at: dt.datetime) -> Claimed:
    return Claimed(
        id=b.pk,
        connection_id=b.connection_id,
        object_type=b.object_type,
        object_id=b.object_id,
        model=b.model,
        remote_id=b.remote_id,
        remote_version=b.remote_version,
        sent=b.sent,
        seen=b.seen,
        wanted=b.wanted,
        seq=b.seq,
        lane=b.lane,
        lease_token=b.lease_token,
        attempts=b.attempts,
        claims=b.claims,
        uncertain=b.uncertain,
        intent=b.intent,
        snapshot=b.snapshot,
        waits_for=b.waits_for,
        actor=b.actor,
        origin=b.origin,
        dirty_since=b.dirty_since,
        lone=lone,
        now=at,
        until=b.due_at or at,
    )


def _apply(row: Settlement, binding: Binding | None, at: dt.datetime, using: str) -> bool:
    if binding is None or binding.lease_token != row.claim.lease_token:
        return False
    changed = binding.seq != row.claim.seq
    values: dict[str, Any] = {
        "remote_id": row.remote_id,
        "remote_version": row.remote_version,
        "sent": row.sent,
        "seen": row.seen,
        "uncertain": row.uncertain,
        "intent": row.intent,
        "attempts": row.attempts,
        "claims": row.claims,
        "waits_for": row.waits_for,
        "leased": False,
        "state": row.state,
        "code": row.code,
        "detail": row.detail,
        "due_at": None if row.due_s is None else at + dt.timedelta(seconds=row.due_s),
    }
    rests_until = at + dt.timedelta(seconds=row.rests_s) if row.rests_s > 0 else binding.rests_until
    values["rests_until"] = rests_until
    if not changed:
        values |= {"wanted": row.wanted, "lane": row.lane}
    elif row.again:
        values |= {"state": State.PENDING, "code": "", "detail": "", "due_at": max(at, rests_until or at)}
        values["attempts"] = 0 if row.due_s is None else row.attempts
    if row.synced:
        values["synced_at"] = at
        if row.due_s is None or (not changed and row.state in (State.SYNCED, State.ABSENT)):
            values["dirty_since"] = at if changed else None
    values |= _letter(row, binding, anew=changed and row.again)
    rows = Binding.objects.using(using).filter(pk=binding.pk, lease_token=row.claim.lease_token)
    # compare-and-swap on seq as well: what folded in between must be seen
    if connections[using].features.has_select_for_update or connections[using].vendor == "sqlite":
        return bool(rows.update(**values))
    return bool(rows.filter(seq=binding.seq).update(**values))


def _letter(row: Settlement, binding: Binding, *, anew: bool) -> dict[str, Any]:
    """A dead letter closes by a success, and opens by a failure of the state that is the newest still."""
    if row.synced:
        return {"cause_id": None, "ignored": ""}
    if row.cause is None or anew:
        return {}
    another = binding.cause_id is not None and binding.cause_id != row.cause
    return {"cause_id": row.cause, **({"ignored": ""} if another else {})}
