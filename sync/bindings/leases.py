"""Fold, claim, mark and settle: which implementation runs, in which transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from types import ModuleType

from django.db import DatabaseError, connections

from sync.bindings import generic, postgres
from sync.bindings.rows import Claimed, Fold, Mark, Settlement
from sync.correlation import origin
from sync.exceptions import ObjectBusy
from sync.models import Binding
from sync.models.clock import now
from sync.models.database import alias, in_transaction, is_postgres, repeatable
from sync.types import OURSELVES, Lane


def _steps(using: str) -> ModuleType:
    return postgres if is_postgres(using) else generic


def fold(rows: Iterable[Fold], using: str = "") -> list[Fold]:
    """Merge rows of one object and upsert a binding for each, in lock order.

    Args:
        rows: in the order in which they came; later ones win where they must.
        using: alias of the database; to be called inside the transaction that removes the changes.

    Returns:
        The merged rows.
    """
    using = using or alias()
    merged: dict[tuple[int, str, str], Fold] = {}
    for row in rows:
        there = merged.get(row.key)
        merged[row.key] = row if there is None else _merged(there, row)
    ordered = sorted(merged.values(), key=lambda row: row.key)
    if ordered:
        _steps(using).fold(ordered, using)
    return ordered


def claim(
    connection_id: int, limit: int, lease_s: float, *, probe: bool = False, lanes: Sequence[int] = tuple(Lane)
) -> list[Claimed]:
    """Lease up to ``limit`` due bindings of a connection, by lane and time, committed alone.

    An object whose last lease ran out comes alone.

    Args:
        connection_id: the connection.
        limit: objects at the most.
        lease_s: seconds until the lease ends.
        probe: what is sent tells whether the connection works: an object that has not failed by itself goes first.
        lanes: only what is due in these.
    """
    using = alias()
    if limit < 1:
        return []
    steps = _steps(using)
    if probe:
        sound = in_transaction(
            lambda: steps.claim(connection_id, limit, lease_s, using, lanes=lanes, sound=True), using
        )
        if sound:
            return list(sound)
    if is_postgres(using) and (few := _few(connection_id, limit, lease_s, using, lanes)) is not None:
        return few
    rows: list[Claimed] = in_transaction(lambda: steps.claim(connection_id, limit, lease_s, using, lanes=lanes), using)
    return rows


def _few(connection_id: int, limit: int, lease_s: float, using: str, lanes: Sequence[int]) -> list[Claimed] | None:
    """The claim in one statement; None where that cannot be, or where the database asks to repeat it."""
    try:
        return postgres.claim_few(connection_id, limit, lease_s, using, lanes=lanes)
    except DatabaseError as error:
        if connections[using].in_atomic_block or not repeatable(error):
            raise
        return None


def claim_one(row: Fold, lease_s: float) -> Claimed:
    """Lease the binding of one object at once, due or not, making it where there is none.

    Raises:
        ObjectBusy: another worker holds it.
    """
    using = alias()

    def work() -> Claimed:
        fold([row], using)
        rows = Binding.objects.using(using).filter(
            connection_id=row.connection_id, object_type=row.object_type, object_id=row.object_id
        )
        binding = rows.select_for_update().get() if is_postgres(using) else rows.get()
        at = now(using)
        if binding.leased and binding.due_at is not None and binding.due_at > at:
            raise ObjectBusy(f"{row.object_type} {row.object_id} is being sent by a worker", hint="try again later")
        lone = binding.leased or binding.claims > 0
        until = at + dt.timedelta(seconds=lease_s)
        swapped = rows.filter(lease_token=binding.lease_token).update(
            lease_token=binding.lease_token + 1, claims=binding.claims + 1, leased=True, due_at=until
        )
        if not swapped:
            raise ObjectBusy(f"{row.object_type} {row.object_id} is being sent by a worker", hint="try again later")
        binding.refresh_from_db(using=using)
        return generic._claimed(binding, lone, at)

    return in_transaction(work, using)


def mark(marks: Sequence[Mark]) -> set[int]:
    """Note what is about to be in doubt, inside the journal's transaction; return the ids still ours."""
    using = alias()
    ours: set[int] = _steps(using).mark(marks, using) if marks else set()
    return ours


def settle(rows: Sequence[Settlement]) -> set[int]:
    """Apply settlements, inside the caller's transaction; return the ids whose lease was still ours.

    Raises:
        IntegrityError: two objects would hold one remote id; nothing was applied.
    """
    using = alias()
    ours: set[int] = _steps(using).settle(rows, using) if rows else set()
    return ours


def _merged(first: Fold, second: Fold) -> Fold:
    return Fold(
        connection_id=first.connection_id,
        object_type=first.object_type,
        object_id=first.object_id,
        model=second.model,
        lane=min(first.lane, second.lane),
        wanted=max(first.wanted, second.wanted),
        actor=_outranking(first.actor, second.actor),
        origin=origin.merged(first.origin, second.origin),
        snapshot=second.snapshot if second.snapshot is not None else first.snapshot,
        dirty_since=first.dirty_since or second.dirty_since,
        urgent=first.urgent or second.urgent,
    )


def _outranking(first: str, second: str) -> str:
    """The later one; but what the drain itself has saved beside an edit is no cause of its own."""
    return first if first and second in ("", OURSELVES) else second
