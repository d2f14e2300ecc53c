"""What an answer means: protocol, section 4, as data and pure functions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime

from sync.connectors.codec import loads
from sync.connectors.complaint import complaint
from sync.exceptions import (
    BadBody,
    ConfigurationError,
    Conflict,
    CrudSyncError,
    DeliveryUnknown,
    Forbidden,
    NotFound,
    NotSent,
    ObjectError,
    RateLimitExceeded,
    Refused,
    RemoteError,
    ServerError,
    StaleVersion,
    Throttled,
    Unauthorized,
)
from sync.http import Response, secrets_sent
from sync.secrets import redact
from sync.types import Outcome, OutcomeKind, Verb, type_json

MAX_RETRY_AFTER_S = 3600.0
MAX_ID = 500
MAX_DETAIL = 500
MAX_FIELD = 100
MAX_MESSAGE = 400

K = OutcomeKind

BY_STATUS: Mapping[int, OutcomeKind] = {
    401: K.UNAUTHORIZED,
    403: K.FORBIDDEN,
    404: K.NOT_FOUND,
    408: K.UNKNOWN,
    409: K.CONFLICT,
    410: K.NOT_FOUND,
    412: K.STALE_VERSION,
    429: K.THROTTLED,
}
"""What a status means for any verb; a status of no table: by its hundred."""

BY_HUNDRED: Mapping[int, OutcomeKind] = {2: K.OK, 3: K.FORBIDDEN, 4: K.REFUSED, 5: K.UNKNOWN}

BY_VERB: Mapping[Verb, Mapping[int, OutcomeKind]] = {
    Verb.CREATE: {404: K.REFUSED, 410: K.REFUSED},
    Verb.DELETE: {404: K.OK, 410: K.OK},
}

CODES: Mapping[OutcomeKind, str] = {
    K.OK: "",
    K.UNKNOWN: "server_error",
    K.UNAVAILABLE: "unavailable",
    K.THROTTLED: "throttled",
    K.UNAUTHORIZED: "unauthorized",
    K.FORBIDDEN: "forbidden",
    K.REFUSED: "refused",
    K.NOT_FOUND: "not_found",
    K.CONFLICT: "conflict",
    K.STALE_VERSION: "stale_version",
}

BY_ERROR: tuple[tuple[type[Exception], OutcomeKind], ...] = (
    (NotSent, K.NOT_SENT),
    (DeliveryUnknown, K.UNKNOWN),
    # A header or URL that cannot be sent is the connection's fault; a payload that cannot, the object's.
    (ConfigurationError, K.NOT_SENT),
    (ObjectError, K.REFUSED),
    (RateLimitExceeded, K.NO_TOKEN),
)

ERRORS: Mapping[OutcomeKind, type[RemoteError]] = {
    K.NOT_SENT: NotSent,
    K.UNKNOWN: DeliveryUnknown,
    K.UNAVAILABLE: Throttled,
    K.THROTTLED: Throttled,
    K.UNAUTHORIZED: Unauthorized,
    K.FORBIDDEN: Forbidden,
    K.REFUSED: Refused,
    K.NOT_FOUND: NotFound,
    K.CONFLICT: Conflict,
    K.STALE_VERSION: StaleVersion,
}

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_SPACE = re.compile(r"\s+")


def kind_of(
    verb: Verb, status: int, *, retry_after: bool = False, overrides: Mapping[str, Mapping[int, str]] | None = None
) -> OutcomeKind:
    """Return what a status means for a verb.

    Args:
        verb: that was asked.
        status: HTTP status.
        retry_after: a usable Retry-After came with it.
        overrides: verb → status → kind, of the integrator; they win.
    """
    own = (overrides or {}).get(verb, {}).get(status)
    if own is not None:
        return OutcomeKind(own)
    if status == 503 and retry_after:
        return K.UNAVAILABLE
    for table in (BY_VERB.get(verb, {}), BY_STATUS):
        if status in table:
            return table[status]
    return BY_HUNDRED.get(status // 100, K.UNKNOWN)


def code_of(kind: OutcomeKind, status: int) -> str:
    """Return the stable word for an outcome that a status alone decided."""
    if 300 <= status < 400:
        return "redirect"
    if kind is K.OK and status in (404, 410):
        return "already_gone"
    return "request_timeout" if status == 408 and kind is K.UNKNOWN else CODES.get(kind, str(kind))


def from_error(error: Exception) -> Outcome:
    """Return the outcome of a call that got no answer."""
    kind = next((kind for cls, kind in BY_ERROR if isinstance(error, cls)), K.UNKNOWN)
    if not isinstance(error, CrudSyncError):
        return Outcome(kind=kind, code="client_error", detail=f"the call failed with {type(error).__name__}")
    waits = getattr(error, "retry_after_s", None)
    return Outcome(kind=kind, code=error.code, detail=printable(str(error), MAX_DETAIL), retry_after_s=waits)


def from_status(
    verb: Verb,
    response: Response,
    overrides: Mapping[str, Mapping[int, str]] | None = None,
    now: dt.datetime | None = None,
) -> Outcome:
    """Return the outcome that status and headers alone give; a 2xx body is still to be looked at.

    Args:
        verb: that was asked.
        response: with its body read.
        overrides: see ``kind_of``.
        now: aware; for a Retry-After that is a date. Default: the time that the answer itself says it is.
    """
    status = response.status_code
    told = response.headers.get("retry-after")
    waits = parse_retry_after(told, now or sent_at(response.headers)) if told else None
    kind = kind_of(verb, status, retry_after=waits is not None, overrides=overrides)
    code = code_of(kind, status)
    if kind is K.OK:
        return Outcome(kind=kind, code=code, status_code=status, retry_after_s=waits)
    known = said_by_us(response)
    field, message = complaint(response.content)
    return Outcome(
        kind=kind,
        code=code,
        detail=_sentence(status, response.content, known),
        status_code=status,
        retry_after_s=waits,
        field=excerpt(field, MAX_FIELD, known),
        message=excerpt(message, MAX_MESSAGE, known),
    )


def to_error(outcome: Outcome) -> RemoteError:
    """Return the exception that says what an outcome says, for callers who want to raise.

    Args:
        outcome: any that is not ok.
    """
    cls = ServerError if outcome.status_code >= 500 and outcome.kind is K.UNKNOWN else ERRORS.get(outcome.kind)
    return (cls or RemoteError)(
        outcome.detail, status_code=outcome.status_code, retry_after_s=outcome.retry_after_s, code=outcome.code
    )


def parse_body(response: Response) -> type_json:
    """Return the parsed body of an answer.

    Raises:
        BadBody: it is not what it says it is.
    """
    return loads(response.content or b"", response.headers.get("content-type", ""))


def parse_retry_after(
    value: str | None, now: dt.datetime | None = None, cap_s: float = MAX_RETRY_AFTER_S
) -> float | None:
    """Return the seconds of a Retry-After (RFC 9110, section 10.2.3), None where it is absent or garbage.

    Args:
        value: whole or decimal seconds, or an HTTP date.
        now: aware; default: the clock.
        cap_s: seconds; more is cut, since a remote must not stop a connection for a year.
    """
    text = (value or "").strip()
    if not text or len(text) > 64 or not text.isascii():
        return None
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return min(float(text), cap_s)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    left = (moment - (now or dt.datetime.now(dt.UTC))).total_seconds()
    return min(left, cap_s) if left >= 0 else None


def sent_at(headers: Mapping[str, str]) -> dt.datetime | None:
    """Return when an answer was sent by its remote's own clock (RFC 9110, section 6.6.1), None where it does not say.

    A date in another header is compared with it: this machine's clock may be an hour wrong.

    Args:
        headers: the answer's; a mapping that ignores case.
    """
    try:
        moment = parsedate_to_datetime(headers.get("date") or "")
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def usable_id(value: type_json) -> str | None:
    """Return an id as text; None for what is none: bool, float, list, object, null, empty, unprintable, too long.

    Args:
        value: as parsed from the answer; ids are text, whatever the remote sends.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int) and abs(value) >= 10**MAX_ID:
        return None
    text = str(value)
    return text if 0 < len(text) <= MAX_ID and text.strip() == text and not _CONTROL.search(text) else None


def printable(text: str, limit: int) -> str:
    """Return a text that any database can store, on one line, cut to ``limit`` characters."""
    clean = _SPACE.sub(" ", _UNPRINTABLE.sub("\ufffd", text[: limit * 4])).strip()
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"


def said_by_us(response: Response) -> tuple[str, ...]:
    """Return the credentials of the request that this answers: remotes repeat them in what they complain of."""
    request = getattr(response, "request", None)
    return () if request is None else secrets_sent(request.headers, request.url)


def excerpt(body: bytes | str | None, limit: int = 2000, known: Iterable[str] = ()) -> str:
    """Return the beginning of a body, fit to be stored and shown: no NUL, no half characters, no secrets.

    Args:
        body: of a request or an answer, of any size and in any state.
        limit: characters.
        known: secrets that are hidden wherever they stand; see ``said_by_us``.
    """
    if not body:
        return ""
    # Secrets are hidden before the cut: one that was cut in two would not be recognised.
    known = tuple(known)
    head = body[: limit * 4]
    text = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
    if len(body) > len(head) and known:  # what is hidden may make room for the half of one that was cut here
        text = text[: -max(len(value) for value in known)]
    return printable(redact(_UNPRINTABLE.sub("\ufffd", text), known), limit)


def _sentence(status: int, body: bytes | None, known: Iterable[str]) -> str:
    said = excerpt(body, MAX_DETAIL - 60, known)
    return f"the remote answered {status}: {said}" if said else f"the remote answered {status}"


def bad_body(status: int, error: BadBody) -> Outcome:
    """Return the outcome of a 2xx whose body cannot be read: it may have been applied."""
    return Outcome(kind=K.UNKNOWN, code=error.code, detail=printable(str(error), MAX_DETAIL), status_code=status)
