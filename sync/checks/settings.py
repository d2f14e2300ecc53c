"""Checks of ``CRUDSYNC``."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, register

from sync import conf, registry
from sync.checks.messages import TAG, message
from sync.exceptions import ConfigurationError
from sync.ratelimit.rates import check as check_rate
from sync.types import RateLimit

COUNTS = ("default_rpm", "threads", "max_bytes", "claim_size", "intake_size", "ping_pong_limit")
DURATIONS = ("slice_s", "window_s", "settle_s", "sweep_s", "timeout_s", "connect_s", "ping_pong_window_s")
PERHAPS_NONE = ("limiter_slack_s", "rest_s", "lookup_lag_s", "wait_s", "keep_operations_days", "keep_changes_days")
SHARES = ("limiter_local_share", "reconcile_stop_share")
INTEGRATOR_KEYS = ("rate_limit", "retry", "timeout_s", "connect_s", "threads", "base_url", "credentials")


def current() -> conf.Settings | None:
    """Return the settings in force, None where they cannot be read: ``E001`` says so."""
    try:
        return conf.current()
    except ConfigurationError:
        return None


@register(TAG)
def check_settings(**_given: Any) -> list[CheckMessage]:
    """Name keys that do not exist and values out of their range."""
    try:
        settings = conf.current()
    except ConfigurationError as error:
        return [message("E001", f"{error.message}.", hint=error.hint)]
    return [*_values(settings), *_integrators(settings)]


def _values(settings: conf.Settings) -> Iterator[CheckMessage]:
    for name in COUNTS:
        value = getattr(settings, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            yield _out_of_range(name, value, "a whole number above 0")
    for name in (*DURATIONS, *PERHAPS_NONE):
        value = getattr(settings, name)
        if not _number(value) or value < 0 or (value == 0 and name in DURATIONS):
            yield _out_of_range(name, value, "a number above 0" if name in DURATIONS else "0 or more")
    for name in SHARES:
        value = getattr(settings, name)
        if not _number(value) or not 0 <= value <= 1:
            yield _out_of_range(name, value, "between 0 and 1")
    if settings.limiter_when_down not in ("closed", "local"):
        yield _out_of_range("limiter_when_down", settings.limiter_when_down, "'closed' or 'local'")


def _integrators(settings: conf.Settings) -> Iterator[CheckMessage]:
    known = registry.integrators()
    declared: Mapping[str, Any] = settings.integrators  # a person wrote it: the values may be anything
    for name, given in declared.items():
        if name not in known:
            text = f"CRUDSYNC['integrators'] has {name!r}, which is not registered."
            yield message("W002", text, hint=_near(name, known))
        if not isinstance(given, Mapping):
            yield message("E001", f"CRUDSYNC['integrators'][{name!r}] must be a dict.")
            continue
        for key in given:
            if key not in INTEGRATOR_KEYS:
                text = f"CRUDSYNC['integrators'][{name!r}] has no key {key!r}."
                yield message("E001", text, hint=_near(str(key), INTEGRATOR_KEYS))
        yield from bad_rates(given.get("rate_limit"), f"CRUDSYNC['integrators'][{name!r}]['rate_limit']")


def bad_rates(value: Any, where: str, obj: Any = None) -> Iterator[CheckMessage]:
    """Yield a message for each rate limit that cannot be kept.

    Args:
        value: a RateLimit or a list of them; other kinds are left to whoever reads them.
        where: what the sentence is about.
        obj: what the message is about.
    """
    for limit in value if isinstance(value, list | tuple) else (value,):
        if isinstance(limit, RateLimit):
            try:
                check_rate(limit)
            except ConfigurationError as error:
                yield message("E005", f"{where}: {error.message}.", obj=obj, hint=error.hint)


def _out_of_range(name: str, value: Any, wanted: str) -> CheckMessage:
    return message("E002", f"CRUDSYNC[{name!r}] is {value!r}, and must be {wanted}.")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _near(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else ""
