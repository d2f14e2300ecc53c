"""What a user may write as a rate limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sync.exceptions import ConfigurationError
from sync.integrators.choices import known, shown
from sync.ratelimit.rates import check
from sync.types import RateLimit

KEYS = tuple(entry.name for entry in fields(RateLimit))


def rate_limits(value: Any) -> tuple[RateLimit, ...]:
    """Return one or several rate limits, checked.

    Args:
        value: a RateLimit, a dict of its fields (as JSON has it), a list of either, or None for none.

    Raises:
        ConfigurationError: ``bad_rate_limit``, ``unknown_option``, or what the bucket refuses.
    """
    if value is None:
        return ()
    if isinstance(value, RateLimit | Mapping):
        return (_one(value),)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(_one(entry) for entry in value)
    raise _wrong(value)


def _one(value: Any) -> RateLimit:
    if isinstance(value, Mapping):
        known(value, KEYS, "a rate limit")
        if "limit" not in value:
            raise _wrong(dict(value))
        given: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        value = RateLimit(**given)
    if not isinstance(value, RateLimit):
        raise _wrong(value)
    return check(value)


def _wrong(value: Any) -> ConfigurationError:
    return ConfigurationError(
        f"a rate limit cannot be {shown(value)}",
        code="bad_rate_limit",
        hint="give RateLimit(100, per=60), a dict of its arguments, or a list of these",
    )
