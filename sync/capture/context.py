"""Who is writing, and whether it is captured."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from sync import conf
from sync.exceptions import ConfigurationError
from sync.outbox import session

logger = logging.getLogger("crudsync.capture")


ACTOR_LENGTH = 150
REASON_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The writer's circumstances: who it is, why it writes, and whether capture is off for it.

    ``ask`` finds out who it is, once something is written. ``recorded`` says that the caller records what it writes.
    """

    ask: Callable[[], object] = str
    reason: str = ""
    off: bool = False
    recorded: bool = False

    @property
    def actor(self) -> str:
        """The writer's name, empty where nobody said."""
        return _fitting(self.ask(), ACTOR_LENGTH)


_context: ContextVar[Context] = ContextVar("crudsync.context", default=Context())  # noqa: B039 - frozen
_switch = {"on": True}


def current() -> Context:
    """Return the circumstances of the writer that runs now."""
    return _context.get()


def current_actor() -> str:
    """Return the name of whoever writes now, empty where nobody said."""
    return current().actor


def wanted() -> bool:
    """Return whether writes are to be captured here and now, by whomever."""
    return _switch["on"] and not _context.get().off and conf.current().enabled


def capturing() -> bool:
    """Return whether writes are captured here and now by what is hooked onto models."""
    return wanted() and not _context.get().recorded


@contextmanager
def actor(name: str, reason: str = "") -> Iterator[None]:
    """Name whoever writes inside the block; the history shows it.

    Holds for this thread or task and what asyncio starts from it, not for threads started inside.

    Args:
        name: a user, a job, an import; at most 150 characters are kept.
        reason: why, at most 200 characters.
    """
    with asked(lambda: name, reason):
        yield


@contextmanager
def asked(ask: Callable[[], object], reason: str = "") -> Iterator[None]:
    """Name whoever writes inside the block by asking, once something is written.

    Args:
        ask: returns the name; called for each write.
        reason: as in :func:`actor`.
    """
    with _circumstances(replace(current(), ask=ask, reason=_fitting(reason, REASON_LENGTH))):
        yield


@contextmanager
def no_sync(reason: str) -> Iterator[None]:
    """Leave writes inside the block uncaptured; they go along with the row's next change, or with a resync.

    Args:
        reason: why; logged, so that a missing sync can be explained.

    Raises:
        ConfigurationError: no reason is given.
    """
    if not reason.strip():
        raise ConfigurationError("no_sync() needs a reason", code="no_reason", hint="no_sync('import of 2019')")
    logger.info("writes are not captured: %s", reason)
    with _circumstances(replace(current(), off=True)):
        yield


@contextmanager
def unrecorded() -> Iterator[None]:
    """Leave writes inside the block to a caller that records them itself; triggers go on."""
    with _circumstances(replace(current(), recorded=True)):
        yield


@contextmanager
def disabled() -> Iterator[None]:
    """Switch capture off in this process; for tests."""
    with _switched(on=False):
        yield


@contextmanager
def enabled() -> Iterator[None]:
    """Switch capture on in this process; for tests that run with it off."""
    with _switched(on=True):
        yield


@contextmanager
def _switched(*, on: bool) -> Iterator[None]:
    before = _switch["on"]
    _switch["on"] = on
    try:
        yield
    finally:
        _switch["on"] = before
        session.restore()


@contextmanager
def _circumstances(context: Context) -> Iterator[None]:
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)
        session.restore()


def _fitting(text: object, length: int) -> str:
    """The text as every database takes it: without NUL and lone surrogates, and no longer than its column."""
    return str(text).replace("\x00", "").encode("utf-8", "replace").decode()[:length]
