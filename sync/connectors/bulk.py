"""Several objects in one request. What was sent and what was answered are paired by a key, never by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sync.connectors import classify, objects
from sync.connectors.codec import dumps, plain
from sync.connectors.complaint import complaint
from sync.connectors.options import RestOptions
from sync.connectors.pagination import at, items_at
from sync.exceptions import BadBody, ConfigurationError, ObjectError, PaginationError
from sync.types import Answer, BulkSpec, Call, Outcome, OutcomeKind, Verb, type_json

K = OutcomeKind

_WHOLE_BATCH = frozenset({K.REFUSED, K.NOT_FOUND, K.CONFLICT, K.STALE_VERSION})
_STATUS_NAMES = ("status_code", "statusCode", "status", "code")
_ERROR_NAMES = ("error", "errors")


def body(options: RestOptions, bulk: BulkSpec, calls: Sequence[Call]) -> tuple[Verb, str, bytes]:
    """Return the verb, the path and the JSON body of a batch.

    Args:
        options: of the object type.
        bulk: its bulk endpoints.
        calls: of one verb, create or update, each with its whole payload; to an update that lacks the pairing key the
            remote id is added under the last part of ``id_path``.

    Raises:
        ConfigurationError: verbs differ, the verb has no bulk path, or there are more calls than ``size``.
        ObjectError: a payload without the pairing key, or two with the same.
    """
    verb = calls[0].verb if calls else Verb.CREATE
    path = {Verb.CREATE: bulk.create, Verb.UPDATE: bulk.update}.get(verb, "")
    if not calls or not path or any(call.verb is not verb for call in calls) or len(calls) > bulk.size:
        raise ConfigurationError("these calls are no batch of this type", code="bad_batch")
    rows = [_row(options, call) for call in calls]
    keys = [key_of(row, bulk) for row in rows]
    if len(set(keys)) != len(keys):
        raise ObjectError(f"two objects of a batch have the same {bulk.key}", code="duplicate_key")
    wrapped: Any = rows
    for part in reversed([part for part in bulk.envelope.removesuffix("[]").split(".") if part]):
        wrapped = {part: wrapped}
    return verb, path, dumps(wrapped).encode("ascii")


def outcomes(options: RestOptions, bulk: BulkSpec, calls: Sequence[Call], answer: Answer) -> list[Outcome]:
    """Return one outcome for each call, in their order.

    A refused batch is ``batch_refused`` for all (the caller splits it, to find out who is to blame). In a 2xx, an
    object that the answer does not name is unknown, and one that is named with an error gets that error. A 2xx that
    names nobody is success for updates, and unknown for creates, whose ids nobody knows.

    Args:
        options: of the object type.
        bulk: its bulk endpoints.
        calls: those of the request.
        answer: what the transport returned.
    """
    if answer.response is None:
        whole = classify.from_error(answer.error or ConfigurationError("there is no answer"))
        return [whole] * len(calls)
    # Its status is that of the batch, not of an object, so the table of the object's verb does not apply.
    whole = classify.from_status(Verb.LIST, answer.response)
    if whole.kind in _WHOLE_BATCH:
        whole = replace(whole, kind=K.REFUSED, code="batch_refused")
    if not whole.ok:
        return [whole] * len(calls)
    try:
        data = classify.parse_body(answer.response)
    except BadBody as error:
        return [classify.bad_body(whole.status_code, error)] * len(calls)
    named = _by_key(options, bulk, data)
    known = classify.said_by_us(answer.response)
    return [_outcome(options, bulk, call, named, whole, known) for call in calls]


def key_of(row: Mapping[str, Any], bulk: BulkSpec) -> str:
    """Return the value that pairs a row with its answer, as text.

    Raises:
        ObjectError: the row has none.
    """
    value = at(row, bulk.key)
    if value is None or value == "" or isinstance(value, dict | list):
        raise ObjectError(f"the payload has no {bulk.key}, by which answers of a batch are paired", code="no_key")
    return plain(value)


def _row(options: RestOptions, call: Call) -> Mapping[str, Any]:
    row = call.payload or {}
    name = options.id_path.rpartition(".")[2]
    if call.verb is Verb.UPDATE and call.remote_id and at(row, name) is None:
        row = {**row, name: call.remote_id}
    return row


def _rows(bulk: BulkSpec, data: type_json) -> list[type_json]:
    try:
        return items_at(data, bulk.items)
    except PaginationError:
        return []


def _by_key(options: RestOptions, bulk: BulkSpec, data: type_json) -> dict[str, list[dict[str, Any]]]:
    named: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(bulk, data):
        if not isinstance(row, dict):
            continue
        shown = _shown(options, row)
        value = at(row, bulk.key, at(shown, bulk.key))
        if value is not None and not isinstance(value, dict | list):
            named.setdefault(plain(value), []).append(row)
    return named


def _shown(options: RestOptions, row: dict[str, Any]) -> dict[str, Any]:
    inner = objects.unwrap(row, options.envelope)
    return inner if isinstance(inner, dict) else row


def _outcome(
    options: RestOptions,
    bulk: BulkSpec,
    call: Call,
    named: Mapping[str, Sequence[dict[str, Any]]],
    whole: Outcome,
    known: Sequence[str],
) -> Outcome:
    rows = named.get(key_of(_row(options, call), bulk), ())
    if not named and call.verb is Verb.UPDATE:
        return replace(whole, remote_id=call.remote_id)
    if not named:
        return objects.no_id(whole)
    if len(rows) != 1:
        code, what = ("ambiguous_answer", "names it twice") if rows else ("missing_in_answer", "does not name it")
        return replace(whole, kind=K.UNKNOWN, code=code, detail=f"the answer to the batch {what}")
    return _named(options, call, rows[0], whole, known)


def _named(options: RestOptions, call: Call, row: dict[str, Any], whole: Outcome, known: Sequence[str]) -> Outcome:
    if (error := _error(options, call.verb, row, whole, known)) is not None:
        return error
    shown = _shown(options, row)
    told = objects.remote_id(options, None, shown)
    if call.verb is Verb.CREATE and told is None:
        return objects.no_id(whole)
    if call.verb is Verb.CREATE:
        return replace(whole, remote_id=told, data=shown)
    changed = told is not None and told != call.remote_id
    return replace(whole, remote_id=call.remote_id, data=shown, code="id_changed" if changed else "")


def _error(
    options: RestOptions, verb: Verb, row: dict[str, Any], whole: Outcome, known: Sequence[str]
) -> Outcome | None:
    status = next((row[name] for name in _STATUS_NAMES if _is_status(row.get(name))), 0)
    names = (options.errors, *_ERROR_NAMES) if options.errors else _ERROR_NAMES
    said = next((found for name in names if (found := at(row, name))), None)
    if status >= 300:
        kind = classify.kind_of(verb, status, overrides=options.outcomes)
    elif said is not None:
        kind = K.REFUSED
    else:
        return None
    if kind is K.OK:
        return None
    shown = dumps(row if said is None else said)
    body = shown.encode("utf-8", "surrogatepass")  # half characters are no reason to fail
    text = classify.excerpt(shown, 300, known)
    detail = f"the remote answered for it: {text}"
    field, message = (classify.excerpt(part, 300, known) for part in complaint(body))
    return replace(
        whole,
        kind=kind,
        code=classify.code_of(kind, status),
        detail=detail,
        status_code=status or whole.status_code,
        field=field,
        message=message,
    )


def _is_status(value: type_json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599
