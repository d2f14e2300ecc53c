"""Which options are in force for an account, and where each was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sync import registry
from sync.exceptions import ConfigurationError
from sync.http.redact import safe_url
from sync.integrators.options import OF_TYPE, Setting, effective
from sync.models import Connection
from sync.types import RateLimit, RetryPolicy

SOURCES: Mapping[str, Any] = {
    "connection": gettext_lazy("this account"),
    "settings": gettext_lazy("the settings"),
    "object type": gettext_lazy("the object type"),
    "class": gettext_lazy("the integrator's class"),
    "default": gettext_lazy("the default"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option in force, as a person reads it; ``object_type`` is empty where it holds for all."""

    name: str
    object_type: str
    value: str
    source: str


def in_force(connection: Connection) -> tuple[list[Option], str]:
    """Return the options in force, those of object types that say something of their own after the others.

    Returns:
        the options, and what is wrong with them (empty: nothing); with something wrong there are none.
    """
    try:
        whole = effective(connection)
        types: Mapping[str, Any] = registry.get(connection.integrator).types()
        own = [row for name, of in types.items() for row in _own(connection, name, of)]
    except ConfigurationError as error:
        return [], str(error)
    return [*(_option(name, "", setting) for name, setting in whole.items()), *own], ""


def _own(connection: Connection, name: str, object_type: Any) -> Iterator[Option]:
    found = effective(connection, object_type)
    for option in OF_TYPE:
        if found[option].source == "object type":
            yield _option(option, name, found[option])


def _option(name: str, object_type: str, setting: Setting) -> Option:
    source = str(SOURCES.get(setting.source, setting.source))
    return Option(name=name, object_type=object_type, value=told(name, setting.value), source=source)


def told(name: str, value: Any) -> str:
    """Return the value of an option as a person reads it."""
    if name == "rate_limit":
        return "; ".join(_window(limit) for limit in value) or _("none")
    if name == "base_url":
        return safe_url(value)
    if isinstance(value, RetryPolicy):
        return _retry(value)
    return f"{value:g} s" if name.endswith("_s") else str(value)


def _window(limit: RateLimit) -> str:
    text = _("%(n)d calls in %(s)g s") % {"n": limit.limit, "s": limit.per}
    more = [_("burst %(n)d") % {"n": limit.burst}] if limit.burst != 1 else []
    more += [", ".join(limit.methods)] if limit.methods else []
    more += [", ".join(limit.endpoints)] if limit.endpoints else []
    return f"{text} ({'; '.join(more)})" if more else text


def _retry(policy: RetryPolicy) -> str:
    values = {
        "n": policy.attempts,
        "from": policy.base_delay,
        "to": policy.max_delay,
        "base": policy.exponential_base,
        "age": policy.max_age,
    }
    return _("%(n)d attempts, %(from)g to %(to)g s apart (× %(base)g), dead after %(age)g s at the earliest") % values
