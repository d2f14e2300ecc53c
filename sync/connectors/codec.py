"""Values to bytes and back."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from email.message import Message
from enum import Enum
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.duration import duration_iso_string
from django.utils.functional import Promise

from sync.exceptions import BadBody, PayloadError
from sync.types import type_json

MAX_DEPTH = 100
"""Levels of nesting, out and in. Python's own limit is met sooner the deeper the caller stands."""

CONTENT_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
    "binary": "application/octet-stream",
}


def dumps(value: Any) -> str:
    """Return canonical JSON: sorted keys, no spaces, ASCII only; so it can be compared, hashed and stored anywhere.

    Raises:
        PayloadError: see ``normalise``.
    """
    try:
        text = _encode(value)
        if text.count("[") + text.count("{") <= MAX_DEPTH:
            return text
    except (TypeError, ValueError, RecursionError, PayloadError):
        # The slower way below says what is wrong and where.
        text = ""
    form = normalise(value)
    try:
        return text or _encode(form)
    except ValueError:
        raise PayloadError("payload holds a whole number that is too long", code="payload") from None


def normalise(value: Any) -> type_json:
    """Return the JSON form of a value, as ``json.loads(dumps(value))`` would.

    Decimal becomes text (a float would change it), dates and times ISO 8601 (naive ones are taken in the current time
    zone), durations ISO 8601, UUID and lazy strings text, sets and tuples lists.

    Raises:
        PayloadError: no JSON form: NaN, bytes, other classes, more than 100 levels. Its sentence names the place.
    """
    return _normalise(value, "payload", MAX_DEPTH)


def loads(body: bytes, content_type: str = "") -> type_json:
    """Return what a body says, by its content type.

    Args:
        body: decoded from its content encoding.
        content_type: the header's value. JSON is expected where it is empty or unknown text.

    Returns:
        JSON as Python; other text as str; binary types as bytes; None for an empty body.

    Raises:
        BadBody: HTML; JSON that is malformed, not finite, too deep, or in no known character set.
    """
    if not body or not body.strip():
        return None
    kind, charset = _media_type(content_type)
    if kind in ("text/html", "application/xhtml+xml"):
        raise BadBody("the remote answered with a web page")
    if kind == "" or kind.endswith(("/json", "+json")):
        return _parse(body, charset)
    if kind.startswith("text/") or kind.endswith(("/xml", "+xml", "javascript", "x-www-form-urlencoded")):
        return _text_or_json(body, charset)
    return body


def encode(payload: Mapping[str, Any], encoding: str) -> bytes:
    """Return the bytes of a request's body.

    Args:
        payload: for ``text`` and ``binary`` it holds exactly one value: text, or bytes or base64 text.
        encoding: ``json``, ``form`` (nested names as ``a[b]``, ``a[0]``), ``text`` or ``binary``.

    Raises:
        PayloadError: the payload has no such form.
    """
    if encoding == "json":
        return dumps(payload).encode("ascii")
    if encoding == "form":
        try:
            return urlencode(list(_pairs(normalise(payload), ""))).encode("ascii")
        except UnicodeEncodeError:
            raise PayloadError("the payload holds half a character", code="payload") from None
    return _single(payload, encoding)


def _default(value: Any) -> type_json:
    return _scalar(value, "payload")


_encoder = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False, default=_default)
_encode = _encoder.encode


def _normalise(value: Any, where: str, depth: int) -> type_json:
    if isinstance(value, str | int) and type(value) in (str, int, bool):
        return value
    if depth <= 0:
        raise _unfit(where.partition(".")[0], f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {_name(key, where): _normalise(item, f"{where}.{key}", depth - 1) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((_normalise(item, where, depth - 1) for item in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
        return [_normalise(item, f"{where}.{index}", depth - 1) for index, item in enumerate(value)]
    return _scalar(value, where)


def _scalar(value: Any, where: str) -> type_json:
    if isinstance(value, Enum):
        return _normalise(value.value, where, MAX_DEPTH)
    if value is None or isinstance(value, str | int):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, float | Decimal):
        if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
            raise _unfit(where, "is not a finite number")
        return format(value, "f") if isinstance(value, Decimal) else value
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return _temporal(value)
    if isinstance(value, uuid.UUID | Promise):
        return str(value)
    if isinstance(value, AbstractSet | Sequence | Mapping) and not isinstance(value, bytes | bytearray | memoryview):
        return _normalise(value, where, MAX_DEPTH)
    hint = "encode bytes in set_data(), for example as base64 text" if isinstance(value, bytes | bytearray) else ""
    raise _unfit(where, f"is {type(value).__name__}, which has no JSON form", hint)


def _temporal(value: dt.date | dt.time | dt.timedelta) -> str:
    if isinstance(value, dt.timedelta):
        return duration_iso_string(value)
    if isinstance(value, dt.datetime) and value.tzinfo is None:
        value = timezone.make_aware(value)
    return value.isoformat()


def _name(key: Any, where: str) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, int | uuid.UUID | Promise) and not isinstance(key, bool):
        return str(key)
    raise _unfit(where, f"has a key that is {type(key).__name__}, not text")


def _unfit(where: str, what: str, hint: str = "") -> PayloadError:
    return PayloadError(f"{where} {what}", code="payload", hint=hint)


def _media_type(content_type: str) -> tuple[str, str]:
    kind, _, parameters = content_type.partition(";")
    if "charset" not in parameters.lower():
        return kind.strip().lower(), ""
    message = Message()
    message["content-type"] = content_type
    return kind.strip().lower(), str(message.get_content_charset() or "")


def _parse(body: bytes, charset: str) -> type_json:
    try:
        value = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
    except UnicodeDecodeError:
        return _parse_text(_decode(body, charset))
    except (ValueError, RecursionError) as error:
        raise _bad_json(error) from None
    return _checked(value, body.count(b"[") + body.count(b"{"))


def _parse_text(text: str) -> type_json:
    try:
        value = json.loads(text.removeprefix("\ufeff"), parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise _bad_json(error) from None
    return _checked(value, text.count("[") + text.count("{"))


def _bad_json(error: Exception) -> BadBody:
    if isinstance(error, json.JSONDecodeError):
        return BadBody(f"the answer is not JSON: {error.msg} at {error.pos}")
    if isinstance(error, RecursionError):
        return BadBody("the answer is nested too deeply")
    return BadBody("the answer holds a number that is not finite, or too long")


def _text_or_json(body: bytes, charset: str) -> type_json:
    text = _decode(body, charset).removeprefix("\ufeff")
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _parse_text(text)
        except BadBody:
            return text
    return text


def _decode(body: bytes, charset: str) -> str:
    for name in ("utf-8", charset):
        try:
            return body.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    raise BadBody("the answer is in no known character set")


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("out of range")
    return value


def _checked(value: type_json, brackets: int) -> type_json:
    # Only a body with many brackets can be deep, so most are never walked.
    if brackets <= MAX_DEPTH:
        return value
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return value
    raise BadBody("the answer is nested too deeply")


def _children(value: type_json) -> Iterator[type_json]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (child for child in inner if isinstance(child, dict | list))


def _pairs(value: type_json, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _pairs(item, f"{name}[{key}]" if name else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _pairs(item, f"{name}[{index}]")
    else:
        yield name, plain(value)


def plain(value: Any) -> str:
    """Return a scalar as it stands in a form or a query: ``true``, ``false``, empty for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(normalise(value))


def _single(payload: Mapping[str, Any], encoding: str) -> bytes:
    values = list(payload.values())
    if len(values) != 1:
        raise PayloadError(f"a {encoding} body needs a payload with exactly one value", code="payload")
    value = values[0]
    if isinstance(value, bytes):
        return value
    try:
        text = plain(value)
        return text.encode() if encoding == "text" else base64.b64decode(text, validate=True)
    except ValueError:
        raise PayloadError(f"the payload has no {encoding} form", code="payload") from None
