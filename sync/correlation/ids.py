"""The correlation id of what runs now."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

LENGTH = 64
"""Characters of an id at the most."""

NAMES = ("X-Correlation-ID", "X-Request-ID")
"""Headers of a request that may bring an id, in this order; after them the trace id of a W3C ``traceparent``."""

_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{LENGTH - 1}}}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_NO_TRACE = "0" * 32

_id: ContextVar[str] = ContextVar("crudsync.correlation_id", default="")


def correlation_id() -> str:
    """Return the id of the request, or of the job, that this is done for; empty where nobody gave one."""
    return _id.get()


@contextmanager
def correlated(id_: str) -> Iterator[str]:
    """Let everything inside the block go by this id: logs, changes, and what comes of them.

    Holds for this thread or task and what asyncio starts from it, not for threads started inside.

    Args:
        id_: letters, digits and ``. _ : -``, at most 64 of them. What is no such text is none.
    """
    token = _id.set(usable(id_))
    try:
        yield _id.get()
    finally:
        _id.reset(token)


def made() -> str:
    """Return a new id: 32 hexadecimal digits, as a trace id of W3C has them."""
    return uuid.uuid4().hex


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
