"""Rates, retries and timeouts in force, and where each was said: connection, settings, object type, class, default."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync import conf, registry
from sync.correlation.ids import may_carry
from sync.exceptions import ConfigurationError
from sync.integrators.choices import MOST, known, shown
from sync.integrators.rates import rate_limits
from sync.retry import policy
from sync.types import RateLimit, RetryPolicy

if TYPE_CHECKING:
    from sync.models import Connection

OF_CALLS = ("rate_limit", "retry", "timeout_s", "connect_s", "threads")
OF_REQUESTS = ("user_agent", "correlation_header", "traceparent")
NAMES = ("base_url", *OF_CALLS, *OF_REQUESTS)
OF_CONNECTION = NAMES[1:]
OF_SETTINGS = (*NAMES, "credentials")
OF_TYPE = ("rate_limit", "retry", "timeout_s", "connect_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One option in force: ``source`` is ``connection``, ``settings``, ``object type``, ``class`` or ``default``."""

    value: Any
    source: str


def effective(connection: Connection, object_type: Any = None, *, integrator: Any = None) -> dict[str, Setting]:
    """Return the options in force for a connection, by name.

    ``rate_limit`` is a tuple of RateLimit, ``retry`` a RetryPolicy, ``timeout_s`` and ``connect_s`` are seconds,
    ``threads`` a number, ``base_url``, ``user_agent`` and ``correlation_header`` text, ``traceparent`` True or False.

    Args:
        connection: its row.
        object_type: an ObjectType of its integrator, or None for what holds for all of them.
        integrator: its class; default: the registered one.

    Raises:
        ConfigurationError: an option that does not exist, or a value that it cannot have; the message names the place.
    """
    cls = integrator or registry.get(connection.integrator)
    layers = list(_layers(connection, object_type, cls))
    return {name: _first(name, layers) for name in NAMES}


def limits(connection: Connection, object_type: Any = None, *, integrator: Any = None) -> tuple[RateLimit, ...]:
    """Return the rate limits in force; see effective()."""
    found: tuple[RateLimit, ...] = effective(connection, object_type, integrator=integrator)["rate_limit"].value
    return found


def retry_policy(connection: Connection, object_type: Any = None, *, integrator: Any = None) -> RetryPolicy:
    """Return the retry policy in force; see effective()."""
    found: RetryPolicy = effective(connection, object_type, integrator=integrator)["retry"].value
    return found


def timeout_s(connection: Connection, object_type: Any = None, *, integrator: Any = None) -> float:
    """Return the total deadline of a call in seconds; see effective()."""
    return float(effective(connection, object_type, integrator=integrator)["timeout_s"].value)


def threads(connection: Connection, *, integrator: Any = None) -> int:
    """Return how many calls one drain makes at once; see effective()."""
    return int(effective(connection, integrator=integrator)["threads"].value)


def _layers(connection: Connection, object_type: Any, cls: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    options = connection.options or {}
    if not isinstance(options, Mapping):
        raise ConfigurationError(
            f"connection {connection}: its options are no object", code="bad_option", hint='such as {"threads": 4}'
        )
    known(options, OF_CONNECTION, f"connection {connection}")
    yield "connection", {**options, "base_url": connection.base_url}
    settings = conf.current().integrators.get(connection.integrator, {})
    known(settings, OF_SETTINGS, f"CRUDSYNC['integrators'][{connection.integrator!r}]")
    yield "settings", settings
    if object_type is not None:
        yield "object type", {**_attributes(object_type, OF_TYPE), "rate_limit": _own_rates(object_type)}
    yield "class", {**_attributes(cls, NAMES), "base_url": cls.base_url or cls.absolute_url, "threads": cls.max_threads}
    yield "default", _defaults()


def _attributes(of: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(of, name, None) for name in names}


def _own_rates(object_type: Any) -> Any:
    """An object type's own limit counts the calls to its endpoint, unless it says otherwise."""
    given = rate_limits(object_type.rate_limit)
    return [limit if limit.endpoints else _of_endpoint(limit, object_type.endpoint) for limit in given]


def _of_endpoint(limit: RateLimit, endpoint: str) -> RateLimit:
    return RateLimit(limit.limit, limit.per, limit.burst, (endpoint,), limit.methods, limit.name)


def _defaults() -> dict[str, Any]:
    settings = conf.current()
    return {
        "base_url": "",
        "rate_limit": RateLimit(settings.default_rpm, per=60),
        "retry": "standard",
        "timeout_s": settings.timeout_s,
        "connect_s": settings.connect_s,
        "threads": settings.threads,
        "user_agent": settings.user_agent,
        "correlation_header": settings.correlation_header,
        "traceparent": settings.traceparent,
    }


def _first(name: str, layers: list[tuple[str, Mapping[str, Any]]]) -> Setting:
    for source, values in layers:
        value = values.get(name)
        if value is None or (source != "default" and value in ("", [], ())):
            continue
        try:
            return Setting(value=READ[name](value), source=source)
        except ConfigurationError as error:
            error.args = (f"{name} of the {source}: {error.message}",)
            raise
    raise AssertionError("the last layer has every option")


def _seconds(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and -MOST <= value <= MOST
    if not number or value <= 0:
        raise ConfigurationError(f"it cannot be {shown(value)}", code="bad_option", hint="give seconds, above 0")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 256:
        raise ConfigurationError(f"it cannot be {shown(value)}", code="bad_option", hint="give a number of 1 to 256")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ConfigurationError(f"it cannot be {shown(value)}", code="bad_option", hint="give text on one line")
    return value


def _header(value: Any) -> str:
    """The name of a header that may carry the id, empty for none."""
    if value is False or value == "":
        return ""
    if not isinstance(value, str) or not may_carry(value):
        hint = "give the name of a header of its own, such as 'X-Correlation-ID', or False"
        raise ConfigurationError(f"it cannot be {shown(value)}", code="bad_option", hint=hint)
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"it cannot be {shown(value)}", code="bad_option", hint="give True or False")
    return value


READ: Mapping[str, Callable[[Any], Any]] = {
    "base_url": _text,
    "rate_limit": rate_limits,
    "retry": policy,
    "timeout_s": _seconds,
    "connect_s": _seconds,
    "threads": _count,
    "user_agent": _text,
    "correlation_header": _header,
    "traceparent": _flag,
}
