"""What we send, beside what the remote says or shows of itself.

A remote that describes an endpoint (the metadata that Django REST framework answers to OPTIONS) is taken at its word.
Of any other one object is listed, and its keys are compared. Where neither can be had, that is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sync import registry
from sync.connectors import classify
from sync.exceptions import CrudSyncError
from sync.integrators.clients import client_of
from sync.models import Binding, Connection
from sync.models.database import alias
from sync.monitoring.doctor.finding import Finding, found, skipped, warned
from sync.reconcile.pace import take_turn
from sync.secrets import hushed

AREA = "mapping"
SHOWN = 8
DEPTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a remote says of an endpoint: all fields, those it only shows, and those it must have."""

    fields: frozenset[str]
    read_only: frozenset[str]
    required: frozenset[str]


def look(connection: Connection, name: str, wait_s: float) -> tuple[Finding, ...]:
    """Compare one object type with the live remote: two calls at the most, each with a token.

    Args:
        connection: the account.
        name: of the object type.
        wait_s: seconds for which a token may be waited for.
    """
    integrator: Any = registry.get(connection.integrator)
    unit = integrator(name, None, connection)
    subject = f"{connection} {name}"
    ours = sent(unit, connection, name)
    if not ours:
        return (skipped(AREA, "Cannot tell: what is sent is not known before the first object.", subject=subject),)
    try:
        described = _described(unit, connection, wait_s)
        if described is not None:
            return tuple(against(ours, described, subject))
        shown = _listed(unit, wait_s)
    except CrudSyncError as error:
        return (skipped(AREA, f"Cannot tell: {hushed(error.message)}.", subject=subject),)
    if shown is None:
        return (skipped(AREA, "Cannot tell: the remote lists no object, and describes nothing.", subject=subject),)
    return tuple(beside(ours, shown, subject))


def sent(unit: Any, connection: Connection, name: str) -> frozenset[str]:
    """Return the keys that are sent, dotted: of the last agreed payload, else as they are mapped."""
    rows = Binding.objects.using(alias()).filter(connection=connection, object_type=name, sent__isnull=False)
    text = rows.order_by("-pk").values_list("sent", flat=True).first()
    if text:
        return keys(json.loads(text))
    return frozenset(getattr(unit.spec.mapper, "keys", {}).values())


def keys(value: Any, depth: int = DEPTH) -> frozenset[str]:
    """Return the keys of an object, those of objects within it behind dots."""
    if not isinstance(value, Mapping):
        return frozenset()
    names: set[str] = set()
    for key, each in value.items():
        inner = keys(each, depth - 1) if depth > 1 else frozenset()
        names |= {f"{key}.{one}" for one in inner} or {str(key)}
    return frozenset(names)


def against(ours: frozenset[str], theirs: Described, subject: str) -> Iterator[Finding]:
    """Judge what is sent by what the remote says that it takes."""
    tops = frozenset(name.partition(".")[0] for name in ours)
    if unknown := tops - theirs.fields:
        hint = "Rename them with Map(…, to=…), or leave them out."
        yield warned(AREA, f"The remote does not know: {_named(unknown)}.", hint, subject=subject)
    if ignored := tops & theirs.read_only:
        hint = "The remote decides these: map them with direction=IN."
        yield warned(AREA, f"The remote only shows, and does not take: {_named(ignored)}.", hint, subject=subject)
    if missing := theirs.required - tops:
        hint = "Map a field to each, or set them in set_data()."
        yield warned(AREA, f"The remote requires, and we never send: {_named(missing)}.", hint, subject=subject)
    if not (unknown or ignored or missing):
        yield found(AREA, f"The remote describes itself, and takes all {len(ours)} fields.", subject=subject)


def beside(ours: frozenset[str], shown: frozenset[str], subject: str) -> Iterator[Finding]:
    """Judge what is sent by what the remote shows of one object."""
    unseen = frozenset(name for name in ours if name not in shown and not _within(name, shown))
    if unseen:
        text = f"We send, and the remote does not show in its listing: {_named(unseen)}."
        hint = "It may ignore them, call them otherwise, or show them nowhere: check the names at the remote."
        yield warned(AREA, text, hint, subject=subject)
    else:
        yield found(AREA, f"The remote shows all {len(ours)} fields that are sent.", subject=subject)


def _within(name: str, shown: frozenset[str]) -> bool:
    """An empty object, or a plain value there for an object here, has no keys to compare; nor the other way round."""
    parts = name.split(".")
    above = any(".".join(parts[:size]) in shown for size in range(1, len(parts)))
    return above or any(each.startswith(f"{name}.") for each in shown)


def _described(unit: Any, connection: Connection, wait_s: float) -> Described | None:
    """What OPTIONS answers, None where that is no description."""
    client = client_of(type(unit), connection)
    headers = {**unit.own_headers(), **client.auth_headers()}
    request = client.connector.bare_request("OPTIONS", unit.spec.endpoint, headers, params=client.auth_params())
    take_turn(unit, wait_s)
    answer = client.connector.transport.send(unit.finished(client, request))
    if answer.response is None or answer.response.status_code != 200:
        return None
    try:
        return read_description(classify.parse_body(answer.response))
    except CrudSyncError:
        return None


def read_description(body: Any) -> Described | None:
    """Return what Django REST framework's metadata say, None where the body holds none.

    Args:
        body: of the answer to OPTIONS, parsed.
    """
    actions = body.get("actions") if isinstance(body, Mapping) else None
    fields = (actions.get("POST") or actions.get("PUT")) if isinstance(actions, Mapping) else None
    if not isinstance(fields, Mapping) or not all(isinstance(each, Mapping) for each in fields.values()) or not fields:
        return None
    return Described(
        fields=frozenset(map(str, fields)),
        read_only=frozenset(str(name) for name, each in fields.items() if each.get("read_only") is True),
        required=frozenset(str(name) for name, each in fields.items() if each.get("required") is True),
    )


def _listed(unit: Any, wait_s: float) -> frozenset[str] | None:
    size = getattr(unit.spec.paginator, "size_param", "")
    rows = unit.listing(params={size: 1} if size else None, before_each=lambda: take_turn(unit, wait_s))
    first = next(iter(rows), None)
    return None if first is None else keys(first[1])


def _named(names: frozenset[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return ", ".join(ordered[:SHOWN]) + more
