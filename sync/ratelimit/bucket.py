"""The arithmetic of the token bucket, and the bucket that one process keeps while Redis is away.

The Lua of ``sync.ratelimit.scripts`` does the same steps in the same order; a test compares the two call by call.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sync.ratelimit.rates import SECOND_US, Rate

FURTHEST_US = 10.0 * SECOND_US
CREDIT_SHARE = 0.25


@dataclass(slots=True)
class Level:
    """The state of one bucket.

    ``next_us`` is when the oldest token not yet taken came to be, or will; tokens follow every step. ``pause_us`` is
    until when the remote wants nothing.
    """

    next_us: float
    pause_us: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Times of the tokens taken, relative to now, and of the next one that was not (microseconds)."""

    times_us: Sequence[float]
    retry_us: float


def ahead(rates: Sequence[Rate]) -> float:
    """Return how far ahead a call under these limits may be reserved, in microseconds."""
    return min(FURTHEST_US, max(rate.ahead_us for rate in rates))


def empty(rate: Rate, now_us: float, ahead_us: float) -> Level:
    """Return a bucket of which nothing is known: empty, and every token reserved by others has to pass first."""
    return Level(next_us=now_us + ahead_us + rate.step_us)


def take(
    levels: Sequence[Level], rates: Sequence[Rate], n: int, now_us: float, horizon_us: float, slack_us: float
) -> Taken:
    """Take up to n tokens, each from every bucket, and change the levels.

    A token is dated at the first time at which every bucket has one. It may be dated a little before now
    (``credit``), so that a caller who comes slightly late costs the bucket nothing: its validity ends the earlier.

    Args:
        levels: a bucket for each rate; changed in place.
        rates: the limits.
        n: calls wanted.
        now_us: the clock that the levels count by.
        horizon_us: no token is dated later than this from now.
        slack_us: see Settings.limiter_slack_s.
    """
    last = now_us + min(ahead(rates), horizon_us)
    at = now_us - credit(levels, rates, now_us, slack_us * CREDIT_SHARE)
    times: list[float] = []
    while True:
        for level in levels:
            at = max(at, level.pause_us, level.next_us)
        if len(times) == n or at > last:
            break
        times.append(at - now_us)
        for level, rate in zip(levels, rates, strict=True):
            level.next_us = max(level.next_us, at - (rate.burst - 1) * rate.step_us) + rate.step_us
    return Taken(times_us=times, retry_us=max(at - now_us, 0.0))


def credit(levels: Sequence[Level], rates: Sequence[Rate], now_us: float, most_us: float) -> float:
    """Return by how much a token may be dated before now, so that no full bucket loses what it gained since."""
    found = 0.0
    for level, rate in zip(levels, rates, strict=True):
        over = now_us - (rate.burst - 1) * rate.step_us - level.next_us
        if found < over <= most_us:
            found = over
    return found


def available(level: Level, rate: Rate, now_us: float, horizon_us: float) -> int:
    """Return how many tokens a bucket could give before the horizon, were nobody else to take any."""
    first = max(level.next_us, now_us - (rate.burst - 1) * rate.step_us)
    end = now_us + horizon_us
    if max(first, level.pause_us) > end:
        return 0
    return math.floor((end - first) / rate.step_us) + 1


def monotonic_us() -> float:
    """Return this process's clock in microseconds."""
    return time.monotonic() * SECOND_US


@dataclass(slots=True)
class LocalBuckets:
    """The buckets of one process, each at a share of its limit. Threads may share it.

    Args:
        clock_us: a monotonic clock.
    """

    clock_us: Callable[[], float] = monotonic_us
    _levels: dict[tuple[str, str], Level] = field(default_factory=dict)
    _granted: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(
        self, connection: str, rates: Sequence[Rate], n: int, *, share: float, horizon_us: float, slack_us: float
    ) -> Taken:
        """Take up to n tokens at a share (above 0, at most 1) of the limits."""
        with self._lock:
            now_us = self.clock_us()
            slowed = [slow(rate, share) for rate in rates]
            levels = [self._level(connection, rate, now_us, ahead(rates)) for rate in slowed]
            taken = take(levels, slowed, n, now_us, horizon_us, slack_us)
            if taken.times_us:
                self._granted.add(connection)
            return taken

    def granted(self, connection: str) -> bool:
        """Say whether a connection took tokens here that Redis does not know of."""
        return connection in self._granted

    def forecast(self, connection: str, rates: Sequence[Rate], *, share: float, horizon_us: float) -> int:
        """Return how many tokens could be had before the horizon."""
        with self._lock:
            now_us = self.clock_us()
            counts = []
            for rate in (slow(rate, share) for rate in rates):
                level = self._levels.get((connection, rate.name)) or empty(rate, now_us, ahead(rates))
                counts.append(available(level, rate, now_us, horizon_us))
            return min(counts)

    def pause(self, connection: str, names: Sequence[str], pause_us: float) -> None:
        """Take nothing from the named buckets before a time from now."""
        with self._lock:
            until = self.clock_us() + pause_us
            for bucket in names:
                level = self._levels.setdefault((connection, bucket), Level(next_us=until))
                level.pause_us = max(level.pause_us, until)

    def forget(self, connection: str) -> None:
        """Drop a connection's buckets: the next take finds them empty."""
        with self._lock:
            self._granted.discard(connection)
            for key in [key for key in self._levels if key[0] == connection]:
                del self._levels[key]

    def _level(self, connection: str, rate: Rate, now_us: float, ahead_us: float) -> Level:
        return self._levels.setdefault((connection, rate.name), empty(rate, now_us, ahead_us))


def slow(rate: Rate, share: float) -> Rate:
    """Return a limit as one process keeps it by itself: a share of its tokens, one at a time, evenly.

    Windows of an hour and more are spread evenly too: a process that has no journal cannot know what was used.
    """
    step_us = rate.span_us / rate.limit if rate.counted else rate.step_us
    return replace(rate, counted=False, burst=1, step_us=step_us / share)
