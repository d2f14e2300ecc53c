"""Drain within the caller, where the host runs its tasks eagerly: a task sent by name would ignore that."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable

from celery import Celery

logger = logging.getLogger("crudsync.wake")

TASK = "crudsync.drain"
ROUNDS = 1000


class _Thread(threading.local):
    def __init__(self) -> None:
        self.waiting: deque[int] | None = None


_thread = _Thread()


def drain(app: Celery, connection_ids: Iterable[int]) -> None:
    """Run the registered drain task for each connection, in turn.

    A drain that rings again is run again after the others, not within itself.

    Args:
        app: the host's Celery application.
        connection_ids: primary keys of Connection rows.
    """
    if _thread.waiting is not None:
        _thread.waiting.extend(each for each in connection_ids if each not in _thread.waiting)
        return
    task = app.tasks.get(TASK)
    if task is None:
        logger.warning("tasks run eagerly, and %s is not registered with %s: nothing is sent", TASK, app.main)
        return
    _thread.waiting = deque(connection_ids)
    try:
        for _ in range(ROUNDS):
            if not _thread.waiting:
                return
            task.apply(kwargs={"connection_id": _thread.waiting.popleft()})
        logger.warning("eager drains rang %s times without an end; the sweep goes on", ROUNDS)
    finally:
        _thread.waiting = None
