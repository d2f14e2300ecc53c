"""Which collection and object a path names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

SKIPPED = re.compile(r"^(api|rest|v\d+(\.\d+)?)$", re.IGNORECASE)
BULK = "bulk"
DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request goes: ``action`` is empty, ``bulk``, or ``delete`` (a POST to a sub-path)."""

    collection: str = ""
    id: str = ""
    action: str = ""


@lru_cache(maxsize=4096)
def locate(path: str, prefix: str = "") -> Place:
    """Return the place that ``path`` (still quoted) names.

    After the prefix, an odd number of segments ends in a collection, an even one in a collection and an id.
    """
    wanted = prefix.rstrip("/") + "/"
    if prefix and not path.startswith(wanted):
        return Place()
    rest = path[len(wanted) :] if prefix else path
    segments = [unquote(segment, errors="replace") for segment in rest.split("/") if segment]
    while not prefix and len(segments) > 1 and SKIPPED.match(segments[0]):
        segments = segments[1:]
    return _place(segments)


def _place(segments: list[str]) -> Place:
    if not segments:
        return Place()
    if len(segments) > 2 and len(segments) % 2 and segments[-1] == DELETE:
        return Place(collection=segments[-3], id=segments[-2], action=DELETE)
    if len(segments) % 2:
        return Place(collection=segments[-1])
    if segments[-1] == BULK:
        return Place(collection=segments[-2], action=BULK)
    return Place(collection=segments[-2], id=segments[-1])
