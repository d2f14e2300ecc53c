"""Logs: what each line is about, one JSON object a line, and no secrets in either form.

Used by the site's ``LOGGING``; touches no model, since logging is set up before there are any.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sync import tracing
from sync.correlation import correlation_id, usable
from sync.correlation.fields import NAMES, fields
from sync.exceptions import CrudSyncError
from sync.secrets import hushed, is_secret_name, trace

PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "context"}
"""What every record has; the rest is what its author says beside the message."""

LONGEST = 20_000
"""Characters of a message or a traceback in a line: whoever collects lines drops, or cuts, longer ones."""

_hushing: ContextVar[bool] = ContextVar("crudsync.hushing", default=False)


class ContextFilter(logging.Filter):
    """Say on every record what it is about, for whichever formatter: ``%(correlation_id)s``, ``%(context)s``.

    The first is ``-`` where there is no id; the second all that is known, as ``key=value``, each with a blank after it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything through."""
        told = context_of(record)
        record.correlation_id = told.get("correlation_id", "-")
        record.context = "".join(f"{name}={_on_one_line(value)} " for name, value in told.items())
        return True


class LineFormatter(logging.Formatter):
    """A line as the format says, without secrets in its message and its traceback, on as many lines as that needs."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        return _without_secrets(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """Return a traceback without secrets."""
        return _trace(ei)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, and what the line is about.

    That are ``correlation_id``, ``task_id``, ``task``, ``connection``, ``object_type``, ``object_id``, ``operation``,
    ``duration_ms``, ``trace_id`` and ``span_id``, each where it is known; then what the author of the line gave as
    ``extra``, and ``exception``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        at = dt.datetime.fromtimestamp(record.created, dt.UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": _without_secrets(_message(record)),
            **context_of(record),
        }
        # Nobody's extra stands in for what every line has.
        line |= {name: value for name, value in _extra(record).items() if name not in line}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _trace(record.exc_info)
        if record.stack_info:
            line["stack"] = _without_secrets(record.stack_info)
        return json.dumps(line, ensure_ascii=True, default=str)


def context_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record is about, by name, in the thread that logs it; what is not known is left out."""
    told: dict[str, Any] = {}
    if id_ := correlation_id() or usable(getattr(getattr(record, "request", None), "correlation_id", "")):
        told["correlation_id"] = id_  # Django logs what it answered after the last middleware has ended
    told.update(fields())
    told.update({name: vars(record)[name] for name in NAMES if name in vars(record)})
    data = getattr(record, "data", None)  # Celery's own lines about a task
    if isinstance(data, dict) and isinstance(data.get("id"), str):
        told.setdefault("task_id", data["id"])
    if carried := tracing.carried():
        told["trace_id"], told["span_id"] = carried.split("-")[:2]
    return told


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a line that is wrong is still a line
        return f"{record.msg} ({type(error).__name__} in its arguments)"


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """What the author gave beside the message: scalars alone, and none that is named like a secret."""
    return {
        name: _without_secrets(value) if isinstance(value, str) else value
        for name, value in vars(record).items()
        if name not in PLAIN and name not in NAMES and name != "correlation_id" and _is_plain(name, value)
    }


def _is_plain(name: str, value: object) -> bool:
    if isinstance(value, float) and not math.isfinite(value):  # no JSON
        return False
    return isinstance(value, str | int | float | bool) and not is_secret_name(name)


def _trace(info: Any) -> str:
    error = info[1]
    if _hushing.get() or error is None:
        return type(error).__name__
    with _once():
        return trace(error)[-LONGEST:]


def _without_secrets(text: str) -> str:
    """The text; a line that is logged while secrets are looked up is let through as it is: it is one of ours."""
    text = text[:LONGEST]
    if _hushing.get():
        return text
    with _once():
        try:
            return hushed(text)
        except CrudSyncError:  # the settings are wrong, and whoever logs is about to say so
            return text


@contextmanager
def _once() -> Iterator[None]:
    token = _hushing.set(True)
    try:
        yield
    finally:
        _hushing.reset(token)


def _on_one_line(value: object) -> str:
    return str(value).encode("unicode_escape").decode().replace(" ", "\\x20")
