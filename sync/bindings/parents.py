"""Parents and children: the remote ids a payload needs, and who waits for whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db import connections

from sync.models import Binding, State
from sync.models.clock import now
from sync.models.database import alias

CHUNK = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What a child needs to know of its parent's binding."""

    remote_id: str | None
    waits_for: str
    state: str


def remote_ids(connection_id: int, wanted: Mapping[str, Collection[str]]) -> dict[str, Parent]:
    """Look up parents' bindings.

    Args:
        connection_id: the connection.
        wanted: object ids by object type.

    Returns:
        By ``type:object id``, those that have a binding.
    """
    found = {}
    for object_type, ids in wanted.items():
        rows = Binding.objects.using(alias()).filter(
            connection_id=connection_id, object_type=object_type, object_id__in=ids
        )
        for object_id, remote_id, waits_for, state in rows.values_list("object_id", "remote_id", "waits_for", "state"):
            found[f"{object_type}:{object_id}"] = Parent(remote_id=remote_id, waits_for=waits_for, state=state)
    return found


def wake_children(connection_id: int, names: Iterable[str]) -> int:
    """Make due whatever waits or is held for these parents, a thousand at a time.

    Args:
        connection_id: the connection.
        names: parents, each ``type:object id``.

    Returns:
        How many children are due now.
    """
    using = alias()
    names = list(names)
    total = 0
    while names:
        waiting = Binding.objects.using(using).filter(
            connection_id=connection_id, waits_for__in=names, leased=False, state__in=(State.WAITING, State.HELD)
        )
        features = connections[using].features
        rows = waiting.order_by("object_type", "object_id")
        if features.has_select_for_update and connections[using].in_atomic_block:
            rows = rows.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
        ids = list(rows.values_list("pk", flat=True)[:CHUNK])
        total += (
            Binding.objects.using(using)
            .filter(pk__in=ids, leased=False)
            .update(due_at=now(using), state=State.PENDING, waits_for="", code="", detail="")
        )
        if len(ids) < CHUNK:
            break
    return total


def wake_late(connection_id: int, names: Iterable[str]) -> int:
    """Wake the children just held for these parents where a parent reached the remote meanwhile.

    To be called in the transaction that holds the children. The parents are locked: one whose success is being
    written is waited for, and one whose success comes later finds the children.

    Args:
        connection_id: the connection.
        names: parents, each ``type:object id``.

    Returns:
        How many children are due now.
    """
    using = alias()
    bound = []
    for name in sorted(set(names)):
        object_type, _, object_id = name.partition(":")
        rows = Binding.objects.using(using).filter(
            connection_id=connection_id, object_type=object_type, object_id=object_id
        )
        if connections[using].features.has_select_for_update:
            rows = rows.select_for_update()
        if any(remote_id is not None for remote_id in rows.values_list("remote_id", flat=True)):
            bound.append(name)
    return wake_children(connection_id, bound)
