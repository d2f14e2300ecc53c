"""Ring when a transaction has committed, once for all that was saved in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from sync.wake import doorbell

Resolve = Callable[[set[str]], Iterable[int]]
ATTRIBUTE = "_crudsync_bell"


@dataclass(slots=True, eq=False)
class Bell:
    """What to ring for after one transaction. The first of its callbacks to run rings for all labels collected.

    A callback registered inside a savepoint goes when that is rolled back, so each savepoint has one of its own; a
    label whose savepoint was rolled back may be rung for in vain.
    """

    labels: dict[Resolve, set[str]] = field(default_factory=dict)
    rung: bool = False

    def add(self, resolve: Resolve, label: str) -> None:
        """Note a model label."""
        self.labels.setdefault(resolve, set()).add(label)

    def owns(self, callback: object) -> bool:
        """Say whether a callback is one of this bell's."""
        return getattr(callback, "__self__", None) is self

    def ring(self) -> None:
        """Ring, the first time."""
        if self.rung:
            return
        self.rung = True
        ids: dict[int, None] = {}
        for resolve, labels in self.labels.items():
            ids.update(dict.fromkeys(resolve(labels)))
        doorbell.ring(ids, soon=True)


def ring_on_commit(resolve: Resolve, label: str, using: str = "default") -> None:
    """Ring for what a label means once the current transaction has committed; at once where there is none.

    Cheap enough for every save: within one savepoint the second call only adds a label. Where transactions are
    managed by hand (autocommit off), nothing rings, and the sweep finds the change.

    Args:
        resolve: given model labels, returns ids of connections; called after the commit.
        label: a model label, as in registry.model_label().
        using: the database alias that the change is written to.
    """
    if doorbell.is_muted():
        return
    connection = connections[using]
    if not connection.in_atomic_block:
        if connection.get_autocommit():
            bell = Bell()
            bell.add(resolve, label)
            connection.on_commit(bell.ring, robust=True)
        return
    bell, savepoints = _pending(connection)
    bell.add(resolve, label)
    # A callback of this savepoint, or of one around it, lives at least as long as this change.
    if savepoints is None or not savepoints <= set(connection.savepoint_ids):
        connection.on_commit(bell.ring, robust=True)


def _pending(connection: BaseDatabaseWrapper) -> tuple[Bell, set[Any] | None]:
    """Return this transaction's bell, and the savepoints of its latest callback (None: a new bell).

    Where none of a bell's callbacks waits any more, its transaction is over or rolled back.
    """
    known = getattr(connection, ATTRIBUTE, None)
    if isinstance(known, Bell) and not known.rung:
        # (savepoints, callback, robust); captureOnCommitCallbacks() of Django's tests reads it, too.
        waiting: list[Any] = connection.run_on_commit
        for savepoints, callback, *_ in reversed(waiting):
            if known.owns(callback):
                return known, savepoints
    bell = Bell()
    setattr(connection, ATTRIBUTE, bell)
    return bell, None
