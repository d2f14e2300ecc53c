"""What was traced in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.tracing.memory import exporter


@pytest.fixture
def spans(settings: Any) -> Iterator[InMemorySpanExporter]:
    """What was traced; traces are on."""
    settings.CRUDSYNC = {**settings.CRUDSYNC, "traces": True}
    exporter().clear()
    yield exporter()
    exporter().clear()
