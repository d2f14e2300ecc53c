"""How long to wait before the next try, and when to stop."""

from __future__ import annotations

import math
import random as _random
from typing import Protocol

from sync.types import RetryPolicy


class Uniform(Protocol):
    """What backoff needs of a source of chance; the ``random`` module is one."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number between a and b."""


def backoff(policy: RetryPolicy, attempt: int, rng: Uniform = _random) -> float:
    """Return how many seconds to wait before the next try, with full jitter.

    Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("Full Jitter").

    Args:
        policy: the policy in force.
        attempt: tries that failed before the one that just failed, 0 or more; the first wait is 0 to ``base_delay``.
        rng: anything with ``uniform(a, b)``.
    """
    return rng.uniform(0.0, ceiling(policy, attempt))


def ceiling(policy: RetryPolicy, attempt: int) -> float:
    """Return the longest wait in seconds after this attempt: min(max_delay, base_delay · exponential_base^attempt).

    Args:
        policy: the policy in force.
        attempt: as in backoff(); any size, since the power is compared as a logarithm before it is computed.
    """
    if policy.base_delay <= 0 or policy.max_delay <= 0:
        return 0.0
    if policy.base_delay >= policy.max_delay:
        return policy.max_delay
    steps = max(0, attempt)
    # 10_000 ** 2.0 overflows a float long before a row's attempt counter does.
    if steps * math.log(policy.exponential_base) >= math.log(policy.max_delay) - math.log(policy.base_delay):
        return policy.max_delay
    return min(policy.max_delay, policy.base_delay * policy.exponential_base**steps)


def exhausted(policy: RetryPolicy, attempts: int, dirty_for_s: float) -> bool:
    """Say whether an object may be dead: its attempts are used up, and it has been dirty for long enough.

    Args:
        policy: the policy in force.
        attempts: tries that failed so far, the last one included.
        dirty_for_s: seconds since the object first differed from the remote.
    """
    return attempts >= policy.attempts and dirty_for_s >= policy.max_age


def ever_later(waits_s: float, bounds_s: tuple[float, float]) -> float:
    """Return when to look again at what waits for something else: after half as long as it waits already.

    Args:
        waits_s: seconds for which it has waited.
        bounds_s: the least and the most, seconds.
    """
    return min(max(bounds_s[0], waits_s / 2), bounds_s[1])
