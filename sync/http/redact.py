"""What of a request may be written down: names on a list, and of everything else nothing."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from sync.secrets.names import is_secret_name

HIDDEN = "***"

SHOWN_PARAMETERS = frozenset(
    {
        "count", "dir", "direction", "expand", "fields", "format", "from", "include", "lang", "limit", "locale",
        "offset", "order", "order_by", "ordering", "page", "page_size", "per_page", "since", "size", "skip", "sort",
        "start", "status", "to", "top", "type", "until", "updated_after", "updated_since", "version",
    }
)  # fmt: skip
"""Query parameters whose values are shown: how a listing is split, sorted and narrowed. Any other may be a key, or
somebody's mail address."""

SHOWN_HEADERS = frozenset(
    {
        "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection",
        "content-encoding", "content-length", "content-type", "date", "expect", "host", "idempotency-key",
        "if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "origin", "prefer", "range",
        "referer", "te", "traceparent", "transfer-encoding", "user-agent", "x-correlation-id", "x-idempotency-key",
        "x-request-id",
    }
)  # fmt: skip
"""Headers of a request whose values may be repeated; that of any other may be a credential."""

_PARAMETERS = frozenset({"key", "sig", "sign", "signature", "code", "auth", "session", "pin", "hapikey", "sv", "se"})
"""Query parameters that are credentials although their names would be harmless in a body."""

SHORTEST = 8
"""Shorter values of headers are words such as ``en`` or ``true``; a credential of that length would be none."""

_PLAIN = re.compile(r"[\d.:/-]{1,12}")
"""A number, a date, a version."""

_own_parameters: set[str] = set()
_own_headers: set[str] = set()


def own_parameter(name: str) -> None:
    """Note that an authentication puts its credential into this query parameter, whatever it is called."""
    _own_parameters.add(name.lower())


def own_header(name: str) -> None:
    """Note that this header carries nothing but the correlation id, whatever it is called."""
    _own_headers.add(name.lower())


def safe_url(url: str) -> str:
    """Return the URL without user, password, fragment, and values of query parameters but for a few harmless ones.

    Args:
        url: any text; it need not be a valid URL.
    """
    head, mark, query = url.partition("#")[0].partition("?")
    scheme, slashes, rest = head.partition("://")
    if slashes:
        host, slash, path = rest.partition("/")
        head = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    if not mark:
        return head
    return f"{head}?{'&'.join(_safe_pair(pair) for pair in query.split('&'))}"


def secrets_sent(headers: Mapping[str, Any] | None, url: str | None) -> tuple[str, ...]:
    """Return what of a request an answer to it must not repeat in a text that is kept.

    That are the values of all headers but for those that are known to be harmless, also without their scheme and, of
    Basic, decoded; and those of query parameters with secret names.

    Args:
        headers: of the request.
        url: of the request.
    """
    found = [
        value if isinstance(value, str) else value.decode("latin-1")
        for name, value in (headers or {}).items()
        if not _is_shown(name.lower()) and isinstance(value, str | bytes)
    ]
    query = (url or "").partition("?")[2]
    if not found and not query:
        return ()
    return _told_apart(tuple(found), query)


def _is_shown(header: str) -> bool:
    return header in SHOWN_HEADERS or header in _own_headers


@functools.lru_cache(maxsize=256)
def _told_apart(values: tuple[str, ...], query: str) -> tuple[str, ...]:
    found = [value for value in values if len(value) >= SHORTEST and not _PLAIN.fullmatch(value)]
    for value in tuple(found):
        scheme, blank, credential = value.partition(" ")
        if blank and scheme.isalpha():
            found.append(credential)
            found += _basic(credential) if scheme.lower() == "basic" else []
    for pair in query.partition("#")[0].split("&"):
        name, _, value = pair.partition("=")
        if value and _is_secret(name):
            found.append(unquote_plus(value))
    return tuple(found)


def _basic(credential: str) -> list[str]:
    try:
        pair = base64.b64decode(credential, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return []
    return [pair, pair.partition(":")[2]]


def _is_secret(name: str) -> bool:
    lower = name.lower()
    return lower in _PARAMETERS or lower in _own_parameters or is_secret_name(name)


def _safe_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    shown = name.lower() in SHOWN_PARAMETERS and not _is_secret(name)
    return pair if not equals or shown else f"{name}={HIDDEN}"
