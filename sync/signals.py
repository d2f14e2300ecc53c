"""Django signals for the host's own code: they only announce what has been committed.

Receivers are called in the worker, between sends: a slow one holds up the drain, so it should hand its work to a task.
One that raises is logged, and harms nothing. Where nobody listens nothing is asked of the database.

Each comes with ``connection`` (the row), ``object_type``, ``object_id`` (text), ``model`` (``app.model``) and
``remote_id`` (text or None); the sender is the integrator's class. As everything here, they may come more than once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.dispatch import Signal

from sync import conf
from sync.models.database import alias
from sync.secrets import hushed, trace

logger = logging.getLogger("crudsync.signals")


class Announcement(Signal):
    """A signal whose receivers cannot harm whoever sends it, nor tell secrets in the log."""

    def _log_robust_failure(self, receiver: Any, err: BaseException) -> None:
        name = getattr(receiver, "__qualname__", type(receiver).__name__)
        logger.error("receiver %s failed\n%s", name, hushed(trace(err)))


synced = Announcement()
"""The remote agreed to an object. Also: ``verb`` (create, update, delete, read, lookup) and ``deleted`` (bool)."""

failed = Announcement()
"""An attempt failed. Also: ``verb``, ``status_code`` (0 without an answer), ``code``, ``detail`` (a redacted sentence),
``attempt`` (from 1) and ``retry_in_s`` (seconds, None where nothing more is tried)."""

dead = Announcement()
"""An object became a dead letter. Also: ``state`` (held, in_doubt, dead), ``code``, ``detail`` and ``cause_id``."""

paused = Announcement()
"""Somebody paused a connection: ``connection``, ``reason`` and ``actor`` alone."""

alerted = Announcement()
"""An incident began, goes on or ended: ``incident`` (the row) and ``event`` (firing, resolved).
The sender is the class of the row."""


def announce(send: Callable[[], None]) -> None:
    """Call ``send`` once what was written is committed; at once in tests, which never commit."""
    if conf.current().inline:
        send()
    else:
        transaction.on_commit(send, using=alias())
