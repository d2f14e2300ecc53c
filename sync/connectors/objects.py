"""One object within a body: its envelope, its id, its version, and whether a look-up found it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from sync.connectors.classify import excerpt, printable, said_by_us, usable_id
from sync.connectors.codec import plain
from sync.connectors.options import ETAG, LOCATION, RestOptions
from sync.connectors.pagination import at, items_at
from sync.exceptions import ObjectError, PaginationError
from sync.http import Response
from sync.types import Call, Outcome, OutcomeKind, Verb, type_json

UNKNOWN = OutcomeKind.UNKNOWN
NO_CONTENT = 204


def wrap(payload: Mapping[str, Any], envelope: str) -> Mapping[str, Any]:
    """Return the payload inside its envelope: ``data``, ``a.b``, or ``contacts[]`` for a list of one."""
    if not envelope:
        return payload
    path, is_list = envelope.removesuffix("[]"), envelope.endswith("[]")
    body: Any = [payload] if is_list else payload
    for part in reversed(path.split(".")):
        body = {part: body}
    return body  # type: ignore[no-any-return]  # a path has at least one part, so it is a dict


def unwrap(data: type_json, envelope: str) -> type_json:
    """Return the object without its envelope; what has none is returned as it is."""
    if not envelope:
        return data
    inner = at(data, envelope.removesuffix("[]"))
    if envelope.endswith("[]") and isinstance(inner, list):
        inner = inner[0] if len(inner) == 1 else None
    return data if inner is None else inner


def put(payload: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of the payload with a value at a dotted path."""
    first, _, rest = path.partition(".")
    if not rest:
        return {**payload, first: value}
    inner = payload.get(first)
    return {**payload, first: put(inner if isinstance(inner, Mapping) else {}, rest, value)}


def read(options: RestOptions, call: Call, response: Response, data: type_json, outcome: Outcome) -> Outcome:
    """Return the outcome of a 2xx answer whose body has been parsed.

    Args:
        options: of the object type.
        call: that was sent.
        response: for its headers.
        data: the parsed body.
        outcome: what the status alone says.
    """
    if options.errors and at(data, options.errors):
        said = excerpt(str(at(data, options.errors)), 300, said_by_us(response))
        return replace(
            outcome, kind=OutcomeKind.REFUSED, code="errors_in_body", detail=f"the remote refused it: {said}"
        )
    if call.verb is Verb.LIST or (call.verb is Verb.LOOKUP and not options.client_id):
        return _list(options, call, data, outcome)
    found = unwrap(data, options.envelope)
    shown = found if isinstance(found, dict) else None
    return _one(
        options, call, response, shown, replace(outcome, data=shown, version=_version(options, response, shown))
    )


def none_found(options: RestOptions, outcome: Outcome) -> Outcome:
    """Return the outcome of a look-up that was answered 404 or 410.

    By id that is a certain no. For a query it may be a wrong path, unless the integrator says that it is ``ok``.
    """
    if options.client_id or outcome.ok:
        return replace(outcome, kind=OutcomeKind.OK, code="", detail="", items=())
    return outcome


def lookup_params(options: RestOptions, call: Call) -> dict[str, str]:
    """Return the query that finds this object by its external id or natural key.

    Raises:
        ObjectError: the payload lacks one of these values, or the type has neither.
    """
    payload = call.payload or {}
    if options.external_id:
        wanted = {options.external_id: at(payload, options.external_id, call.object_id)}
    else:
        wanted = {name: at(payload, name) for name in options.natural_key}
    if not wanted or any(value in (None, "") for value in wanted.values()):
        raise ObjectError("the object has no key by which it could be looked up", code="no_key")
    return {**options.lookup_params, **{name: plain(value) for name, value in wanted.items()}}


def _one(
    options: RestOptions, call: Call, response: Response, shown: dict[str, Any] | None, outcome: Outcome
) -> Outcome:
    told = remote_id(options, response, shown)
    if call.verb in (Verb.READ, Verb.LOOKUP) and shown is None:
        return replace(outcome, kind=UNKNOWN, code="bad_body", detail="the answer is not an object")
    if call.verb is Verb.LOOKUP:
        return replace(outcome, remote_id=told or call.remote_id or call.object_id, items=(shown,))
    if call.verb is Verb.CREATE:
        told = told or (call.remote_id or call.object_id if options.client_id else None)
        return replace(outcome, remote_id=told) if told else no_id(outcome)
    if call.verb is Verb.UPDATE and told is not None and call.remote_id is not None and told != call.remote_id:
        detail = printable(f"the answer shows the id {told!r}", 300)
        return replace(outcome, code="id_changed", detail=detail, remote_id=call.remote_id)
    return replace(outcome, remote_id=call.remote_id or told)


def no_id(outcome: Outcome) -> Outcome:
    """Return the outcome of a create that may have been applied, under an id that nobody told."""
    return replace(outcome, kind=UNKNOWN, code="no_id", detail="the answer to the create holds no usable id")


def remote_id(options: RestOptions, response: Response | None, shown: Mapping[str, Any] | None) -> str | None:
    """Return the id that an answer shows, None where it shows none that is usable."""
    if options.id_path != LOCATION:
        return None if shown is None else usable_id(at(shown, options.id_path))
    location = response.headers.get("location", "") if response is not None else ""
    return usable_id(unquote(urlsplit(location).path.rstrip("/").rpartition("/")[2]))


def _version(options: RestOptions, response: Response, shown: Mapping[str, Any] | None) -> str | None:
    if not options.version:
        return None
    if options.version == ETAG:
        etag = usable_id(response.headers.get("etag"))
        return etag if etag is not None and etag.isascii() else None  # another could not be sent back
    return None if shown is None else usable_id(at(shown, options.version))


def _list(options: RestOptions, call: Call, data: type_json, outcome: Outcome) -> Outcome:
    if data is None and outcome.status_code != NO_CONTENT:  # absence must be certain: a lost body says nothing
        return replace(outcome, kind=UNKNOWN, code="bad_body", detail="the answer to the search has no body")
    try:
        rows = items_at(data, options.items) if data is not None else []
    except PaginationError as error:
        return replace(outcome, kind=UNKNOWN, code=error.code, detail=error.message)
    items = [unwrap(row, options.envelope) for row in rows]
    if call.verb is Verb.LIST:
        return replace(outcome, items=items)
    return _found(options, call, items, outcome)


def _found(options: RestOptions, call: Call, items: Sequence[type_json], outcome: Outcome) -> Outcome:
    """Keep what really matches: a remote that does not know the parameter answers with everything it has."""
    wanted = lookup_params(replace(options, lookup_params={}), call)
    matching = [item for item in items if isinstance(item, dict) and _matches(item, wanted)]
    if items and not matching:
        detail = "the look-up found only other objects: the remote may not know its parameters"
        return replace(outcome, kind=UNKNOWN, code="lookup_mismatch", detail=detail)
    if len(matching) != 1:
        return replace(outcome, items=matching)
    version = None
    if options.version not in ("", ETAG):
        version = usable_id(at(matching[0], options.version))
    known = remote_id(options, None, matching[0])
    return replace(outcome, items=matching, data=matching[0], remote_id=known, version=version)


def _matches(item: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    # A field that is not shown cannot contradict; letter case is the remote's business (mail addresses).
    for name, value in wanted.items():
        shown = at(item, name)
        if shown is not None and not isinstance(shown, dict | list) and plain(shown).casefold() != value.casefold():
            return False
    return True
