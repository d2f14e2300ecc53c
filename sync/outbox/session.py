"""What a session of PostgreSQL tells the triggers that capture: to keep still, or who writes, why, and what caused it.

The four settings hold until the end of the transaction. Other programs may set
them, too: ``SET LOCAL crudsync.actor = 'erp'``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connections

logger = logging.getLogger("crudsync.capture")

OFF, ACTOR, REASON, ORIGIN = "crudsync.off", "crudsync.actor", "crudsync.reason", "crudsync.origin"
SAY = ", ".join(f"set_config('{name}', %s, true)" for name in (OFF, ACTOR, REASON, ORIGIN))
"""What to select, with four parameters, so that the triggers of this transaction know."""

SAID = "_crudsync_said"

_quiet: ContextVar[bool] = ContextVar("crudsync.quiet", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the triggers are told about a statement."""

    off: bool = False
    actor: str = ""
    reason: str = ""
    origin: str = ""

    @property
    def parameters(self) -> tuple[str, str, str, str]:
        """The values of the four settings."""
        return ("on" if self.off else "", self.actor, self.reason, self.origin)


NOTHING = Said()


@contextmanager
def quiet() -> Iterator[None]:
    """Leave what is written inside the block to its writer: triggers record none of it."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)
        restore()


def is_quiet() -> bool:
    """Say whether triggers are to record nothing here and now."""
    return _quiet.get()


def restore() -> None:
    """Take back what this thread's open transactions were told, at the end of a block that told them.

    One statement each, and none where nothing was told, or where the transaction is over.
    """
    for connection in connections.all(initialized_only=True):
        if getattr(connection, SAID, False) and (connection.in_atomic_block or not connection.autocommit):
            _take_back(connection)


def _take_back(connection: Any) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {SAY}", NOTHING.parameters)
    except DatabaseError as error:
        # The transaction has failed. It is rolled back to before the block, and so is what it was told.
        logger.debug("an open transaction keeps its settings: %s", type(error).__name__)
        return
    setattr(connection, SAID, False)
