"""What the lines of a log say beside their message: which task, connection, object and operation they are about."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import TracebackType

from sync.correlation import ids
from sync.correlation.origin import parse

NAMES = ("task_id", "task", "connection", "object_type", "object_id", "operation", "duration_ms")
"""The fields of a line, in their order; after ``correlation_id``."""

_fields: ContextVar[Mapping[str, object]] = ContextVar("crudsync.fields", default={})  # noqa: B039 - never changed


def fields() -> Mapping[str, object]:
    """Return what a line that is logged now is about."""
    return _fields.get()


class noted:  # noqa: N801 - used as a function; contextlib's way costs more than what it does here
    """Let lines that are logged inside the block say what they are about.

    Args:
        given: fields, by the names in ``NAMES``; empty ones are left out.
    """

    __slots__ = ("_given", "_token")

    def __init__(self, **given: object) -> None:
        self._given = given

    def __enter__(self) -> None:
        told = {name: value for name, value in self._given.items() if value not in ("", None)}
        self._token: Token[Mapping[str, object]] = _fields.set({**_fields.get(), **told})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _fields.reset(self._token)


class about:  # noqa: N801 - as above
    """Let everything inside the block go by what a row keeps of its origin, and lines say which object they are about.

    Args:
        origin: of the row, packed.
        given: fields, as of :class:`noted`.
    """

    __slots__ = ("_id", "_noted", "_origin")

    def __init__(self, origin: str, **given: object) -> None:
        self._origin, self._noted = origin, noted(**given)

    def __enter__(self) -> None:
        self._id: Token[str] = ids._id.set(parse(self._origin).correlation_id if self._origin else "")
        self._noted.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._noted.__exit__(kind, error, at)
        ids._id.reset(self._id)
