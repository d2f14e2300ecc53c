"""Taken into a worker by ``-I``: writes its spans, one JSON object a line, to the file that ``SPANS_FILE`` names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from celery.signals import worker_process_init
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

INCLUDE = ("-I", "tests.acceptance.traced")


def line(span: ReadableSpan) -> str:
    return json.dumps(json.loads(span.to_json())) + "\n"


@worker_process_init.connect
def start(**kwargs: Any) -> None:
    """In each process of the pool, after the fork: as a site's own set-up would."""
    if "SPANS_FILE" not in os.environ:
        return
    out = Path(os.environ["SPANS_FILE"]).open("a", buffering=1)  # noqa: SIM115 - for the life of the process
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=out, formatter=line)))
    trace.set_tracer_provider(provider)
