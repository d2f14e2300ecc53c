"""How urgent a change is."""

from __future__ import annotations

from sync import registry
from sync.types import Lane

BULK_FROM = 100
"""A statement that writes more rows than this goes into the bulk lane."""


def lane_of(label: str) -> int:
    """Return the most urgent lane of the object types that a model feeds."""
    return min((int(spec.lane) for _, spec in registry.types_for(label)), default=int(Lane.LIVE))
