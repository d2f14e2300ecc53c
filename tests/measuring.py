"""Leave something out of the measured coverage."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "COVERAGE_PROCESS_CONFIG"
"""By this coverage tells the processes that are started to measure, too."""


@contextmanager
def unmeasured() -> Iterator[None]:
    """Measure neither what this process runs inside the block nor what is started there."""
    coverage = sys.modules.get("coverage")
    running = coverage.Coverage.current() if coverage is not None else None
    if running is None:
        yield
        return
    told = os.environ.pop(VARIABLE, None)
    running.stop()
    try:
        yield
    finally:
        running.start()
        if told is not None:
            os.environ[VARIABLE] = told
