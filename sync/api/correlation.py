"""The id by which an answer, its log lines and what it set in motion are found together."""

from __future__ import annotations

from typing import Any

from sync.correlation import made
from sync.correlation.ids import brought
from sync.correlation.middleware import ECHO

HEADER = ECHO


def correlation_id(request: Any) -> str:
    """Return the id of a request; where ``CorrelationMiddleware`` is not installed, what it would have been.

    Args:
        request: of Django or of REST framework; the id is kept on it.
    """
    plain = getattr(request, "_request", request)
    known = getattr(plain, "correlation_id", "")
    if not known:
        known = plain.correlation_id = brought(plain.headers) or made()
    return str(known)
