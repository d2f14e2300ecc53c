"""Keep log lines out of what a command writes: it says the same itself, and JSON stays JSON."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand


class JsonCommand(BaseCommand):
    """A command that writes nothing but JSON to the standard output where it is told ``--json``."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it, with log lines beside its answer."""
        with aside() if options.get("json") else nullcontext():
            return super().execute(*args, **options)


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


@contextmanager
def aside() -> Iterator[None]:
    """Log to the standard error, within this block, whatever a site logs to the standard output."""
    moved = [(each, each.setStream(sys.stderr)) for each in _handlers() if each.stream in (sys.stdout, sys.__stdout__)]
    try:
        yield
    finally:
        for handler, stream in moved:
            if stream is not None:
                handler.setStream(stream)


def _handlers() -> Iterator[Any]:
    named = [each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    for logger in (logging.getLogger(), *named):
        yield from (each for each in logger.handlers if isinstance(each, logging.StreamHandler))
