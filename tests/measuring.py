"""Leave something out of the measured coverage."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "COVERAGE_PROCESS_CONFIG"
"""By this coverage tells the processes that are started to measure, too."""


def measure_no_children() -> None:
    """Leave out what this process starts: it reaches next to nothing that tests do not, and starts a third slower."""
    os.environ.pop(VARIABLE, None)


@contextmanager
def unmeasured() -> Iterator[None]:
    """Do not measure what this process runs inside the block."""
    coverage = sys.modules.get("coverage")
    running = coverage.Coverage.current() if coverage is not None else None
    if running is None:
        yield
        return
    running.stop()
    try:
        yield
    finally:
        running.start()
