"""What is a secret by its name, and how texts are shown without secrets."""

from __future__ import annotations

import base64
import functools
import html
import json
import re
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
SHORTEST = 4  # a shorter value would hide ordinary text

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_WORDS = frozenset({"pwd", "token", "tokens", "cookie", "cookies", "otp", "passcode", "jwt", "bearer"})
_PARTS = re.compile(
    r"passw|passphrase|secret(?!ar)|credential|authorization|apikey|accesskey|privatekey|signingkey|encryptionkey"
    r"|authkey|(?:access|refresh|auth|csrf|session|api|id|bearer)token|sessionid"
)

_HINTS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "cookie",
    "otp",
    "jwt",
    "bearer",
    "basic",
    "credential",
    "auth",
    "key",
    "session",
)
"""Every secret name and scheme holds one of these: a text without them needs no closer look."""

_NAME = re.compile(r"""(?P<quote>\\?["']?)(?P<name>[\w.\-\[\]]{1,64})(?P=quote)\s*[:=]\s*""")
_VALUE = re.compile(
    r"""(?P<edge>\\")(?:(?!\\").)*(?:\\"|$)|(?P<edge2>")(?:[^"\\]|\\.)*(?:"|\\?$)|(?P<edge3>')[^']*(?:'|$)"""
    r"""|(?:(?:Bearer|Basic|Token)\s+)?(?![{\[\\"'])[^\s,;&"'<>]+""",
    re.IGNORECASE | re.DOTALL,
)
"""Quotes may be left open: a body can be cut anywhere."""

_SCHEME = re.compile(r"\b(Bearer|Basic|Token)\s+[A-Za-z0-9+/_~.\-]{8,}=*", re.IGNORECASE)
_USERINFO = re.compile(r"://[^/\s@]+@")


@functools.lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether a field, header or parameter of this name holds a secret (password, token, api_key, …)."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _WORDS.isdisjoint(words) or _PARTS.search("".join(words)) is not None


def redact(text: str, known: Iterable[str] = ()) -> str:
    """Return a text with its secrets hidden.

    Hidden are the known values, also quoted for a URL, escaped for JSON or in base64; the values beside secret names;
    the credentials after an authentication scheme; and those in a URL.

    Args:
        text: anything to be logged or recorded.
        known: secret values; those of fewer than four characters are left alone.
    """
    text = hide(text, known)
    if "://" in text:
        text = _USERINFO.sub(f"://{HIDDEN}@", text)
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return text
    return _SCHEME.sub(lambda match: f"{match[1]} {HIDDEN}", _hide_pairs(text))


def hide(text: str, known: Iterable[str]) -> str:
    """Return a text without the known values, in whatever spelling; nothing else of it is looked at.

    Args:
        text: anything to be logged or recorded.
        known: secret values; those of fewer than four characters are left alone.
    """
    for value in _spellings(tuple(known)):
        if value in text:
            text = text.replace(value, HIDDEN)
    return text


def without_secrets(data: Any, keep: Collection[str] = ()) -> Any:
    """Return JSON data whose values of secret names are hidden, at any depth.

    Args:
        data: as parsed.
        keep: names at its top that are shown all the same.
    """
    if isinstance(data, dict):
        return {
            name: value if name in keep else HIDDEN if is_secret_name(str(name)) else without_secrets(value)
            for name, value in data.items()
        }
    return [without_secrets(value) for value in data] if isinstance(data, list) else data


@functools.lru_cache(maxsize=256)
def _spellings(known: tuple[str, ...]) -> tuple[str, ...]:
    """The longest first: a shorter one may be part of it."""
    return tuple(sorted({form for secret in known for form in _forms(secret)}, key=len, reverse=True))


def _forms(secret: str) -> set[str]:
    if len(secret) < SHORTEST:
        return set()
    data = secret.encode("utf-8", "surrogatepass")
    encoded = base64.b64encode(data).decode()
    return {secret, quote(data, safe=""), quote_plus(data), json.dumps(secret)[1:-1], encoded, *_escaped(secret)}


def _escaped(secret: str) -> set[str]:
    """As PHP writes it in JSON, and as it stands in HTML."""
    return {json.dumps(secret)[1:-1].replace("/", "\\/"), html.escape(secret)}


def _hide_pairs(text: str) -> str:
    """Hide the value after each secret name; a value may itself hold pairs, as a URL does its parameters."""
    parts: list[str] = []
    done = 0
    for name in _NAME.finditer(text):
        value = _VALUE.match(text, name.end()) if is_secret_name(name["name"]) else None
        if value is not None and name.start() >= done:
            edge = value["edge"] or value["edge2"] or value["edge3"] or ""
            parts += [text[done : name.end()], edge, HIDDEN, edge]
            done = value.end()
    return "".join([*parts, text[done:]])
