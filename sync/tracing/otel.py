"""What is said to OpenTelemetry; imported only where it is installed and switched on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

KINDS = {"producer": SpanKind.PRODUCER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
FAILED = 400
"""HTTP statuses from here on are errors of a client's span."""


class Span:
    """One span of ours. No exception is recorded in it: its text and its traceback may hold a secret."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def current(self) -> AbstractContextManager[Any]:
        """Be the current span inside the block."""
        return trace.use_span(self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False)

    def answered(self, status_code: int, error: str) -> None:
        """Say how a call ended.

        Args:
            status_code: of the answer, 0 where there was none.
            error: the code of the error, empty where there was an answer.
        """
        if status_code:
            self._span.set_attribute("http.response.status_code", status_code)
        if error or status_code >= FAILED:
            self.failed(error or str(status_code))

    def failed(self, code: str) -> None:
        """Say that it failed, by a code."""
        self._span.set_attribute("error.type", code)
        self._span.set_status(Status(StatusCode.ERROR, code))

    def say(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes."""
        self._span.set_attributes(attributes)

    def end(self) -> None:
        """End it."""
        self._span.end()


def current() -> str:
    """Return the current span as a row keeps it, empty where there is none."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags) & 0xFF:02x}"


def start(name: str, kind: str, attributes: Mapping[str, Any], parent: str = "", links: Sequence[str] = ()) -> Span:
    """Start a span.

    Args:
        name: of the span.
        kind: producer, client or internal.
        attributes: by name.
        parent: as a row keeps it; empty: the current span. Where it is given, the current one is linked to.
        links: to other spans, as rows keep them.
    """
    context: Context | None = None
    found = [Link(_parsed(each)) for each in links]
    if parent:
        here = trace.get_current_span().get_span_context()
        found += [Link(here)] if here.is_valid else []
        context = trace.set_span_in_context(NonRecordingSpan(_parsed(parent)), Context())
    tracer = trace.get_tracer("crudsync")
    return Span(tracer.start_span(name, context, KINDS[kind], attributes=dict(attributes), links=found))


@contextmanager
def span(name: str, kind: str, attributes: Mapping[str, Any], *, links: Sequence[str] = ()) -> Iterator[Span]:
    """Run the block in a span, which an exception makes a failed one by its class alone; see :func:`start`."""
    made = start(name, kind, attributes, links=links)
    try:
        with made.current():
            yield made
    except Exception as error:
        made.failed(type(error).__name__)
        raise
    finally:
        made.end()


def _parsed(text: str) -> SpanContext:
    trace_id, span_id, flags = text.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
