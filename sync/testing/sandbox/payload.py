"""What a body says, and how an object is shown: JSON or form in, envelopes on and off."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from sync.testing.sandbox.config import Config
from sync.testing.sandbox.item import Item, as_text, pick
from sync.testing.sandbox.message import Refusal, Request

KEY_PARTS = re.compile(r"[^\[\]]+")


def read(request: Request) -> Any:
    """Return the parsed body.

    Raises:
        Refusal: 400, it is neither JSON nor a form.
    """
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return _form(request.body)
    if not request.body:
        return {}
    try:
        return json.loads(request.body, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        raise Refusal(400, "bad_json", "the body is not JSON") from exc


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def unwrapped(data: Any, config: Config) -> dict[str, Any]:
    """Return the one object in a body, without its envelope.

    Raises:
        Refusal: 400, there is no object.
    """
    name = config.envelope.removesuffix("[]")
    if name and isinstance(data, Mapping) and name in data:
        data = data[name]
        if isinstance(data, list) and len(data) == 1:
            data = data[0]
    if not isinstance(data, dict):
        raise Refusal(400, "not_an_object", "the body is not an object")
    return data


def wrapped(shown: Any, config: Config) -> Any:
    """Return what an object looks like in a body, with its envelope."""
    if not config.envelope:
        return shown
    if config.envelope.endswith("[]"):
        return {config.envelope.removesuffix("[]"): [shown]}
    return {config.envelope: shown}


def shown(item: Item, config: Config) -> dict[str, Any]:
    """Return an object as clients see it, without an envelope."""
    data: dict[str, Any] = {config.id_field: int(item.id) if config.ids == "int" and item.id.isdigit() else item.id}
    data.update(item.fields)
    if config.version_field:
        data[config.version_field] = item.version
    if config.created_field:
        data[config.created_field] = iso(item.created)
    if config.updated_field:
        data[config.updated_field] = iso(item.updated)
    return data


def iso(seconds: float) -> str:
    """Return wall seconds as ISO 8601 in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def stored(data: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Return the fields of a body that a client may set."""
    own = (config.id_field, config.version_field, config.created_field, config.updated_field)
    return {name: value for name, value in data.items() if name not in own}


def validate(fields: Mapping[str, Any], config: Config, *, whole: bool) -> None:
    """Check what a client sent.

    Args:
        fields: by name.
        config: the options in force.
        whole: the fields are a whole object, so required ones must be there.

    Raises:
        Refusal: 422, naming the field.
    """
    for name, forbidden in config.invalid.items():
        values = forbidden if isinstance(forbidden, list | tuple) else [forbidden]
        if pick(fields, name) is not None and as_text(pick(fields, name)) in map(as_text, values):
            raise Refusal(422, "invalid", f"{name} cannot be {pick(fields, name)!r}", field=name)
    for name in config.required if whole else ():
        if pick(fields, name) is None:
            raise Refusal(422, "required", f"{name} is required", field=name)


def merged(old: Mapping[str, Any], new: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Return an object after a PATCH."""
    result = {**old, **new}
    for name, value in new.items() if config.merge == "deep" else ():
        before = old.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            result[name] = merged(before, value, config)
    return result


def _form(body: bytes) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        parts = KEY_PARTS.findall(name) or [name]
        inner = data
        for part in parts[:-1]:
            if not isinstance(inner.get(part), dict):
                inner[part] = {}
            inner = inner[part]
        inner[parts[-1]] = value
    return data
