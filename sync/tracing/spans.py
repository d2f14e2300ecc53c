"""Which spans there are, what they are called, and what they say. Nothing of OpenTelemetry is imported here."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sync import conf
from sync.exceptions import ConfigurationError

if TYPE_CHECKING:
    from sync.tracing.otel import Span

NOTHING: AbstractContextManager[None] = nullcontext()

MOST_LINKS = 100
"""Saves that a batch's span links to; OpenTelemetry's own limit is 128."""


@functools.cache
def installed() -> Any:
    """Return the module that speaks OpenTelemetry, None where that is not installed."""
    try:
        return importlib.import_module("sync.tracing.otel")
    except ImportError:
        return None


def active() -> bool:
    """Return whether spans are made: switched on by ``CRUDSYNC["traces"]``, and OpenTelemetry is installed."""
    try:
        return conf.current().traces and installed() is not None
    except ConfigurationError:  # whoever saves or sends meets it, and says so
        return False


def carried() -> str:
    """Return the span that is current as a row keeps it: ``trace id-span id-flags``; empty where there is none."""
    return str(installed().current()) if active() else ""


def traceparent() -> str:
    """Return the span that is current as the header of that name, empty where there is none."""
    trace = carried()
    return f"00-{trace}" if trace else ""


def capture(model: str, count: int = 1) -> AbstractContextManager[Any]:
    """Let changes be recorded in a span of their own.

    Args:
        model: label of the model.
        count: of the changes.
    """
    if not active():
        return NOTHING
    attributes = {"crudsync.model": model, "crudsync.changes": count}
    made: AbstractContextManager[Any] = installed().span(f"capture {model}", "producer", attributes)
    return made


def batch(connection: str, origins: Iterable[Sequence[str]]) -> AbstractContextManager[Any]:
    """Deliver a claim in a span of its own, with links to the saves that it merges.

    Args:
        connection: integrator and name.
        origins: the traces of each object, as rows keep them; asked for only where spans are made.
    """
    if not active():
        return NOTHING
    traces = list(dict.fromkeys(trace for each in origins for trace in each))[:MOST_LINKS]
    attributes = {"crudsync.connection": connection}
    made: AbstractContextManager[Any] = installed().span(f"drain {connection}", "internal", attributes, links=traces)
    return made


def attempt(verb: str, traces: Sequence[str], attributes: Mapping[str, Any]) -> Span | None:
    """Start the span of one attempt: in the trace of the save that caused it, linked to the batch and to other saves.

    Args:
        verb: what is asked of the remote.
        traces: of the saves, the last one first, as rows keep them; empty: a child of the current span.
        attributes: by name.
    """
    if not active():
        return None
    made: Span = installed().start(
        f"{verb} {attributes['crudsync.object_type']}", "internal", attributes, traces[0] if traces else "", traces[1:]
    )
    return made


def inside(span: Span | None) -> AbstractContextManager[Any]:
    """Let a span be the current one inside the block, without ending it after."""
    return NOTHING if span is None else span.current()


def call(method: str, url: str) -> AbstractContextManager[Any]:
    """Send a request in a span of its own; what it yields is told of the answer by ``answered``.

    Args:
        method: of HTTP.
        url: without secrets.
    """
    if not active():
        return NOTHING
    attributes = {"http.request.method": method, "url.full": url, **_server(url)}
    made: AbstractContextManager[Any] = installed().span(method, "client", attributes)
    return made


def _server(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # it is no URL; the request fails by it
        return {}
    found = {"url.scheme": parts.scheme, "server.address": parts.hostname, "server.port": port}
    return {name: value for name, value in found.items() if value}
