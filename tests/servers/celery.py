"""Real Celery processes: ``celery -A project worker`` and ``celery -A project beat``."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from celery import current_app
from kombu import pools

from tests.servers.process import Process

_numbers = itertools.count(1)


class Worker(Process):
    """A worker in a process group of its own.

    Args:
        env: the whole environment: ``DATABASE_URL``, ``REDIS_URL`` and the knobs.
        home: a directory for its log.
        pool: ``prefork``, ``threads`` or ``solo``.
        concurrency: its children, or threads.
        arguments: more of the command line.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        home: Path,
        pool: str = "prefork",
        concurrency: int = 2,
        arguments: Sequence[str] = (),
    ) -> None:
        name = f"worker-{os.getpid()}-{next(_numbers)}"
        options = (f"--pool={pool}", f"--concurrency={concurrency}", f"--hostname={name}@%h", "--loglevel=INFO")
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        command = [sys.executable, "-m", "celery", "-A", "project", "worker", *options, *quiet, *arguments]
        super().__init__(name, command, env=env, home=home)
        self._starts = 0

    def start(self, timeout_s: float = 60) -> Self:  # type: ignore[override]
        """Start it, and return once it takes tasks."""
        super().start()
        self._starts += 1
        self.wait_for(" ready.", timeout_s=timeout_s, count=self._starts)
        return self

    def children(self) -> list[int]:
        """Return the process ids of its pool's children."""
        return [child.pid for child in psutil.Process(self.pid).children(recursive=True)]

    def kill_child(self) -> int:
        """End one child of the pool with SIGKILL, as a crash would; return its process id."""
        pid = self.children()[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def warm(self, timeout_s: float = 30) -> int | None:
        """Stop it as an operator does (SIGTERM, tasks finish); return its exit code."""
        return self.stop(timeout_s)

    def cold(self, timeout_s: float = 30) -> int | None:
        """Stop it without waiting for tasks (SIGQUIT); return its exit code."""
        self.signal(signal.SIGQUIT)
        return self.stop(timeout_s)


class Beat(Process):
    """The scheduler, in a process group of its own."""

    def __init__(self, *, env: Mapping[str, str], home: Path, arguments: Sequence[str] = ()) -> None:
        name = f"beat-{os.getpid()}-{next(_numbers)}"
        command = [sys.executable, "-m", "celery", "-A", "project", "beat", "--loglevel=INFO", "--pidfile=", *arguments]
        super().__init__(name, command, env=env, home=home)

    def start(self, timeout_s: float = 60) -> Self:  # type: ignore[override]
        """Start it, and return once it ticks."""
        super().start()
        self.wait_for("beat: Starting...", timeout_s=timeout_s)
        return self


RESTARTS = 20
"""A process that cannot live is started no more often than this: it would take the machine with it."""


class Supervisor:
    """Starts anew whatever of these ends, as systemd or honcho would, until it is left.

    ``restarts`` names what was started anew, in order. What ends again and again is given up.

    Args:
        processes: processes, or pytest-celery's nodes over such.
    """

    def __init__(self, *processes: Any) -> None:
        self.processes: list[Process] = [getattr(each, "process", each) for each in processes]
        self.restarts: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=20)

    def _watch(self) -> None:
        while not self._ended.wait(0.1) and len(self.restarts) < RESTARTS:
            for process in self.processes:
                if not process.running:
                    process.kill()  # what is left of its group
                    Process.start(process)
                    self.restarts.append(process.name)


@contextmanager
def broker_at(url: str) -> Iterator[None]:
    """Let this process's Celery application speak to another broker."""
    before = current_app.conf.broker_url
    _point_celery_to(url)
    try:
        yield
    finally:
        _point_celery_to(before)


def _point_celery_to(url: str) -> None:
    pools.reset()  # pools keep connections to the address they were made for
    current_app.conf.broker_url = current_app.conf.broker_read_url = current_app.conf.broker_write_url = url
    current_app.amqp.__dict__.pop("_producer_pool", None)
    current_app._pool = None
