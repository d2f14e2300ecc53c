"""The named policies, and what a user may write instead."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sync.exceptions import ConfigurationError, shown
from sync.types import RetryPolicy

POLICIES: Mapping[str, RetryPolicy] = {
    "aggressive": RetryPolicy(attempts=10, base_delay=0.5),
    "standard": RetryPolicy(attempts=5, base_delay=1.0),
    "conservative": RetryPolicy(attempts=3, base_delay=5.0),
    "no_retry": RetryPolicy(attempts=1, max_age=0.0),
}

KEYS = tuple(f.name for f in fields(RetryPolicy))

# The least value of each duration or factor. A first wait of nothing would be a storm.
LEAST: Mapping[str, tuple[float, str]] = {
    "base_delay": (0.0, "seconds, above 0"),
    "max_delay": (0.0, "seconds, above 0"),
    "exponential_base": (1.0, "a factor, 1 or more"),
    "max_age": (0.0, "seconds, 0 or more"),
}
ZERO_ALLOWED = ("max_age",)
MOST = 1e9
"""Thirty years in seconds; a comparison that NaN fails, and that a whole number of any length bears."""


def policy(value: str | RetryPolicy | Mapping[str, Any] | None = None) -> RetryPolicy:
    """Return the retry policy that a value stands for.

    Args:
        value: a name of POLICIES, a RetryPolicy, a mapping of its fields (``name`` there names the policy to start
            from), or None for ``standard``.

    Raises:
        ConfigurationError: ``unknown_retry_policy``, ``unknown_retry_key`` or ``bad_retry_<field>``.
    """
    if value is None:
        return POLICIES["standard"]
    if isinstance(value, str):
        return _named(value)
    if isinstance(value, RetryPolicy):
        return _checked(value)
    if isinstance(value, Mapping):
        return _checked(_from_mapping(value))
    raise ConfigurationError(
        f"a retry policy cannot be a {type(value).__name__}",
        code="bad_retry_policy",
        hint=f"give one of {', '.join(POLICIES)}, a RetryPolicy or a dict of its fields",
    )


def _named(name: str) -> RetryPolicy:
    if name in POLICIES:
        return POLICIES[name]
    near = difflib.get_close_matches(name, POLICIES, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the policies are {', '.join(POLICIES)}"
    raise ConfigurationError(f"there is no retry policy {name!r}", code="unknown_retry_policy", hint=hint)


def _from_mapping(value: Mapping[str, Any]) -> RetryPolicy:
    base = _named(str(value["name"])) if "name" in value else POLICIES["standard"]
    given = {key: item for key, item in value.items() if key != "name"}
    for key in given:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the fields are {', '.join(KEYS)}"
            raise ConfigurationError(f"a retry policy has no field {key!r}", code="unknown_retry_key", hint=hint)
    return RetryPolicy(**{**{key: getattr(base, key) for key in KEYS}, **given})


def _checked(value: RetryPolicy) -> RetryPolicy:
    attempts: Any = value.attempts
    if isinstance(attempts, bool) or not isinstance(attempts, int) or not 1 <= attempts <= MOST:
        raise ConfigurationError(
            f"attempts of a retry policy cannot be {shown(attempts)}",
            code="bad_retry_attempts",
            hint="give a whole number, 1 or more; 1 means no retry",
        )
    for name, (least, wants) in LEAST.items():
        _check_number(name, getattr(value, name), least, wants)
    return value


def _check_number(name: str, number: Any, least: float, wants: str) -> None:
    fine = isinstance(number, (int, float)) and not isinstance(number, bool) and -MOST <= number <= MOST
    if fine:
        above_zero = number > 0 or name in ZERO_ALLOWED
        fine = number >= least and above_zero
    if not fine:
        raise ConfigurationError(
            f"{name} of a retry policy cannot be {shown(number)}", code=f"bad_retry_{name}", hint=f"give {wants}"
        )
