"""What the options of an object type may be: each wrong value is an error with a hint."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from typing import Any

from sync.exceptions import ConfigurationError
from sync.exceptions import shown as safe
from sync.types import BulkSpec, Lane, OutcomeKind, Verb

CHOICES: Mapping[str, tuple[str, ...]] = {
    "capture": ("signals", "trigger"),
    "encoding": ("json", "form", "text", "binary"),
    "on_uncertain": ("hold", "retry"),
    "on_gone": ("recreate", "detach", "hold"),
    "on_leave": ("delete", "keep"),
    "on_delete": ("delete", "keep"),
}
LANES: Mapping[str, Lane] = {"live": Lane.LIVE, "bulk": Lane.BULK}
TEXTS = (
    *("name", "endpoint", "update_method", "envelope", "id_path", "version", "idempotency", "external_id", "items"),
    "web_url",
)
SECONDS = {"key_ttl": False, "lookup_lag": True, "rest_s": True, "timeout_s": False, "connect_s": False}
"""Options that are seconds, and whether none at all is a value."""

MOST = 1e9
"""Thirty years in seconds; a comparison that NaN fails, and that a whole number of any length bears."""

FLAGS = ("client_id", "can_read", "compress")


def check(values: Mapping[str, Any]) -> None:
    """Check the options that stand by themselves.

    Args:
        values: by name.

    Raises:
        ConfigurationError: code ``bad_object_type``.
    """
    for name, allowed in CHOICES.items():
        if values[name] not in allowed:
            raise wrong(name, values[name], f"one of {', '.join(allowed)}", near(values[name], allowed))
    for name in TEXTS:
        if not isinstance(values[name], str) or not values[name].isprintable():
            raise wrong(name, values[name], "text")
    for name, zero in SECONDS.items():
        seconds(name, values[name], zero=zero)
    for name in FLAGS:
        if not isinstance(values[name], bool):
            raise wrong(name, values[name], "True or False")
    endpoint = values["endpoint"]
    if not endpoint.strip("/ ") or endpoint != endpoint.strip() or "://" in endpoint or "?" in endpoint:
        raise wrong("endpoint", endpoint, "a path relative to the base URL, such as 'products'")


def seconds(name: str, value: Any, *, zero: bool) -> None:
    """Check a duration in seconds; None means that it is not set.

    Raises:
        ConfigurationError: code ``bad_object_type``.
    """
    if value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool) and -MOST <= value <= MOST
    if not number or value < 0 or (value == 0 and not zero):
        raise wrong(name, value, "seconds, 0 or more" if zero else "seconds, above 0")


def lane_of(value: Any) -> Lane:
    """Return the lane that ``priority`` names.

    Args:
        value: ``live``, ``bulk``, or one of these lanes.

    Raises:
        ConfigurationError: code ``bad_object_type``.
    """
    if isinstance(value, str) and value in LANES:
        return LANES[value]
    if value in tuple(LANES.values()) and not isinstance(value, bool):
        return Lane(value)
    raise wrong("priority", value, "'live' or 'bulk'", near(value, LANES))


def bulk_of(value: Any) -> BulkSpec | None:
    """Return the bulk endpoints that ``bulk`` names, as a BulkSpec or a dict of its fields.

    Raises:
        ConfigurationError: code ``bad_object_type`` or ``unknown_option``.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        names = [entry.name for entry in fields(BulkSpec)]
        known(value, names, "bulk")
        if "key" not in value:
            raise wrong("bulk", dict(value), "a BulkSpec with a key, by which answers are paired with what was sent")
        value = BulkSpec(**value)
    if not isinstance(value, BulkSpec):
        raise wrong("bulk", value, "a BulkSpec, or a dict of its fields")
    if not value.key or not (value.create or value.update):
        raise wrong("bulk", value, "a key, and a path for create, update or both")
    size: Any = value.size
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise wrong("bulk size", size, "a whole number of objects, 1 or more")
    return value


def outcomes_of(value: Any) -> dict[str, dict[int, str]]:
    """Return what ``classify`` says, as verb → status → kind of outcome.

    Args:
        value: that, or status → kind for all writing verbs.

    Raises:
        ConfigurationError: code ``bad_object_type``.
    """
    if not isinstance(value, Mapping):
        raise wrong("classify", value, "a dict such as {'update': {204: 'ok'}}")
    if value and all(isinstance(status, int) for status in value):
        value = {verb: value for verb in Verb if verb.writes}
    known(value, [verb.value for verb in Verb], "classify")
    found: dict[str, dict[int, str]] = {}
    for verb, table in value.items():
        for status, kind in dict(table).items():
            if kind not in tuple(OutcomeKind):
                raise wrong("classify", kind, f"one of {', '.join(OutcomeKind)}", near(kind, tuple(OutcomeKind)))
            if not isinstance(status, int) or not 100 <= status <= 599:
                raise wrong("classify", status, "an HTTP status, 100 to 599")
        found[str(verb)] = {int(status): str(kind) for status, kind in dict(table).items()}
    return found


def known(given: Iterable[Any], names: Collection[str], of: str) -> None:
    """Check that every key is one of the names.

    Raises:
        ConfigurationError: code ``unknown_option``; the hint names the nearest.
    """
    for key in given:
        if key not in names:
            hint = near(key, names) or f"known: {', '.join(sorted(names))}"
            raise ConfigurationError(f"{of} has no option {key!r}", code="unknown_option", hint=hint)


def near(value: Any, names: Iterable[str]) -> str:
    """Return "did you mean …?" for the name most like a value, empty where none is."""
    found = difflib.get_close_matches(
        value if isinstance(value, str) else safe(value), [str(name) for name in names], n=1
    )
    return f"did you mean {found[0]!r}?" if found else ""


def shown(value: Any) -> str:
    """Return a wrong value as a message may show it: never its contents where showing them could run code."""
    if value is None or isinstance(value, str | int | float):
        return safe(value)[:80]
    if isinstance(value, type):
        return value.__name__
    return f"a {type(value).__name__}"


def wrong(name: str, value: Any, wants: str, hint: str = "") -> ConfigurationError:
    """Return the error of an option with a value that it cannot have."""
    return ConfigurationError(
        f"{name} of an object type cannot be {shown(value)}", code="bad_object_type", hint=hint or f"give {wants}"
    )
