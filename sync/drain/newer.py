"""Rows that a newer version wrote, in the hands of an older worker: left for later, never misread. Pure."""

from __future__ import annotations

from collections.abc import Collection

from sync.bindings.rows import Claimed
from sync.drain.decide import DOUBTS
from sync.retry import ever_later
from sync.types import Wanted

CODE = "newer_version"

PAUSE_S = (10.0, 3600.0)
"""When such an object is looked at again: half as long as it is dirty, within these bounds. Any worker may be next."""


def unknown(claim: Claimed, object_types: Collection[str]) -> str:
    """Return what this version does not know about a claimed object, one phrase, empty where it knows all of it.

    Args:
        claim: the object.
        object_types: names of the types that the integrator declares here.
    """
    if claim.object_type not in object_types:
        return f"the object type {claim.object_type!r}"
    if claim.uncertain not in DOUBTS:
        return f"the doubt {claim.uncertain!r}"
    if claim.wanted not in tuple(Wanted):
        return f"the request {claim.wanted}"
    return ""


def pause_s(claim: Claimed) -> float:
    """Return the seconds after which it is looked at again: an object type may also be gone for good."""
    return ever_later(claim.dirty_s, PAUSE_S)
