"""What counts as different, and when there is too much of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sync.reconcile.report import Stop
from sync.types import type_json

FEW = 10
"""So many objects may differ whatever their share: in a small table a few are soon a fifth."""


def agrees(sent: str | None, seen: str | None, row: type_json) -> bool:
    """Return whether a listed row is what was agreed.

    Only keys that we send are compared, and of those only the ones that the row shows, since a listing often shows
    less than a read. A value agrees where it is what we sent, or what the remote made of it when it took it. Where it
    is not known what was sent, nothing agrees: a read settles that.

    Args:
        sent: our payload as last agreed, canonical JSON text.
        seen: the remote's answer to it, likewise.
        row: what the remote lists, parsed.
    """
    ours, theirs = _loaded(sent), _loaded(seen)
    if ours is None or not isinstance(row, Mapping):
        return False
    theirs = theirs or {}
    return all(
        row[key] == value or (key in theirs and row[key] == theirs[key]) for key, value in ours.items() if key in row
    )


def _loaded(text: str | None) -> dict[str, Any] | None:
    value = json.loads(text) if text else None
    return value if isinstance(value, dict) else None


def too_many(found: int, whole: int, share: float) -> bool:
    """Return whether ``found`` of ``whole`` is more than a share, and more than a few."""
    return found > FEW and found > whole * share


def verdict(*, listed: int, bound: int, drift: int, local: int, unbound: int, share: float) -> tuple[str, str]:
    """Return why nothing may be asked for, as a ``Stop`` and one sentence; two empty texts where it may.

    Args:
        listed: rows that the remote listed.
        bound: bindings with a remote id.
        drift: of those, how many differ or are missing.
        local: local rows in scope.
        unbound: of those, how many have no binding.
        share: the largest share that may differ, 0 to 1.
    """
    if bound and not listed:
        return Stop.REMOTE_EMPTY, f"The remote lists nothing, and {bound} objects should be there."
    if too_many(drift, bound, share):
        return Stop.TOO_DIFFERENT, f"{drift} of {bound} objects differ or are missing, more than {share:.0%}."
    if too_many(unbound, local, share):
        return Stop.NOT_FILLED, f"{unbound} of {local} rows were never sent: run crudsync_backfill first."
    return "", ""
