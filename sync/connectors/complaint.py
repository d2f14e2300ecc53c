"""What a refusal complains of: which field, in which words. Pure; it never raises, whatever the remote says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

LARGEST = 65_536
"""Of a body that is looked at, in bytes."""

DEEPEST = 4

LISTS = ("errors", "invalid-params", "invalid_params", "violations", "details", "detail", "error", "problems")
NAMES = ("field", "param", "property", "propertyPath", "name", "pointer", "path", "loc", "attr", "source")
WORDS = ("message", "detail", "reason", "msg", "title", "description", "error_description", "error", "code")


def complaint(body: bytes | None) -> tuple[str, str]:
    """Return the field that a refusal names, and its sentence; empty where it names none.

    Known are Django REST framework's ``{"field": ["message"]}``, lists under ``errors`` and its like (RFC 9457,
    JSON:API), and Stripe's ``{"error": {"param": …, "message": …}}``.

    Args:
        body: of the answer, of any size and in any state.
    """
    if not body or len(body) > LARGEST:
        return "", ""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    return next(_found(said, DEEPEST), ("", ""))  # not cut: half a secret would not be recognised as one


def _found(said: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Yield what is said, the most telling first."""
    if depth == 0:
        return
    if isinstance(said, str) and said:
        yield "", said
    elif isinstance(said, list):
        for item in said[:10]:
            yield from _found(item, depth - 1)
    elif isinstance(said, dict):
        yield from _of_object(said, depth)


def _of_object(said: dict[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    for name in LISTS:
        if isinstance(said.get(name), dict | list) and said[name]:
            yield from _found(said[name], depth - 1)
    field = next((text for name in NAMES if (text := _name(said.get(name)))), "")
    message = next((said[name] for name in WORDS if isinstance(said.get(name), str) and said[name]), "")
    if message:
        yield field, message
    for name, value in said.items():
        if name not in (*LISTS, *WORDS, *NAMES):
            yield from ((f"{name}.{inner}" if inner else name, text) for inner, text in _fields(value, depth))


def _fields(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the messages under a field's name: a list of them, or those of a nested object."""
    if isinstance(value, list | dict):
        yield from _found(value, depth - 1)


def _name(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ".".join(str(part) for part in value if isinstance(part, str | int))
    if isinstance(value, dict):
        return next((value[name] for name in ("pointer", "parameter") if isinstance(value.get(name), str)), "")
    return ""
