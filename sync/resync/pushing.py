"""Push an object now, and tell what came of it under each of its accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync import registry
from sync.exceptions import CrudSyncError, NotSyncable
from sync.models import Binding
from sync.models.database import alias
from sync.resync.resync import saved_id
from sync.resync.scope import NOT_IN_SCOPE, left_out
from sync.resync.targets import Target

if TYPE_CHECKING:
    from django.db.models import Model

    from sync.models import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What came of one push under one account; ``error`` is typed, None where the remote agreed.

    Whatever it is, it is recorded, and a worker goes on from there.
    """

    connection: Connection
    object_type: str
    error: CrudSyncError | None = None

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which it may be tried again, None where nobody said."""
        return getattr(self.error, "retry_after_s", None)


def push_now(instance: Model, where: Sequence[Target], *, actor: str = "", reason: str = "") -> tuple[Pushed, ...]:
    """Send an object's whole state now, as the integrator's verbs do, under one account after the other.

    Args:
        instance: a saved instance.
        where: its object types and connections.
        actor: who asks; empty: whoever ``capture.actor`` names.
        reason: why.

    Returns:
        What came of each, in the order of ``where``.

    Raises:
        NotSyncable: it is not saved.
    """
    object_id = saved_id(instance)
    who = f"{actor} ({reason})" if actor and reason else actor or reason
    return tuple(_pushed(instance, object_id, target, who) for target in where)


def _pushed(instance: Model, object_id: str, target: Target, who: str) -> Pushed:
    error: CrudSyncError | None = None
    try:
        _check_scope(object_id, target)
        integrator: Any = registry.get(target.connection.integrator)
        speaker = integrator(target.object_type, instance, target.connection)
        speaker.asked_by = who
        send = speaker.update_object if _is_bound(object_id, target) else speaker.create_object
        send(instance.pk)
    except CrudSyncError as raised:
        error = raised
    return Pushed(connection=target.connection, object_type=target.object_type, error=error)


def _check_scope(object_id: str, target: Target) -> None:
    """A worker would delete there what is not meant for the account."""
    if left_out(target.connection, target.object_type, object_id):
        raise NotSyncable(
            f"this {target.object_type} is not meant for {target.connection}",
            code=NOT_IN_SCOPE,
            hint="see sync_when and route() of its integrator",
        )


def _is_bound(object_id: str, target: Target) -> bool:
    rows = Binding.objects.using(alias()).filter(connection=target.connection, object_type=target.object_type)
    return rows.filter(object_id=object_id, remote_id__isnull=False).exists()
