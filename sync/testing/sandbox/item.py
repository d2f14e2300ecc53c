"""One object at one time, and the order and text forms of its values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SortKey = tuple[int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An object as it was between two writes.

    ``created`` and ``updated`` are wall seconds, ``born`` is the monotonic second of its creation; ``version`` counts
    its writes, ``revision`` is unique in the store.
    """

    id: str
    fields: Mapping[str, Any]
    created: float
    updated: float
    born: float
    version: int
    revision: int

    @property
    def etag(self) -> str:
        """The strong entity tag."""
        return f'"{self.revision}"'


def sort_key(item_id: str) -> SortKey:
    """Return the key by which ids are ordered: numbers by value, then the rest as text."""
    if item_id.isascii() and item_id.isdigit() and len(item_id) < 19:
        return (0, int(item_id), item_id)
    return (1, 0, item_id)


def pick(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, None where there is none."""
    if path in fields or "." not in path:
        return fields.get(path)
    value: Any = fields
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def as_text(value: Any) -> str:
    """Return the form in which a value is compared with a query parameter."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, sort_keys=True, default=str)
