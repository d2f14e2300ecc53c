"""Keep our own log lines out of what a command writes: it says the same itself, and JSON stays JSON."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Log nothing of ours within this block: a site may log to the output of its commands."""
    logger = logging.getLogger("crudsync")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
