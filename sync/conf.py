"""The settings: one dict, ``CRUDSYNC``, read here and nowhere else."""

from __future__ import annotations

import difflib
import functools
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from sync.exceptions import ConfigurationError

SETTING = "CRUDSYNC"
LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a site may set in ``CRUDSYNC``. Durations are seconds, sizes bytes.

    Args:
        enabled: False switches capture, tasks and sending off.
        redis_url: of the limiter and the doorbell; empty: ``CELERY_BROKER_URL`` where that is Redis.
        queue: Celery queue of our tasks; empty: the host's default.
        encryption_keys: Fernet keys, newest first, each a value or a reference (``env:NAME``, ``setting:PATH``).
        integrators: per integrator name: ``rate_limit``, ``retry``, ``timeout_s``, ``connect_s``, ``threads``,
            ``base_url``, ``credentials``.
        default_rpm: calls a minute where nothing else is said.
        limiter_slack_s: how much the way to a remote may vary in all.
        limiter_when_down: ``closed`` (nothing is sent while Redis is away) or ``local``.
        limiter_local_share: with ``local``, the share of each limit that one process may use, 0 to 1.
        threads: HTTP calls at once in one drain.
        slice_s: how long one drain works before it gives way.
        window_s: how long after a claim its objects may still be sent.
        settle_s: added to the end of a lease for recording.
        sweep_s: interval of the sweep.
        roll_up_s: interval in which operations are counted, minute by minute.
        timeout_s: total deadline of one call.
        connect_s: deadline of connecting.
        max_bytes: cap on a decoded answer.
        allow_networks: networks that may be called though they are not of the public Internet, such as
            ``10.0.0.0/8``; with Django's ``DEBUG`` the machine's own addresses, too.
        claim_size: objects in one claim at the most.
        intake_size: changes folded in one transaction.
        rest_s: how long an object rests after a send.
        lookup_lag_s: how long until a created object is sure to be found.
        wait_s: how long a verb called directly waits for a token.
        keep_operations_days: age at which prune removes operations.
        keep_changes_days: age at which prune removes changes that nobody took.
        keep_minutes_days: age at which prune removes the counters of a minute.
        ping_pong_limit: an object that was sent so often in a row only because of what came of the send before is held.
        ping_pong_window_s: how far back that is counted.
        reconcile_stop_share: a reconciliation that finds a larger share different stops.
        inline: sending is allowed inside an open transaction; for tests that run in one.
        user_agent: User-Agent of every call.
        correlation_header: the header by which a call tells the remote the correlation id; empty: none.
        traces: spans of OpenTelemetry, from the save to the remote call; needs the ``otel`` extra.
        traceparent: a call that is traced tells the remote its trace, by the header of that name.
        monitor_token: bearer token of ``/metrics`` and of the details of ``/health``, a value or a reference
            (``env:NAME``); empty: staff only.
        health_budget_s: how long ``/health`` and ``/readyz`` may take.
        health_cache_s: how long what ``/health`` found is told again, and no remote asked.
        alert_channels: where incidents are told: name → ``kind`` (``email``, ``slack``, ``webhook``) and its options.
        keep_incidents_days: age at which prune removes incidents that are over.
        site_url: address of this site, for links in messages.
    """

    enabled: bool = True
    redis_url: str = field(default="", repr=False)
    queue: str = ""
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    integrators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    default_rpm: int = 100
    limiter_slack_s: float = 0.25
    limiter_when_down: str = "closed"
    limiter_local_share: float = 0.0
    threads: int = 8
    slice_s: float = 10.0
    window_s: float = 5.0
    settle_s: float = 5.0
    sweep_s: float = 5.0
    roll_up_s: float = 15.0
    timeout_s: float = 10.0
    connect_s: float = 3.0
    max_bytes: int = 10 * 1024 * 1024
    allow_networks: tuple[str, ...] = ()
    claim_size: int = 500
    intake_size: int = 1000
    rest_s: float = 1.0
    lookup_lag_s: float = 2.0
    wait_s: float = 1.0
    keep_operations_days: float = 30.0
    keep_changes_days: float = 7.0
    keep_minutes_days: float = 30.0
    ping_pong_limit: int = 10
    ping_pong_window_s: float = 3600.0
    reconcile_stop_share: float = 0.2
    inline: bool = False
    user_agent: str = "django-crudsync"
    correlation_header: str = "X-Correlation-ID"
    traces: bool = False
    traceparent: bool = False
    monitor_token: str = field(default="", repr=False)
    health_budget_s: float = 5.0
    health_cache_s: float = 15.0
    alert_channels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    keep_incidents_days: float = 90.0
    site_url: str = ""


NAMES = tuple(f.name for f in fields(Settings))
_DEFAULTS = {name: getattr(Settings(), name) for name in NAMES}


@functools.cache
def current() -> Settings:
    """Return the settings in force.

    Raises:
        ConfigurationError: a key that does not exist, or a value that is no text, list or dict where one must be.
    """
    given = getattr(django_settings, SETTING, {})
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{SETTING} must be a dict", code="bad_setting")
    for key in given:
        if key not in NAMES:
            near = difflib.get_close_matches(str(key), NAMES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see the settings reference"
            raise ConfigurationError(f"{SETTING} has no key {key!r}", code="unknown_setting", hint=hint)
    values: dict[str, Any] = {key: _of_its_kind(key, value) for key, value in given.items()}
    if getattr(django_settings, "DEBUG", False):
        values["allow_networks"] = (*values.get("allow_networks", ()), *LOOPBACK)
    return Settings(**values)


def _of_its_kind(key: str, value: Any) -> Any:
    """The value, if it is of its setting's kind. Numbers and their ranges are left to the system checks."""
    kinds = {bool: "True or False", str: "a text", tuple: "a list of texts", Mapping: "a dict"}
    value = tuple(value) if isinstance(_DEFAULTS[key], tuple) and isinstance(value, list) else value
    for kind, words in kinds.items():
        if isinstance(_DEFAULTS[key], kind) and not isinstance(value, kind):
            raise ConfigurationError(f"{SETTING}[{key!r}] must be {words}", code="bad_setting")
    if key == "allow_networks":
        _check_networks(value)
    return value


def _check_networks(values: tuple[Any, ...]) -> None:
    for value in values:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise ConfigurationError(
                f"{SETTING}['allow_networks'] has {value!r}, which is no network",
                code="bad_setting",
                hint="write it as '10.0.0.0/8', '127.0.0.1/32' or 'fd00::/8'",
            ) from None


def ready() -> bool:
    """Return whether the Django settings are loaded: not yet while they themselves are being read."""
    return bool(django_settings.configured and hasattr(django_settings, SETTING))


def redis_url() -> str:
    """Return the URL of the limiter's and the doorbell's Redis, empty where there is none."""
    if url := current().redis_url:
        return url
    broker = str(getattr(django_settings, "CELERY_BROKER_URL", "") or "")
    return broker if broker.startswith(("redis://", "rediss://", "unix://", "redis+socket://")) else ""


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in {SETTING, "DEBUG"}:
        current.cache_clear()


setting_changed.connect(_forget, dispatch_uid="crudsync.conf")
