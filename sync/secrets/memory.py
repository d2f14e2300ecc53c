"""What this process has read as a secret, so that it can be hidden in texts of whose origin nothing is known.

The text of an exception of a hook may hold anything that the hook could reach. Where a call is at hand its own
credentials are hidden, which costs less; see ``sync.http.redact``.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable

from sync.secrets.names import redact

MOST = 1000
SHORTEST = 8
"""Shorter ones, such as a user's name, would hide ordinary text."""

_read: dict[str, None] = {}
_sources: list[Callable[[], Iterable[str]]] = []


def source(function: Callable[[], Iterable[str]]) -> Callable[[], Iterable[str]]:
    """Register a function that returns secrets which may not have been read yet; it must not raise."""
    _sources.append(function)
    return function


def remember(*values: str) -> None:
    """Note secrets that were read; of very many, the oldest are forgotten."""
    for value in values:
        if len(value) >= SHORTEST and value not in _read:
            _read[value] = None
            if len(_read) > MOST:
                _read.pop(next(iter(_read)), None)


def hushed(text: object) -> str:
    """Return a text without any secret that this process has read or refers to, or that is named in it."""
    for found in _sources:
        remember(*found())
    return redact(str(text), tuple(_read))


def trace(error: BaseException) -> str:
    """Return a traceback as text without secrets: to be logged in place of the exception, whose frames hold them."""
    return hushed("".join(traceback.format_exception(error)).rstrip())
