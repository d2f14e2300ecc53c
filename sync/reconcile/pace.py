"""A token for every page: listings share the bucket with all other calls of the connection."""

from __future__ import annotations

import time
from typing import Any

from sync import operations, ratelimit
from sync.exceptions import RateLimitExceeded
from sync.types import Verb


def take_turn(unit: Any, wait_s: float, verb: Verb = Verb.LIST) -> None:
    """Wait until the next page of an object type, or one object, may be asked for.

    Args:
        unit: an integrator instance.
        wait_s: seconds that it may take.
        verb: what is asked.

    Raises:
        RateLimitExceeded: no token within that time; ``retry_after_s`` says when there will be one.
    """
    limits = unit.limits(verb)
    deadline = time.monotonic() + wait_s
    while True:
        left_s = max(deadline - time.monotonic(), 0.0)
        grants = ratelimit.take(unit.connection.pk, limits, 1, horizon_s=left_s, seed=operations.sent_since)
        for grant in grants.granted:
            time.sleep(max(grant.at - time.monotonic(), 0.0))
            if time.monotonic() <= grant.until:
                return
        if grants.retry_after_s >= left_s:
            what = "a page of the listing" if verb is Verb.LIST else f"a {verb}"
            raise RateLimitExceeded(f"no token for {what}", retry_after_s=grants.retry_after_s)
        time.sleep(grants.retry_after_s)
