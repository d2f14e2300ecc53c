"""How much of each rate limit is in use now, for people. Takes nothing, and waits for Redis once at the most."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from sync import ratelimit
from sync.exceptions import CrudSyncError
from sync.integrators.options import limits
from sync.models import Connection
from sync.ratelimit import BucketState

WITHIN_S = 0.5
"""So long all buckets together may take to be read; those of the connections after that are not known."""


def buckets(rows: Sequence[Connection]) -> Mapping[int, Sequence[BucketState]]:
    """Return the buckets of connections by id; without those that nobody can tell of.

    Args:
        rows: the connections.
    """
    found: dict[int, Sequence[BucketState]] = {}
    until = time.monotonic() + WITHIN_S
    for row in rows:
        if time.monotonic() > until:
            break
        try:
            found[row.pk] = ratelimit.snapshot(row.pk, limits(row))
        except CrudSyncError:  # Redis is away, or its integrator, or a limit is none: the pages of these say so
            continue
    return found
