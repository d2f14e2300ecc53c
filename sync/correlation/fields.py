"""What the lines of a log say beside their message: which task, connection, object and operation they are about."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Protocol

from sync.correlation import ids

NAMES = ("task_id", "task", "connection", "object_type", "object_id", "operation", "duration_ms")
"""The fields of a line, in their order; after ``correlation_id``."""


class Subject(Protocol):
    """What work is done for: an object on its way, or several of one type."""

    @property
    def correlation_id(self) -> str:
        """The id of the request or job that it is done for."""

    @property
    def object_type(self) -> str:
        """The name of its object type."""

    @property
    def object_id(self) -> str:
        """The primary key of its row as text, empty where there are several."""


_fields: ContextVar[Mapping[str, object]] = ContextVar("crudsync.fields", default={})  # noqa: B039 - never changed
_about: ContextVar[about | None] = ContextVar("crudsync.about", default=None)


def fields() -> Mapping[str, object]:
    """Return what a line that is logged now is about."""
    work = _about.get()
    return _fields.get() if work is None else {**_fields.get(), **work.fields()}


class noted:  # noqa: N801 - used as a function
    """Let lines that are logged inside the block say what they are about.

    Args:
        given: fields, by the names in ``NAMES``; empty ones are left out.
    """

    __slots__ = ("_given", "_token")

    def __init__(self, **given: object) -> None:
        self._given = given

    def __enter__(self) -> None:
        self._token: Token[Mapping[str, object]] = _fields.set({**_fields.get(), **_told(self._given)})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _fields.reset(self._token)


class about:  # noqa: N801 - used as a function
    """Let everything inside the block go by the id of its subject, and lines say which object they are about.

    Entered several times for each object that is sent: nothing is looked at before somebody asks.

    Args:
        subject: for what the work is done.
        operation: the record of the attempt, 0 where there is none.
    """

    __slots__ = ("_id", "_operation", "_subject", "_was")

    def __init__(self, subject: Subject, operation: int = 0) -> None:
        self._subject, self._operation = subject, operation

    def __enter__(self) -> None:
        self._id: Token[Any] = ids._id.set(self._subject)
        self._was: Token[about | None] = _about.set(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _about.reset(self._was)
        ids._id.reset(self._id)

    def fields(self) -> Mapping[str, object]:
        """Return what a line is about."""
        subject = self._subject
        given = {"object_type": subject.object_type, "object_id": subject.object_id, "operation": self._operation}
        return _told(given)


def _told(given: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in given.items() if value}
