"""Which request caused it: an id that goes along from the web, through the outbox and the worker, to the remote."""

from sync.correlation.ids import LENGTH, correlated, correlation_id, made, usable

__all__ = ["LENGTH", "correlated", "correlation_id", "made", "usable"]
