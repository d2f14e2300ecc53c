"""Ask for something of objects: a whole push, a verifying read, a delete. Never lowers what was asked before."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import F, Q

from sync.bindings.leases import fold
from sync.bindings.rows import Fold
from sync.bindings.stale import FIRST, ROWLESS
from sync.correlation.origin import here
from sync.exceptions import ObjectBusy
from sync.models import Binding, State
from sync.models.clock import now
from sync.models.database import alias, in_transaction
from sync.types import Lane, Wanted

CHUNK = 1000
LONGEST = 200
"""Of an object id, in characters."""


def ask(
    connection_id: int,
    object_type: str,
    object_ids: Iterable[str],
    *,
    wanted: int = Wanted.PUSH,
    lane: int = Lane.BULK,
    actor: str = "",
    reason: str = "",
    model: str = "",
    urgent: bool = False,
) -> int:
    """Ask for something of these objects, as a change would: ``seq`` rises, and they become due.

    Args:
        connection_id: the connection.
        object_type: its object type.
        object_ids: local primary keys as text; missing bindings are made.
        wanted: a ``Wanted``; a lower one than was asked before changes nothing.
        lane: the lane of what is not due yet.
        actor: who asks.
        reason: why; kept with the actor, for the history.
        model: label of the model, for bindings that are made.
        urgent: due at once, also out of a backoff.

    Returns:
        How many objects were asked for.
    """
    using = alias()
    who = f"{actor} ({reason})" if actor and reason else actor or reason
    total = 0
    for chunk in _chunks(object_ids):
        rows = [
            Fold(
                connection_id=connection_id,
                object_type=object_type,
                object_id=object_id,
                model=model,
                lane=lane,
                wanted=wanted,
                actor=who[:150],
                urgent=urgent,
            )
            for object_id in chunk
        ]
        total += len(in_transaction(lambda rows=rows: fold(rows, using), using))  # type: ignore[misc]
    return total


def ensure(
    connection_id: int,
    object_type: str,
    object_ids: Sequence[str],
    *,
    model: str,
    actor: str = "",
    origin: str | None = None,
) -> int:
    """Make bindings, due now, for the objects that have none; those that have one are left as they are.

    ``origin`` is that of whoever calls, unless given.

    Returns:
        How many were made.
    """
    using = alias()
    bindings = Binding.objects.using(using).filter(connection_id=connection_id, object_type=object_type)
    there = set(bindings.filter(object_id__in=object_ids).values_list("object_id", flat=True))
    missing = sorted(set(object_ids) - there)
    at = now(using)
    rows = [
        Binding(
            connection_id=connection_id,
            object_type=object_type,
            object_id=object_id,
            model=model,
            actor=actor,
            origin=here() if origin is None else origin,
            due_at=at,
            dirty_since=at,
        )
        for object_id in missing
    ]
    Binding.objects.using(using).bulk_create(rows, ignore_conflicts=True, batch_size=200)
    return len(rows)


def resolve(binding_id: int, *, remote_id: str | None, actor: str = "") -> bool:
    """Settle a doubt by a person's word: the create arrived under ``remote_id``, or (None) it never did.

    Under a fencing token of its own: whatever an older lease brings to an end is void.

    Returns:
        False where the binding is not held in doubt.

    Raises:
        ObjectBusy: somebody is sending it now.
    """
    using = alias()
    at = now(using)
    doubtful = Binding.objects.using(using).filter(pk=binding_id, state=State.IN_DOUBT)
    held = Q(leased=True, due_at__gt=at)
    ended = bool(
        doubtful.exclude(held).update(
            uncertain="",
            intent=None,
            remote_id=remote_id,
            sent=None,
            state=State.PENDING,
            attempts=0,
            claims=0,
            leased=False,
            lease_token=F("lease_token") + 1,
            code="",
            detail="",
            actor=actor[:150],
            origin=here(),
            due_at=at,
        )
    )
    if not ended and doubtful.filter(held).exists():
        raise ObjectBusy("the doubtful object is being sent at this moment", hint="look again once that has ended")
    return ended


def name_row(binding_id: int, object_id: str, *, uncertain: str = "", after_s: float | None = None) -> bool:
    """Give the binding of an object that was created at the remote first the key of its row, and end its schedule.

    Args:
        binding_id: the binding.
        object_id: the row's primary key as text.
        uncertain: what may land yet.
        after_s: seconds until it is looked at once more, None where it need not be.

    Returns:
        False where another worker has done so.
    """
    using = alias()
    rows = Binding.objects.using(using).filter(pk=binding_id, object_id__startswith=FIRST)
    values: dict[str, Any] = {"due_at": None, "state": State.SYNCED, "dirty_since": None, "code": "", "detail": ""}
    if after_s is not None:
        values |= {"uncertain": uncertain, "due_at": now(using) + dt.timedelta(seconds=after_s), "lane": Lane.RETRY}
    return bool(rows.update(object_id=object_id, cause=None, ignored="", **values))


def forget_first(connection_id: int, object_type: str, object_id: str) -> None:
    """Forget an object that was to be created at the remote first, where it surely was not."""
    if object_id.startswith(FIRST):
        rows = Binding.objects.using(alias()).filter(connection_id=connection_id, object_type=object_type)
        rows.filter(object_id=object_id, intent__isnull=True, remote_id__isnull=True, leased=False).delete()


def by_remote_id(connection_id: int, object_type: str, remote_id: str, model: str) -> str:
    """Return the object id of whatever is bound to a remote id, binding the bare remote id where nothing is."""
    row, _ = Binding.objects.using(alias()).get_or_create(
        connection_id=connection_id,
        object_type=object_type,
        remote_id=remote_id,
        defaults={"object_id": _rowless(remote_id), "model": model, "state": State.SYNCED},
    )
    return row.object_id


def _rowless(remote_id: str) -> str:
    name = f"{ROWLESS}{remote_id}"
    return name if len(name) <= LONGEST else f"{ROWLESS}{hashlib.sha256(remote_id.encode()).hexdigest()}"


def _chunks(object_ids: Iterable[str]) -> Iterable[list[str]]:
    chunk: list[str] = []
    for object_id in object_ids:
        chunk.append(str(object_id))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
