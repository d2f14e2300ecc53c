"""What a message says: it may come from a newer version, an older one, or somebody's shell."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from celery import Task

logger = logging.getLogger("crudsync.tasks")

LARGEST = 2**63 - 1


def connection_in(value: Any) -> int | None:
    """Return the connection's primary key that an argument means, None where it means none."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST:
        return value
    return None


def strange(task: Task[Any, Any], more: Sequence[Any], unknown: Mapping[str, Any]) -> None:
    """Note arguments that this version does not know; their values are not logged."""
    if more or unknown:
        names = ", ".join(sorted(map(str, unknown)))[:200]
        logger.debug("%s ignores %s more arguments, and these: %s", task.name, len(more), names)
