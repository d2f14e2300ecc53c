"""Who is alive: workers by a ping, beat and the sweep by what they left behind."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from sync import conf
from sync.drain.sweep import BEAT
from sync.drain.sweep import NAME as SWEEP
from sync.models import Sweep
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring import rollup
from sync.wake.workers import answering

PING_S = 0.75
"""So long a worker has to answer: one on another continent does."""

FRESH_S = 15.0
"""An answer is taken as it is for so long."""

STALE_S = 60.0
"""An older one says nothing any more: the broker hangs."""

FIRST_S = 1.5
"""So long the first one who asks waits; whoever comes later gets the last answer, and another is fetched meanwhile."""

MISSED = 6
"""Beat that has missed so many sweeps in a row is dead."""

SHORTEST_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """Who is alive. Ages are seconds, None for never.

    ``workers`` are the names of those that answer, None where the broker cannot be asked. ``beat`` is False where no
    sweep has come by a message for long, None where no worker could have taken one. ``swept_s`` and ``rolled_s`` are
    the ages of the last sweep and of the counters, ``rolled_at`` is until when these are complete.
    """

    workers: tuple[str, ...] | None
    beat: bool | None
    beat_s: float | None
    swept_s: float | None
    rolled_s: float | None
    rolled_at: dt.datetime | None = None

    @property
    def working(self) -> bool:
        """Whether work is done: a worker answers, or one has swept just now."""
        return bool(self.workers) or (self.swept_s is not None and self.swept_s < overdue_s())


class Pings:
    """The last answer of the workers, for all threads of a process; another is fetched beside whoever asks.

    Args:
        ask: what returns the names of workers; it may take its time.
    """

    def __init__(self, ask: Callable[[], Iterable[str] | None]) -> None:
        self._ask = ask
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """A child of a fork has none of its parent's threads."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._names: tuple[str, ...] | None = None
        self._at: float | None = None

    def names(self) -> tuple[str, ...] | None:
        """Return the names as they were at most a minute ago; None where nobody could tell."""
        if self._at is None:
            self._fetch().join(FIRST_S)
        elif time.monotonic() - self._at > FRESH_S:
            self._fetch()
        known = self._at is not None and time.monotonic() - self._at < STALE_S
        return self._names if known else None

    def forget(self) -> None:
        """Ask anew next time."""
        self._at = None

    def _fetch(self) -> threading.Thread:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="crudsync-ping", daemon=True)
                self._thread.start()
            return self._thread

    def _run(self) -> None:
        found = self._ask()
        self._names, self._at = None if found is None else tuple(found), time.monotonic()


pings = Pings(partial(answering, PING_S))


def pulse() -> Pulse:
    """Return who is alive; one query, and no wait for the broker but the first time."""
    using = alias()
    at = now(using)
    names = (SWEEP, BEAT, rollup.NAME)
    seen = dict(Sweep.objects.using(using).filter(name__in=names).values_list("name", "at"))
    ages = {name: max((at - when).total_seconds(), 0.0) for name, when in seen.items()}
    workers = pings.names()
    beat_s = ages.get(BEAT)
    beats = beat_s is not None and beat_s < overdue_s()
    return Pulse(
        workers=workers,
        beat=True if beats else (False if workers else None),
        beat_s=beat_s,
        swept_s=ages.get(SWEEP),
        rolled_s=ages.get(rollup.NAME),
        rolled_at=seen.get(rollup.NAME),
    )


def overdue_s() -> float:
    """Return the age of a sweep, seconds, from which on it is overdue."""
    return max(MISSED * conf.current().sweep_s, SHORTEST_S)
