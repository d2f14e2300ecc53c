"""What a verb that an integrator wrote itself means for delivery."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sync.connectors import classify
from sync.connectors.classify import usable_id
from sync.exceptions import ObjectError, RemoteError
from sync.types import Outcome, OutcomeKind, Verb

# A 503 with Retry-After raises the same class as a 429, so that one is told apart by its status.
KINDS = {cls: kind for kind, cls in classify.ERRORS.items() if kind is not OutcomeKind.UNAVAILABLE}


def after_return(verb: Verb, returned: Any, sent: Sequence[Outcome], id_in: Callable[[Any], Any]) -> Outcome:
    """Return the outcome of a verb that came to its end.

    Args:
        verb: create, update or delete.
        returned: by it.
        sent: the outcome of the claimed attempt, where the verb called ``super()``.
        id_in: finds the id in a returned dict.
    """
    if sent:
        return sent[0]
    shown = dict(returned) if isinstance(returned, Mapping) else None
    known = usable_id(returned if shown is None else id_in(shown))
    if verb is Verb.CREATE and known is None:
        detail = "create_object() sent no attempt and returned no usable id"
        return Outcome(kind=OutcomeKind.UNKNOWN, code="no_id", detail=detail)
    return Outcome(kind=OutcomeKind.OK, remote_id=known if verb is Verb.CREATE else None, data=shown)


def after_error(verb: Verb, error: Exception, sent: Sequence[Outcome]) -> Outcome:
    """Return the outcome of a verb that raised: what the remote said of the attempt comes first.

    Args:
        verb: create, update or delete.
        error: that it raised.
        sent: as for after_return().

    Raises:
        ObjectError: the verb says that the object cannot be sent, and sent nothing.
    """
    detail = classify.printable(f"{verb}_object() raised {type(error).__name__}: {error}", 300)
    if sent:
        hooked = replace(sent[0], kind=OutcomeKind.HOOK_ERROR, code="hook_error", detail=detail)
        return hooked if sent[0].ok else sent[0]
    if isinstance(error, ObjectError):
        raise error
    if isinstance(error, RemoteError):
        return _of_remote(verb, error)
    return Outcome(kind=OutcomeKind.UNKNOWN, code="hook_error", detail=detail)


def _of_remote(verb: Verb, error: RemoteError) -> Outcome:
    outcome = classify.from_error(error)
    kind = KINDS.get(type(error), outcome.kind)
    if kind is OutcomeKind.THROTTLED and error.status_code == 503:
        kind = OutcomeKind.UNAVAILABLE
    if verb is Verb.DELETE and kind is OutcomeKind.NOT_FOUND:
        kind = OutcomeKind.OK
    if verb is Verb.CREATE and kind is OutcomeKind.NOT_FOUND:
        kind = OutcomeKind.REFUSED
    return replace(outcome, kind=kind, status_code=error.status_code)
