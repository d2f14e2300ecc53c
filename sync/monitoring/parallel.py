"""Run questions beside one another, each at most once at a time, and wait for none of them longer than allowed.

A database that hangs holds one thread of a process, not one for each request that asks how it is.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import connections

AT_ONCE = 16


class Job:
    """One question under way, for any number of those who want the answer."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self.begun = False
        self.done = threading.Event()
        self.answer: Any = None
        self.error: Exception | None = None

    def run(self) -> None:
        """Ask, in a thread of the crew."""
        self.begun = True
        try:
            self.answer = self._ask()
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self.error = error
        finally:
            self.done.set()

    def wait(self, until: float) -> bool:
        """Wait for the answer until ``time.monotonic()`` says so; return whether it is there."""
        return self.done.wait(max(0.0, until - time.monotonic()))


class Crew:
    """Threads that ask; started when something is asked, ended when nothing is left."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: a child of a fork has none of its parent's threads."""
        self._lock = threading.Lock()
        self._under_way: dict[str, Job] = {}

    def start(self, questions: Mapping[str, Callable[[], Any]], at_once: int = AT_ONCE) -> dict[str, Job]:
        """Ask what is not being asked already, and return a job for each name.

        Args:
            questions: by name; one of a name that is under way is that one.
            at_once: threads for these, at the most.
        """
        jobs: dict[str, Job] = {}
        todo: queue.SimpleQueue[tuple[str, Job]] = queue.SimpleQueue()
        fresh = 0
        with self._lock:
            for name, ask in questions.items():
                job = self._under_way.get(name)
                if job is None:
                    job = self._under_way[name] = Job(ask)
                    todo.put((name, job))
                    fresh += 1
                jobs[name] = job
        for place in range(min(fresh, at_once)):
            try:
                threading.Thread(target=self._work, args=(todo,), name="crudsync-monitoring", daemon=True).start()
            except RuntimeError as error:  # the process may have no more threads
                if not place:
                    self._refuse(todo, error)
                break
        return jobs

    def _refuse(self, todo: queue.SimpleQueue[tuple[str, Job]], error: RuntimeError) -> None:
        """Nobody will ask these: say so now, so that they are asked anew next time."""
        with self._lock:
            while not todo.empty():
                name, job = todo.get_nowait()
                job.error = error
                job.done.set()
                self._under_way.pop(name, None)

    def _work(self, todo: queue.SimpleQueue[tuple[str, Job]]) -> None:
        try:
            while True:
                name, job = todo.get_nowait()
                job.run()
                with self._lock:
                    self._under_way.pop(name, None)
        except queue.Empty:
            pass
        finally:
            connections.close_all()


def wait_for(jobs: Iterable[Job], until: float) -> None:
    """Wait for jobs together until ``time.monotonic()`` says so."""
    for job in jobs:
        if not job.wait(until):
            return


crew = Crew()
os.register_at_fork(after_in_child=crew.forget)
