"""Look at buckets without taking anything: how much there will be, and how it stands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from sync import conf
from sync.ratelimit import scripts, store
from sync.ratelimit.bucket import Level, ahead, available, empty
from sync.ratelimit.limiter import AWAY, local
from sync.ratelimit.rates import SECOND_US, Rate
from sync.ratelimit.store import microseconds
from sync.types import RateLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketState:
    """What a bucket looks like to a person.

    ``tokens`` could be taken now, ``next_s`` is seconds until the next one (0: now), ``used`` the share of the bucket
    or window in use (0 to 1), ``paused_s`` for how long the remote wants nothing. ``known`` is False where Redis knows
    nothing of it: nothing was taken lately, and it is taken for empty.
    """

    name: str
    limit: int
    per_s: float
    tokens: int
    next_s: float
    used: float
    paused_s: float
    known: bool = True


@dataclass(frozen=True, slots=True)
class Sight:
    """One line of the look script. Times are microseconds from now."""

    known: bool
    next_us: float
    pause_us: float
    left: int
    till_us: float
    used: int
    used_then: int
    free_us: float

    @classmethod
    def read(cls, line: bytes) -> Sight:
        """Parse a line of the script."""
        known, next_us, pause_us, left, till_us, used, used_then, free_us = (float(part) for part in line.split())
        return cls(bool(known), next_us, pause_us, int(left), till_us, int(used), int(used_then), free_us)

    def level(self, rate: Rate) -> Level:
        """Return the token bucket that it is."""
        level = Level(next_us=self.next_us) if self.known else empty(rate, 0.0, ahead([rate]))
        level.pause_us = self.pause_us
        return level

    def before(self, rate: Rate, horizon_us: float) -> int:
        """Return how many tokens could be had before the horizon."""
        if rate.counted:
            return self.allowed(rate.limit - self.used_then, horizon_us) if self.free_us <= horizon_us else 0
        return self.allowed(available(self.level(rate), rate, 0.0, horizon_us), horizon_us)

    def allowed(self, tokens: int, horizon_us: float) -> int:
        """Return what the remote's own words leave of a number of tokens."""
        if self.pause_us > horizon_us:
            return 0
        return max(0, min(tokens, self.left)) if self.till_us > horizon_us else tokens


def forecast(connection: str | int, limits: Sequence[RateLimit] | None, horizon_s: float) -> int:
    """Return how many tokens could be had before the horizon, were nobody else to take any. Takes nothing.

    Args:
        connection: the connection's id.
        limits: as in take().
        horizon_s: seconds from now.

    Raises:
        LimiterUnavailable: Redis does not answer, and no local share is declared.
        ConfigurationError: a limit that cannot be kept.
    """
    if not limits:
        return sys.maxsize
    rates = store.rates_of(limits, conf.current().limiter_slack_s)
    horizon_us = float(microseconds(max(horizon_s, 0.0)))
    try:
        gate, *buckets = _look(connection, rates, horizon_us)
    except AWAY as error:
        share = store.local_share(error)
        return local.forecast(str(connection), rates, share=share, horizon_us=horizon_us)
    tokens = min(bucket.before(rate, horizon_us) for rate, bucket in zip(rates, buckets, strict=True))
    return gate.allowed(tokens, horizon_us)


def snapshot(connection: str | int, limits: Sequence[RateLimit] | None) -> list[BucketState]:
    """Return the state of each bucket, for people. Takes nothing.

    Args:
        connection: the connection's id.
        limits: all of the connection's.

    Raises:
        LimiterUnavailable: Redis does not answer.
        ConfigurationError: a limit that cannot be kept.
    """
    if not limits:
        return []
    slack_s = conf.current().limiter_slack_s
    rates = store.rates_of(limits, slack_s)
    try:
        gate, *buckets = _look(connection, rates, 0.0)
    except (RedisError, OSError) as error:
        raise store.unavailable(error) from error
    return [_state(rate, bucket, gate, slack_s) for rate, bucket in zip(rates, buckets, strict=True)]


def _look(connection: str | int, rates: Sequence[Rate], horizon_us: float) -> list[Sight]:
    slack_us = microseconds(conf.current().limiter_slack_s)
    args = [slack_us, repr(horizon_us), *store.numbers(rates)]
    lines = store.redis().run(scripts.look, store.keys(connection, rates), args)
    return [Sight.read(line) for line in lines]


def _state(rate: Rate, bucket: Sight, gate: Sight, slack_s: float) -> BucketState:
    tokens = gate.allowed(bucket.before(rate, 0.0), 0.0)
    next_us = max(bucket.free_us, gate.free_us, 0.0 if rate.counted else bucket.level(rate).next_us)
    return BucketState(
        name=rate.name,
        limit=rate.limit,
        per_s=round(rate.span_us / SECOND_US - slack_s, 6),
        tokens=tokens,
        next_s=0.0 if tokens else max(next_us, 0.0) / SECOND_US,
        used=_used(rate, bucket),
        paused_s=max(bucket.pause_us, gate.pause_us, 0.0) / SECOND_US,
        known=bucket.known,
    )


def _used(rate: Rate, bucket: Sight) -> float:
    if rate.counted:
        return min(1.0, bucket.used / rate.limit)
    full = 1.0 - bucket.level(rate).next_us / rate.step_us
    return 1.0 - min(max(full / rate.burst, 0.0), 1.0)
