"""The correlation id of what runs now."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sync import tracing

LENGTH = 64
"""Characters of an id at the most."""

NAMES = ("X-Correlation-ID", "X-Request-ID")
"""Headers of a request that may bring an id, in this order; after them the trace id of a W3C ``traceparent``."""

_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{LENGTH - 1}}}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
_TAKEN = frozenset(
    {
        "accept", "accept-encoding", "authorization", "connection", "content-encoding", "content-length",
        "content-type", "cookie", "date", "expect", "host", "idempotency-key", "if-match", "if-none-match",
        "proxy-authorization", "te", "traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade",
        "user-agent",
    }
)  # fmt: skip
_NO_TRACE = "0" * 32

_id: ContextVar[Any] = ContextVar("crudsync.correlation_id", default="")
"""The id, or what has one: that of an object is worked out when somebody asks, which is seldom."""


def may_carry(header: str) -> bool:
    """Return whether a header of this name may carry the id to a remote: none that means something else to HTTP."""
    return _HEADER.fullmatch(header) is not None and header.lower() not in _TAKEN


def correlation_id() -> str:
    """Return the id of the request, or of the job, that this is done for; empty where nobody gave one."""
    found = _id.get()
    return found if isinstance(found, str) else str(found.correlation_id)


@contextmanager
def correlated(id_: str) -> Iterator[str]:
    """Let everything inside the block go by this id: logs, changes, and what comes of them.

    Holds for this thread or task and what asyncio starts from it, not for threads started inside.

    Args:
        id_: letters, digits and ``. _ : -``, at most 64 of them. What is no such text is none.
    """
    taken = usable(id_)
    token = _id.set(taken)
    try:
        yield taken
    finally:
        _id.reset(token)


def made() -> str:
    """Return a new id: that of the trace under way, else 32 hexadecimal digits, as a trace id of W3C has them."""
    return tracing.carried()[:32] or uuid.uuid4().hex


def usable(value: object) -> str:
    """Return the value where it can be an id, else an empty text: it ends up in logs, rows and headers."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def brought(headers: Mapping[str, str]) -> str:
    """Return the id that a request brings along, empty where it brings none that can be one.

    Args:
        headers: of the request, found whatever the case of their names.
    """
    for name in NAMES:
        if found := usable(headers.get(name)):
            return found
    trace = _TRACEPARENT.fullmatch(headers.get("traceparent") or "")
    return trace["trace"] if trace and trace["trace"] != _NO_TRACE else ""
