"""What a RateLimit means to a bucket: whether it can be kept, whom it concerns, and its numbers."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

from sync.exceptions import ConfigurationError, shown
from sync.types import RateLimit

SECOND_US = 1_000_000
COUNTED_FROM_S = 3600.0
SEGMENTS = 60
LONGEST_NAME = 100
MOST_CALLS = 10**9
SHORTEST_S = 0.001
LONGEST_S = 366 * 86_400.0
"""Beyond these the arithmetic of doubles, which Redis's Lua has no other than, would lose whole tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The numbers of one limit, as the bucket counts: microseconds.

    ``step_us`` is the time between two tokens, or the length of a segment where ``counted``. ``span_us`` is the
    window with the slack added. Its proof is in docs/explanation/rate-limits.md.
    """

    name: str
    counted: bool
    step_us: float
    span_us: float
    burst: int
    limit: int

    @property
    def ahead_us(self) -> float:
        """How far ahead a token of this limit may be reserved: one second or one token, whichever is longer."""
        return SECOND_US if self.counted else max(float(SECOND_US), self.step_us)


def check(limit: RateLimit) -> RateLimit:
    """Return the limit if it can be kept.

    Raises:
        ConfigurationError: ``bad_rate_limit``, ``bad_rate_per``, ``bad_rate_burst`` or ``burst_over_limit``.
    """
    _whole("limit", limit.limit)
    _seconds(limit.per)
    _whole("burst", limit.burst)
    if limit.burst > limit.limit:
        raise ConfigurationError(
            f"burst {limit.burst} of a rate limit is more than its limit {limit.limit}",
            code="burst_over_limit",
            hint="a window holds `limit` calls at the most: lower the burst",
        )
    for field in ("endpoints", "methods"):
        _words(field, getattr(limit, field))
    if not _text(limit.name) and limit.name != "":
        raise _unfit("name", limit.name, "give text on one line")
    return limit


def applies(limit: RateLimit, endpoint: str, method: str) -> bool:
    """Say whether a call counts against a limit.

    Args:
        limit: one limit of the connection.
        endpoint: the object type's endpoint; slashes at its ends do not matter.
        method: the HTTP method; its case does not matter.
    """
    if limit.endpoints and endpoint.strip("/") not in {known.strip("/") for known in limit.endpoints}:
        return False
    return not limit.methods or method.upper() in {known.upper() for known in limit.methods}


@functools.lru_cache(maxsize=1024)
def rate(limit: RateLimit, slack_s: float) -> Rate:
    """Return the numbers of a limit, checked.

    Args:
        limit: the limit.
        slack_s: seconds by which the way to the remote may vary in all.

    Raises:
        ConfigurationError: as check().
    """
    check(limit)
    span_us = (limit.per + slack_s) * SECOND_US
    counted = limit.per >= COUNTED_FROM_S
    step_us = limit.per * SECOND_US / SEGMENTS if counted else span_us / (limit.limit - limit.burst + 1)
    return Rate(
        name=name(limit), counted=counted, step_us=step_us, span_us=span_us, burst=limit.burst, limit=limit.limit
    )


def name(limit: RateLimit) -> str:
    """Return the bucket's name: the limit's own, or one made from its other arguments."""
    if limit.name:
        return limit.name
    parts = [f"{limit.limit}-{limit.per:g}-{limit.burst}"]
    parts += [",".join(limit.endpoints), ",".join(method.upper() for method in limit.methods)]
    made = "|".join(parts).rstrip("|")
    if len(made) <= LONGEST_NAME:
        return made
    return f"{parts[0]}|{hashlib.sha256(made.encode()).hexdigest()[:16]}"


def _whole(field: str, number: Any) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_CALLS:
        raise ConfigurationError(
            f"{field} of a rate limit cannot be {shown(number)}",
            code=f"bad_rate_{field}",
            hint=f"give a whole number of calls, 1 to {MOST_CALLS:,}",
        )


def _seconds(number: Any) -> None:
    fine = isinstance(number, (int, float)) and not isinstance(number, bool)
    if not fine or not SHORTEST_S <= number <= LONGEST_S:  # a comparison that NaN fails, and no integer overflows
        raise ConfigurationError(
            f"per of a rate limit cannot be {shown(number)}",
            code="bad_rate_per",
            hint="give the window's length in seconds, a thousandth to a year",
        )


def _words(field: str, given: Any) -> None:
    """A text alone would be taken letter by letter, so that no call counted against the limit."""
    if not isinstance(given, tuple) or not all(_text(word) for word in given):
        raise _unfit(field, given, f'give a tuple of texts, such as {field}=("POST",)')


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()


def _unfit(field: str, given: Any, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{field} of a rate limit cannot be {shown(given)}", code="bad_rate_limit", hint=hint)
