"""Spans from the save to the remote call, where OpenTelemetry is installed and switched on; else nothing, at no cost.

A save's span is kept with its change (``carried``), so that what is sent hours later belongs to the same trace.
"""

from sync.tracing.spans import active, attempt, batch, call, capture, carried, inside, installed, traceparent

__all__ = ["active", "attempt", "batch", "call", "capture", "carried", "inside", "installed", "traceparent"]
