"""Write to the database while requests are under way: in order, beside the drain's own thread.

A commit waits for the disk; the drain's thread builds requests and reads answers meanwhile. A large claim is worth a
thread and a connection of its own; a small one is written at once, as it is inside an open transaction, and on
databases with one writer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from django.db import connections

from sync.models.database import alias, is_postgres

WORTH = 64
"""Objects in a claim from which on a thread pays."""


class Scribe:
    """Runs writes in order, and hands each result to its follow-up in the drain's own thread.

    Args:
        size: objects in the claim.
        nudge: called, from any thread, when a write is done.
    """

    def __init__(self, size: int, nudge: Callable[[], None]) -> None:
        using = alias()
        beside = size >= WORTH and is_postgres(using) and not connections[using].in_atomic_block
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="crudsync-write") if beside else None
        self._nudge = nudge
        self._pending: deque[tuple[Future[Any], Callable[[Any], None]]] = deque()

    @property
    def busy(self) -> bool:
        """Whether a write has not been followed up yet."""
        return bool(self._pending)

    def write(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run ``work`` after what was given before; ``then`` gets its result, at once or in :meth:`follow_up`."""
        if self._executor is None:
            then(work())
            return
        future = self._executor.submit(copy_context().run, work)
        self._pending.append((future, then))
        future.add_done_callback(lambda _: self._nudge())

    def follow_up(self, *, wait: bool = False) -> None:
        """Hand over the results that are there, with ``wait`` at least one.

        Raises:
            DatabaseError: a write failed for good.
        """
        while self._pending and (wait or self._pending[0][0].done()):
            future, then = self._pending.popleft()
            then(future.result())
            wait = False

    def close(self) -> None:
        """End the thread and its database connection, after what is being written."""
        if self._executor is not None:
            self._executor.submit(connections.close_all)
            self._executor.shutdown()
