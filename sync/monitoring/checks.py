"""Checks of what monitoring is set to: channels of alerts, and secrets that stand in the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, register

from sync.checks.messages import TAG, message
from sync.checks.settings import current
from sync.exceptions import ConfigurationError
from sync.monitoring.alerts.channels import SECRET_KEYS, channels
from sync.secrets import is_reference


@register(TAG)
def check_channels(**_given: Any) -> list[CheckMessage]:
    """Name a channel that cannot be."""
    if current() is None:
        return []
    try:
        channels()
    except ConfigurationError as error:
        return [message("E010", f"{error.message}.", hint=error.hint)]
    return []


@register(TAG, deploy=True)
def check_secrets(**_given: Any) -> list[CheckMessage]:
    """Name addresses and secrets of channels, and the token of monitoring, that are no references."""
    return [message("W023", f"{name} stands in the code.") for name in _plain()]


def _plain() -> Iterator[str]:
    settings = current()
    if settings is None:
        return
    if settings.monitor_token and not is_reference(settings.monitor_token):
        yield "CRUDSYNC['monitor_token']"
    given: Mapping[str, Any] = settings.alert_channels  # a person wrote it: the values may be anything
    for name, told in given.items():
        values = told if isinstance(told, Mapping) else {}
        for key in SECRET_KEYS:
            value = values.get(key)
            if isinstance(value, str) and value and not is_reference(value):
                yield f"{key!r} of alert channel {name!r}"
