"""Real Celery processes: ``celery -A project worker`` and ``celery -A project beat``."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

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
