"""Intake: fold the inbox into one binding an object and connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sync import bindings, conf, outbox, registry
from sync.bindings import Fold
from sync.faults import point
from sync.models import Change, Connection
from sync.models.database import alias, in_transaction
from sync.registry.integrators import labels
from sync.types import Wanted


def intake(connections: Sequence[Connection] | None = None, *, rung: bool = False) -> tuple[int, set[int]]:
    """Take changes of the models that this process has registered, until the inbox holds none.

    Args:
        connections: those of the registered integrators, where the caller has just read them.
        rung: somebody says that there are changes: they are taken without a look before.

    Returns:
        How many changes were taken, and the ids of the connections that have something due by them.
    """
    connections = registry.ensure_connections() if connections is None else connections
    limit = conf.current().intake_size
    total, touched = 0, set()
    while True:
        taken, ids = _once(connections, limit, rung=rung)
        total += taken
        touched |= ids
        if taken < limit:
            return total, touched


def _once(connections: Iterable[Connection], limit: int, *, rung: bool) -> tuple[int, set[int]]:
    using = alias()
    watched = labels()
    if not rung and not outbox.waiting(watched, using):
        return 0, set()

    def work() -> tuple[int, set[int]]:
        changes = outbox.take(watched, limit, using)
        folded = bindings.fold(_folds(changes, connections), using)
        point("folded")
        return len(changes), {row.connection_id for row in folded}

    return in_transaction(work, using)


def _folds(changes: Iterable[Change], connections: Iterable[Connection]) -> list[Fold]:
    by_integrator: dict[str, list[int]] = {}
    for connection in connections:
        by_integrator.setdefault(connection.integrator, []).append(connection.pk)
    return [
        Fold(
            connection_id=connection_id,
            object_type=spec.name,
            object_id=change.object_id,
            model=change.model,
            lane=change.lane,
            wanted=Wanted.AUTO,
            actor=change.actor or change.reason[:150],
            origin=change.origin,
            snapshot=change.snapshot,
            dirty_since=change.created_at,
        )
        for change in changes
        for integrator, spec in registry.types_for(change.model)
        for connection_id in by_integrator.get(integrator.name, ())
    ]
