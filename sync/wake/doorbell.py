"""Ring once for a connection until somebody hears it (protocol, section 6)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from celery import Celery
from celery.app import app_or_default
from redis.exceptions import RedisError

from sync import conf
from sync.ratelimit.link import Link, link
from sync.wake import inline
from sync.wake.echo import Echo
from sync.wake.publisher import publisher

logger = logging.getLogger("crudsync.wake")

PREFIX = "crudsync:wake"
TIMEOUT_S = 0.25

_muted: ContextVar[bool] = ContextVar("crudsync_wake_muted", default=False)


class Rung:
    """When this process last rang, by connection: in place of Redis, where the broker is another."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}
        self._lock = threading.Lock()

    def first(self, connection_ids: Sequence[int], for_s: float) -> list[int]:
        """Return the connections that were not rung for within the interval, and note them."""
        now = time.monotonic()
        with self._lock:
            fresh = [each for each in connection_ids if self._until.get(each, 0.0) <= now]
            self._until.update(dict.fromkeys(fresh, now + for_s))
        return fresh

    def forget(self, connection_id: int | None = None) -> None:
        """Let the next ring for a connection, or for all, through."""
        with self._lock:
            if connection_id is None:
                self._until.clear()
            else:
                self._until.pop(connection_id, None)


rung = Rung()


def ring(connection_ids: Iterable[int], *, soon: bool = False) -> None:
    """Ask for a drain of each connection, now, unless one is asked for already.

    Waits for a quarter of a second at the most for Redis and as long for the broker, and raises nothing for either:
    what is not rung for, the sweep finds.

    Args:
        connection_ids: primary keys of Connection rows.
        soon: a connection that this process has rung for within 20 ms is rung for when they are over: a row of saves
            then costs one ring, not a round trip each.
    """
    ids = list(dict.fromkeys(connection_ids))
    if not ids or _muted.get() or not conf.current().enabled:
        return
    if soon:
        ids = echo.due(ids)
        if not ids:
            return
    app = host_app()
    if app.conf.task_always_eager:
        inline.drain(app, ids)
    elif not publisher.rest_s:
        publisher.publish(app, _first(ids), conf.current().queue)


def host_app() -> Celery:
    """Return the host's Celery application: that of this thread, else the process's default."""
    app: Celery = app_or_default()
    return app


def heard(connection_id: int) -> None:
    """Let the next ring for a connection through. The first act of a drain.

    Args:
        connection_id: primary key of the Connection.
    """
    rung.forget(connection_id)
    echo.forget(connection_id)
    if line := _line():
        try:
            line.call(("DEL", _key(connection_id)))
        except (RedisError, OSError) as error:
            # The key goes by itself after the sweep's interval.
            logger.debug("the doorbell of connection %s stays set: %s", connection_id, type(error).__name__)


@contextmanager
def muted() -> Iterator[None]:
    """Ring for nothing within this block, in this thread or task."""
    token = _muted.set(True)
    try:
        yield
    finally:
        _muted.reset(token)


def is_muted() -> bool:
    """Say whether rings are dropped here and now."""
    return _muted.get()


def _first(ids: Sequence[int]) -> list[int]:
    """Return the connections that nobody has rung for yet; none where that cannot be known."""
    line = _line()
    if line is None:
        return rung.first(ids, conf.current().sweep_s)
    lasts_ms = max(1, int(conf.current().sweep_s * 1000))
    try:
        answers = line.call(*(("SET", _key(each), "1", "NX", "PX", lasts_ms) for each in ids))
    except (RedisError, OSError) as error:
        logger.debug("no doorbell for connections %s: %s", ids, type(error).__name__)
        return []
    echo.rang(ids)
    return [each for each, answer in zip(ids, answers, strict=True) if answer is not None]


def _line() -> Link | None:
    url = conf.redis_url()
    return link(url, TIMEOUT_S, aside=True) if url else None


echo = Echo(ring)


def _key(connection_id: int) -> str:
    return f"{PREFIX}:{connection_id}"
