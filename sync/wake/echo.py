"""A moment of silence after a ring that Redis has taken, and then one ring for all that was saved in it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable

SILENCE_S = 0.02
"""So late may a ring be that is not the first in a row: a worker has hardly looked by then."""


class Echo:
    """Which connections were rung for just now, and for which a ring is owed. One for all threads of a process.

    Where no thread can be started, or the process ends before it rings, the sweep finds what was saved.

    Args:
        ring: rings for connections, at once.
    """

    def __init__(self, ring: Callable[[Iterable[int]], None]) -> None:
        self._ring = ring
        self._silent_until: dict[int, float] = {}
        self._owed: set[int] = set()
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._begin_anew)

    def due(self, connection_ids: Iterable[int]) -> list[int]:
        """Return those that are to be rung for now; for the others a ring is owed from here on."""
        now = time.monotonic()
        with self._lock:
            later = {each for each in connection_ids if self._silent_until.get(each, 0.0) > now}
            first = later and not self._owed
            self._owed |= later
        if first and not self._started():
            later = set()
        return [each for each in connection_ids if each not in later]

    def rang(self, connection_ids: Iterable[int]) -> None:
        """Note that these connections are rung for, as Redis has confirmed."""
        until = time.monotonic() + SILENCE_S
        with self._lock:
            self._silent_until.update(dict.fromkeys(connection_ids, until))

    def forget(self, connection_id: int | None = None) -> None:
        """Let the next ring for a connection, or for all, through at once."""
        with self._lock:
            if connection_id is None:
                self._silent_until.clear()
            else:
                self._silent_until.pop(connection_id, None)

    def pay(self) -> None:
        """Ring for what is owed."""
        with self._lock:
            owed, self._owed = self._owed, set()
        self._ring(sorted(owed))

    def _started(self) -> bool:
        try:
            threading.Timer(SILENCE_S, self.pay).start()
        except RuntimeError:  # no thread can be started: the interpreter is ending
            with self._lock:
                self._owed.clear()
            return False
        return True

    def _begin_anew(self) -> None:
        """A child of a fork has none of its parent's threads, and perhaps its locks in the middle of something."""
        self._lock = threading.Lock()
        self._silent_until = {}
        self._owed = set()
