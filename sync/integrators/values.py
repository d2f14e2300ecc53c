"""Python values of a row as JSON values of a payload."""

from __future__ import annotations

import base64
import datetime as dt
import os
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db.models import Manager, Model, QuerySet
from django.db.models.fields.files import FieldFile

from sync.connectors.codec import normalise
from sync.exceptions import PayloadError
from sync.types import type_json

PLAIN = frozenset({str, int, bool, type(None)})
"""Types that are their own JSON form; every other value is looked at."""

BYTES = (bytes, bytearray, memoryview)

FINITE: Mapping[type[Any], Callable[[Any], type_json]] = {
    Decimal: lambda value: format(value, "f") if value.is_finite() else normalise(value),
    dt.datetime: lambda value: value.isoformat() if value.tzinfo else normalise(value),
    dt.date: dt.date.isoformat,
    uuid.UUID: str,
}
"""A short way for the types that rows are full of; the rule is that of normalise()."""


def json_value(value: Any, where: str = "payload", *, binary: bool = False) -> type_json:
    """Return a value as JSON takes it.

    Decimals become text without exponent, dates and times ISO 8601 (with offset), durations ISO 8601, UUIDs and lazy
    strings text, enumerations their value, files their URL (null where there is none), sets and tuples lists.

    Args:
        value: anything that a model field or a hook gives.
        where: name of the field, for the error's sentence.
        binary: the body is sent as bytes: they travel as base64 text until then.

    Raises:
        PayloadError: NaN, bytes, a model instance, another class, more than 100 levels.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if isinstance(value, FieldFile):
        return _url(value, where)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if binary and isinstance(value, BYTES):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, Model | Manager | QuerySet):
        raise PayloadError(
            f"{where} is a {type(value).__name__}, which has no JSON form",
            code="payload",
            hint="send the remote id with via=, or turn it into a value with to=",
        )
    try:
        return FINITE.get(kind, normalise)(value)
    except PayloadError as error:
        message = error.message.replace("payload", where, 1)
        raise PayloadError(message, code=error.code, hint=_hint(value, error)) from None
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise PayloadError(f"{where} has no JSON form: {type(error).__name__}", code="payload") from error


def json_object(data: Any, *, binary: bool = False) -> dict[str, type_json]:
    """Return what a hook gave as a payload.

    Args:
        data: a mapping, keys as text.
        binary: as for json_value().

    Raises:
        PayloadError: it is no mapping, or holds what has no JSON form.
    """
    if not isinstance(data, Mapping):
        raise PayloadError(
            f"set_data() returned a {type(data).__name__}, not a dict",
            code="payload",
            hint="return the payload as a dict",
        )
    return {str(key): json_value(value, str(key), binary=binary) for key, value in data.items()}


def _url(value: FieldFile, where: str) -> str | None:
    if not value:
        return None
    try:
        return str(value.url)
    except (ValueError, NotImplementedError, SuspiciousOperation) as error:
        raise PayloadError(
            f"{where} is a file without a URL", code="payload", hint="give the storage a base_url, or use to="
        ) from error


def _hint(value: Any, error: PayloadError) -> str:
    if isinstance(value, BYTES):
        return "encode bytes with to=, for example as base64 text"
    return error.hint or "turn it into text or a number with to="
