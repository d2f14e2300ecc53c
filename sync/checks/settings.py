"""Checks of ``CRUDSYNC``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, register

from sync import conf, ratelimit, registry, tracing
from sync.checks.messages import TAG, message
from sync.correlation.ids import may_carry
from sync.exceptions import ConfigurationError, SecretError, shown
from sync.ratelimit.rates import check as check_rate
from sync.retry import policy
from sync.secrets import check_keys
from sync.types import RateLimit

COUNTS = ("default_rpm", "threads", "max_bytes", "claim_size", "intake_size", "ping_pong_limit")
CALLS = ("timeout_s", "connect_s", "health_budget_s")
DURATIONS = ("slice_s", "window_s", "settle_s", "sweep_s", "roll_up_s", "ping_pong_window_s", *CALLS)
KEPT = ("keep_operations_days", "keep_changes_days", "keep_minutes_days", "keep_incidents_days")
PERHAPS_NONE = ("limiter_slack_s", "rest_s", "lookup_lag_s", "wait_s", "health_cache_s", *KEPT)
MOST = 1e9
"""Thirty years in seconds; a comparison that NaN fails, and that a whole number of any length bears."""

SHARES = ("limiter_local_share", "reconcile_stop_share")
REDIS_HINT = "Give redis://host:6379/0, rediss://… or unix://…, in redis_url or CELERY_BROKER_URL."
INTEGRATOR_KEYS = (
    "rate_limit",
    "retry",
    "timeout_s",
    "connect_s",
    "threads",
    "base_url",
    "user_agent",
    "correlation_header",
    "traceparent",
    "credentials",
)


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
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
            yield _out_of_range(name, value, "a whole number above 0")
    for name in (*DURATIONS, *PERHAPS_NONE):
        value = getattr(settings, name)
        if not _number(value) or value < 0 or (value == 0 and name in DURATIONS):
            yield _out_of_range(name, value, "a number above 0" if name in DURATIONS else "0 or more")
    for name in SHARES:
        value = getattr(settings, name)
        if not _number(value) or not 0 <= value <= 1:
            yield _out_of_range(name, value, "between 0 and 1")
    yield from _texts(settings)


def _texts(settings: conf.Settings) -> Iterator[CheckMessage]:
    if settings.limiter_when_down not in ("closed", "local"):
        yield _out_of_range("limiter_when_down", settings.limiter_when_down, "'closed' or 'local'")
    if not (settings.user_agent.isascii() and settings.user_agent.isprintable()):
        yield _out_of_range("user_agent", settings.user_agent, "ASCII text on one line")
    if settings.correlation_header and not may_carry(settings.correlation_header):
        wanted = "the name of a header of its own, such as 'X-Correlation-ID', or empty"
        yield _out_of_range("correlation_header", settings.correlation_header, wanted)
    if settings.traces and tracing.installed() is None:
        yield message("W030", "CRUDSYNC['traces'] is on, and OpenTelemetry is not installed.")
    if not ratelimit.usable_url(conf.redis_url()):
        # Its value is not repeated: it may hold a password.
        yield message("E002", "The URL of the limiter's Redis is none.", hint=REDIS_HINT)
    try:
        check_keys()
    except SecretError as error:
        yield message("W004", f"{error.message}.", hint=error.hint)


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
        where = f"CRUDSYNC['integrators'][{name!r}]"
        yield from bad_rates(given.get("rate_limit"), f"{where}['rate_limit']")
        yield from _options(given, where)


def _options(given: Mapping[str, Any], where: str) -> Iterator[CheckMessage]:
    for name in ("timeout_s", "connect_s"):
        value = given.get(name)
        if value is not None and not (_number(value) and value > 0):
            yield message("E002", f"{where}[{name!r}] is {shown(value)}, and must be a number above 0.")
    threads = given.get("threads")
    if threads is not None and (not isinstance(threads, int) or isinstance(threads, bool) or not 1 <= threads <= 256):
        yield message("E002", f"{where}['threads'] is {shown(threads)}, and must be 1 to 256.")
    try:
        policy(given.get("retry"))
    except ConfigurationError as error:
        yield message("E002", f"{where}['retry']: {error.message}.", hint=error.hint)
    header, trace = given.get("correlation_header"), given.get("traceparent")
    if header not in (None, False, "") and not (isinstance(header, str) and may_carry(header)):
        yield message("E002", f"{where}['correlation_header'] is {shown(header)}, and must name a header, or be False.")
    if trace is not None and not isinstance(trace, bool):
        yield message("E002", f"{where}['traceparent'] is {shown(trace)}, and must be True or False.")
    secrets = given.get("credentials", {})
    if not isinstance(secrets, Mapping) or not all(isinstance(value, str) for value in secrets.values()):
        yield message("E002", f"{where}['credentials'] must be a dict of references.")
    if not isinstance(given.get("base_url", ""), str):
        yield message("E002", f"{where}['base_url'] must be a text.")


def bad_rates(value: Any, where: str, obj: Any = None) -> Iterator[CheckMessage]:
    """Yield a message for each rate limit that cannot be kept.

    Args:
        value: a RateLimit, a dict of its arguments, or a list of them; None for none.
        where: what the sentence is about.
        obj: what the message is about.
    """
    for limit in value if isinstance(value, list | tuple) else () if value is None else (value,):
        try:
            check_rate(_rate(limit))
        except ConfigurationError as error:
            yield message("E005", f"{where}: {error.message}.", obj=obj, hint=error.hint)


def _rate(value: Any) -> RateLimit:
    if isinstance(value, RateLimit):
        return value
    try:
        return RateLimit(**value)
    except TypeError:  # no mapping, or not of its arguments
        what = f"a rate limit cannot be a {type(value).__name__} of these values"
        raise ConfigurationError(what, code="bad_rate_limit", hint="give RateLimit(100, per=60)") from None


def _out_of_range(name: str, value: Any, wanted: str) -> CheckMessage:
    return message("E002", f"CRUDSYNC[{name!r}] is {shown(value)}, and must be {wanted}.")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -MOST <= value <= MOST


def _near(name: str, known: Any) -> str:
    near = difflib.get_close_matches(str(name), [str(each) for each in known], n=1)
    return f"Did you mean {near[0]!r}?" if near else ""
