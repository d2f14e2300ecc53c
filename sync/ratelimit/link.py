"""A way to Redis that never waits long: short timeouts, no retries, and a breaker."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.retry import Retry

from sync.ratelimit.scripts import Script

logger = logging.getLogger("crudsync.ratelimit")

SHORTEST_REST_S = 1.0
LONGEST_REST_S = 5.0
KEPT = 16
SOON_S = 0.01


@dataclass(slots=True)
class Line:
    """One open connection and the run id of the server at its other end (empty where it may not be asked)."""

    wire: Any
    run: str = ""


class Link:
    """Calls to one Redis, for all threads of a process, before and after a fork.

    Connections are kept open between calls, and looked at before each, so that a server that came back is found. After
    a failure nothing is asked for a second, then longer: a frozen server costs one timeout, not one for every call.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; the forms that Celery takes are understood.
        timeout_s: for connecting, and for each answer.
        identify: ask each server for its run id.
        aside: whether a server that failed is there again is found out by a thread, and no caller waits for it.
    """

    def __init__(self, url: str, *, timeout_s: float, identify: bool = False, aside: bool = False) -> None:
        self._pool = ConnectionPool.from_url(
            plain_url(url),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        self._identify = identify
        self._aside = aside
        self._scout: threading.Thread | None = None
        self._idle: deque[Line] = deque()
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._rests_until = 0.0
        self._failures = 0

    @property
    def rest_s(self) -> float:
        """Seconds for which nothing will be asked; 0 where the next call is made."""
        return max(0.0, self._rests_until - time.monotonic())

    @property
    def failed(self) -> bool:
        """Whether the last call had no answer."""
        return self._failures > 0

    def call(self, *commands: Sequence[Any]) -> list[Any]:
        """Send commands in one go and return their answers.

        Raises:
            redis.exceptions.RedisError: no answer in time, the breaker is open, or Redis refused a command.
        """
        with self._line() as line:
            wire = line.wire
            wire.send_packed_command(wire.pack_commands(commands))
            return [wire.read_response() for _ in commands]

    def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script with the server's run id before its arguments, and return its answer.

        Raises:
            redis.exceptions.RedisError: as call().
        """
        with self._line() as line:
            rest = (len(keys), *keys, line.run, *args)
            line.wire.send_command("EVALSHA", script.sha, *rest)
            try:
                return line.wire.read_response()
            except NoScriptError:
                line.wire.send_command("EVAL", script.text, *rest)
                return line.wire.read_response()

    def close(self) -> None:
        """Close what is open, and forget what failed."""
        while self._idle:
            self._idle.pop().wire.disconnect()
        self._rests_until, self._failures = 0.0, 0

    @contextmanager
    def _line(self) -> Iterator[Line]:
        if self.rest_s:
            raise RedisConnectionError("Redis did not answer a moment ago; it is left alone")
        if self._aside and self._failures and threading.current_thread() is not self._scout:
            self._send_scout()
            raise RedisConnectionError("Redis did not answer a moment ago; a thread looks whether it is there again")
        line = self._take_idle()
        try:
            self._ready(line)
            yield line
        except (RedisError, OSError) as error:
            line.wire.disconnect()
            self._failed(error)
            raise
        except BaseException:
            # An answer may still be on its way: it must not be read as that of the next call.
            line.wire.disconnect()
            raise
        self._failures = 0
        if len(self._idle) < KEPT:
            self._idle.append(line)
        else:
            line.wire.disconnect()

    def _send_scout(self) -> None:
        """Start the thread, where none is under way; a fork leaves it behind, dead."""
        with self._lock:
            if self._scout is None or not self._scout.is_alive():
                self._scout = threading.Thread(target=self._look, name="crudsync-redis", daemon=True)
                self._scout.start()

    def _look(self) -> None:
        time.sleep(self.rest_s + SOON_S)
        if not self.failed:  # closed meanwhile
            return
        try:
            self.call(("PING",))
        except (RedisError, OSError) as error:
            logger.debug("Redis is not there yet: %s", type(error).__name__)

    def _take_idle(self) -> Line:
        if self._pid != os.getpid():
            with self._lock:
                # The parent's sockets stay the parent's.
                self._idle, self._pid = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return Line(self._pool.make_connection())

    def _ready(self, line: Line) -> None:
        wire = line.wire
        if wire.is_connected and not self._broken(wire):
            return
        wire.disconnect()
        wire.connect()
        line.run = self._run_id(wire) if self._identify else ""

    @staticmethod
    def _broken(wire: Any) -> bool:
        """Say whether the server closed the connection, or something unread lies in it."""
        try:
            return bool(wire.can_read(0))
        except (RedisError, OSError):
            return True

    @staticmethod
    def _run_id(wire: Any) -> str:
        wire.send_command("INFO", "server")
        try:
            answer = wire.read_response()
        except ResponseError:
            logger.info("Redis does not let us read INFO: a restart from an old snapshot will go unnoticed")
            return ""
        text = answer.decode() if isinstance(answer, bytes) else str(answer)
        found = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("run_id:")]
        return found[0] if found else ""

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        rest_s = min(LONGEST_REST_S, SHORTEST_REST_S * 2 ** min(self._failures - 1, 10))
        self._rests_until = time.monotonic() + rest_s
        logger.warning("Redis does not answer (%s); it is left alone for %.0f s", type(error).__name__, rest_s)
        if self._aside:
            self._send_scout()


def plain_url(url: str) -> str:
    """Return a broker URL of Celery as one that the Redis client takes.

    Celery writes ``redis+socket://`` for a socket file, and ``CERT_NONE`` where the client says ``none``.
    """
    parts = urlsplit(url)
    if parts.scheme in ("redis+socket", "socket"):
        query = [("db" if key == "virtual_host" else key, value) for key, value in parse_qsl(parts.query)]
        return f"unix://{parts.netloc}{parts.path}" + (f"?{urlencode(query)}" if query else "")
    if "ssl_cert_reqs=CERT_" in parts.query:
        query = [(k, v.removeprefix("CERT_").lower() if k == "ssl_cert_reqs" else v) for k, v in parse_qsl(parts.query)]
        return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))
    return url


def usable_url(url: str) -> bool:
    """Return whether a URL leads to a Redis, as far as that can be told without asking it; the empty one does."""
    try:
        return not url or bool(ConnectionPool.from_url(plain_url(url)))
    except (ValueError, TypeError, RedisError):
        return False


@functools.lru_cache(maxsize=32)
def link(url: str, timeout_s: float, identify: bool = False, aside: bool = False) -> Link:
    """Return this process's link to a Redis, the same for the same arguments."""
    return Link(url, timeout_s=timeout_s, identify=identify, aside=aside)
