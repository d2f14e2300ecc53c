"""Send the drain's message on a broker connection of our own: never the host's pool, never its patience."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from celery import Celery
from celery.result import AsyncResult
from kombu import Connection, Producer

from sync.wake.inline import TASK

logger = logging.getLogger("crudsync.wake")

TIMEOUT_S = 0.25
SHORTEST_REST_S = 2.0
LONGEST_REST_S = 10.0
KEPT = 8

NO_RETRIES: Mapping[str, Any] = {"max_retries": 0, "interval_start": 0, "interval_step": 0}

PATIENCE: Mapping[str, Sequence[str]] = {
    "redis": ("socket_timeout", "socket_connect_timeout"),
    "amqp": ("read_timeout", "write_timeout"),
}
"""How each kind of broker is told for how long to wait."""


class Sent:
    """What Celery makes of a task id; the doorbell has no use for a result, nor for its backend."""

    def __init__(self, task_id: str) -> None:
        self.id = task_id
        self.ignored: bool | None = True


@dataclass(frozen=True, slots=True)
class Way:
    """One open connection to the broker of one application, and a producer on it."""

    app: Celery
    connection: Connection
    producer: Producer


class Publisher:
    """Sends drain messages for all threads of a process, before and after a fork.

    Connections stay open between messages. After a failure nothing is sent for some seconds.
    """

    def __init__(self) -> None:
        self._idle: deque[Way] = deque()
        self._pid = os.getpid()
        self._rests_until = 0.0
        self._failures = 0

    @property
    def rest_s(self) -> float:
        """Seconds for which nothing will be sent; 0 where the next message is."""
        return max(0.0, self._rests_until - time.monotonic())

    def publish(self, app: Celery, connection_ids: Sequence[int], queue: str = "") -> bool:
        """Send a message for each connection, and say whether all went out.

        Args:
            app: the host's Celery application.
            connection_ids: primary keys of Connection rows.
            queue: Celery's name of the queue; empty: where the host's routes say.
        """
        if not connection_ids:
            return True
        if self.rest_s:
            return False
        way = None
        try:
            way = self._take(app)
            for connection_id in connection_ids:
                self._send(way, connection_id, queue)
        except Exception as error:  # noqa: BLE001 - transports raise what they like, and a lost ring is no error
            self._failed(way, error)
            return False
        self._failures = 0
        self._keep(way)
        return True

    def close(self) -> None:
        """Close what is open, and forget what failed."""
        while self._idle:
            _drop(self._idle.pop())
        self._rests_until, self._failures = 0.0, 0

    @staticmethod
    def _send(way: Way, connection_id: int, queue: str) -> None:
        options: dict[str, Any] = {"queue": queue} if queue else {}
        way.app.send_task(
            TASK,
            kwargs={"connection_id": connection_id},
            producer=way.producer,
            result_cls=cast("type[AsyncResult[Any]]", Sent),
            add_to_parent=False,
            ignore_result=True,
            retry=False,
            **options,
        )

    def _take(self, app: Celery) -> Way:
        if self._pid != os.getpid():
            # The parent's sockets stay the parent's.
            self._idle, self._pid = deque(), os.getpid()
        while self._idle:
            with suppress(IndexError):
                way = self._idle.pop()
                if way.app is app:
                    return way
                _drop(way)
        connection = connect(app)
        return Way(app, connection, app.amqp.Producer(connection, auto_declare=False))

    def _keep(self, way: Way) -> None:
        if len(self._idle) < KEPT:
            self._idle.append(way)
        else:
            _drop(way)

    def _failed(self, way: Way | None, error: Exception) -> None:
        self._failures += 1
        rest_s = min(LONGEST_REST_S, SHORTEST_REST_S * 2 ** min(self._failures - 1, 10))
        self._rests_until = time.monotonic() + rest_s
        logger.warning("the broker takes no message (%s); the doorbell rests for %.0f s", type(error).__name__, rest_s)
        if way is not None:
            _drop(way)


def connect(app: Celery, timeout_s: float = TIMEOUT_S) -> Connection:
    """Return a connection to the application's broker, not open yet, that waits so many seconds at the most.

    The application's own settings and pool are left as they are.
    """
    driver = app.connection_for_write().get_transport_cls().driver_type
    patience: dict[str, Any] = dict.fromkeys(PATIENCE.get(driver, ()), timeout_s)
    options = {**NO_RETRIES, **patience, "retry_on_timeout": False} if driver == "redis" else {**NO_RETRIES, **patience}
    connection: Connection = app.connection_for_write(connect_timeout=timeout_s, transport_options=options)
    return connection


def _drop(way: Way) -> None:
    with suppress(Exception):  # it is broken, or nobody needs it: nothing follows from how it closes
        way.connection.release()


publisher = Publisher()
