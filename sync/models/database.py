"""Which database our rows are in, and transactions that are repeated when the database asks for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, OperationalError, connections, router, transaction

from sync.models.change import Change

T = TypeVar("T")

REPEATED = ("40001", "40P01")  # serialization_failure, deadlock_detected
ATTEMPTS = 8

BRIEF = "set_config('idle_in_transaction_session_timeout', '15000', true) IS NOT NULL"
"""A condition, always true, by which PostgreSQL ends this transaction where nothing comes of it for 15 seconds.

A process that is suspended in the middle of one would hold its rows, and all intake waits for those.
"""

UNFLUSHED = f"set_config('synchronous_commit', 'off', true) IS NOT NULL AND {BRIEF}"
"""A condition, always true, by which this transaction's commit does not wait for PostgreSQL's disk.

For steps that a crash of the server may undo as a whole: taking in, claiming, slots. The journal's commit, which every
send waits for, flushes all that was written before it. Never for a statement that may run in the host's transaction.
"""


def alias() -> str:
    """Return the alias of the database that our rows are written to."""
    return router.db_for_write(Change)


def is_postgres(using: str) -> bool:
    """Return whether the fast path of PostgreSQL applies."""
    return connections[using].vendor == "postgresql"


def briefly(using: str) -> None:
    """Let PostgreSQL end the open transaction where nothing comes of it for 15 seconds; see ``BRIEF``."""
    if is_postgres(using):
        with connections[using].cursor() as cursor:
            cursor.execute(f"SELECT {BRIEF}")


def repeatable(error: BaseException) -> bool:
    """Return whether the database asks to repeat the transaction: a deadlock, a serialization failure, a lock."""
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state in REPEATED or (isinstance(error, OperationalError) and "locked" in str(error))


def in_transaction(work: Callable[[], T], using: str) -> T:
    """Run ``work`` in a transaction of its own, again where the database asks for that.

    Inside an open transaction it runs once, in a savepoint: the outer one cannot be repeated from here.

    Raises:
        DatabaseError: any other error, or the same one still after eight attempts.
    """
    nested = connections[using].in_atomic_block
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic(using=using):
                return work()
        except DatabaseError as error:
            if nested or attempt == ATTEMPTS or not repeatable(error):
                raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")
