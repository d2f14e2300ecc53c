"""Take tokens, and learn from the remote. Every call of a connection passes here."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence

from redis.exceptions import RedisError

from sync import conf
from sync.exceptions import LimiterUnavailable
from sync.ratelimit import scripts, store
from sync.ratelimit.bucket import CREDIT_SHARE, LocalBuckets, Taken, ahead
from sync.ratelimit.lessons import LONGEST_S, Lesson
from sync.ratelimit.rates import SECOND_US, Rate
from sync.ratelimit.store import microseconds
from sync.types import Grant, Grants, RateLimit

logger = logging.getLogger("crudsync.ratelimit")

LONGEST_HORIZON_S = 1e6
AWAY = (RedisError, OSError, LimiterUnavailable)

Journal = Callable[[str, float], Sequence[tuple[float, int]]]
"""Given a connection and seconds, return (age in seconds, calls) of what was sent since, youngest age of a group."""

local = LocalBuckets()


def take(
    connection: str | int,
    limits: Sequence[RateLimit] | None,
    n: int,
    *,
    horizon_s: float,
    seed: Journal | None = None,
) -> Grants:
    """Take up to n tokens for calls of one endpoint and method, each from every limit, in one step.

    A token not in the bucket yet may be reserved: up to one second or one token ahead, whichever is longer (10 s at the
    most), but never past the horizon. A bucket that Redis does not know is empty. Nothing is given back.

    Args:
        connection: the connection's id.
        limits: those that apply to the calls (see applies()); none: every call may go at once, and Redis is not asked.
        n: calls wanted.
        horizon_s: seconds from now after which a token is of no use to the caller.
        seed: the journal; asked only where Redis does not know a bucket.

    Returns:
        As many grants as there were, in order, and seconds until the next token that was not given.

    Raises:
        LimiterUnavailable: Redis does not answer, and no local share is declared.
        ConfigurationError: a limit that cannot be kept.
    """
    before = time.monotonic()
    if not limits:
        return Grants(granted=[Grant(at=before, until=math.inf)] * max(n, 0))
    if n <= 0:
        return Grants(granted=[])
    slack_s = conf.current().limiter_slack_s
    rates = store.rates_of(limits, slack_s)
    horizon_us = microseconds(min(horizon_s, LONGEST_HORIZON_S))
    try:
        taken = _take_shared(str(connection), rates, n, horizon_us, slack_s, seed)
    except AWAY as error:
        taken = local.take(
            str(connection),
            rates,
            n,
            share=store.local_share(error),
            horizon_us=horizon_us,
            slack_us=microseconds(slack_s),
        )
    return _grants(taken, before, time.monotonic(), slack_s)


def learn(
    connection: str | int, lesson: Lesson, *, limit_name: str = "", limits: Sequence[RateLimit] | None = None
) -> bool:
    """Teach a connection what a remote said, and say whether Redis took note.

    Args:
        connection: the connection's id.
        lesson: see read_headers(); a Retry-After goes in as ``Lesson(retry_after_s=...)``. A day at the most.
        limit_name: the limit it is about; empty: every call of the connection that has a limit.
        limits: the connection's limits, so that the buckets of this process learn it too.
    """
    pause = _lasting(lesson.retry_after_s)
    till = _lasting(lesson.reset_s) if lesson.remaining is not None else None
    slack_s = conf.current().limiter_slack_s
    names = [limit_name] if limit_name else [each.name for each in store.rates_of(limits or (), slack_s)]
    local.pause(str(connection), names, max(pause or 0, till or 0 if not lesson.remaining else 0))
    args = ["" if value is None else value for value in (pause, lesson.remaining, till)]
    try:
        store.redis().run(scripts.learn, [store.key(connection, limit_name)], [microseconds(slack_s), *args])
    except AWAY as error:
        logger.info("a lesson for connection %s could not be kept: %s", connection, type(error).__name__)
        return False
    return True


def reset(connection: str | int) -> int:
    """Forget a connection's buckets and lessons, and return how many there were. The next take finds them empty.

    Raises:
        LimiterUnavailable: Redis does not answer.
    """
    local.forget(str(connection))
    pattern = "".join(f"\\{sign}" if sign in "*?[]\\^-" else sign for sign in store.key(connection))
    found: set[bytes] = set()
    cursor = 0
    try:
        while True:
            position, names = store.redis().call(("SCAN", cursor, "MATCH", f"{pattern}*", "COUNT", 1000))[0]
            found.update(names)
            cursor = int(position)
            if not cursor:
                break
        if found:
            store.redis().call(("DEL", *found))
    except (RedisError, OSError) as error:
        raise store.unavailable(error) from error
    return len(found)


def _take_shared(
    connection: str, rates: Sequence[Rate], n: int, horizon_us: int, slack_s: float, seed: Journal | None
) -> Taken:
    keys, furthest_us = store.keys(connection, rates), ahead(rates)
    shaken = local.granted(connection)
    head = [microseconds(slack_s), n, horizon_us, repr(furthest_us), repr(slack_s * SECOND_US * CREDIT_SHARE)]
    mode = "ask" if seed else "blind"
    answer = store.redis().run(scripts.take, keys, [*head, mode, int(shaken), *store.numbers(rates)])
    if answer[0] == b"ask" and seed:
        seeds = _seeds(seed, connection, rates, furthest_us)
        answer = store.redis().run(scripts.take, keys, [*head, "told", int(shaken), *store.numbers(rates, seeds)])
    if shaken:
        local.forget(connection)
    return Taken(times_us=[float(time_us) for time_us in answer[3].split()], retry_us=float(answer[2]))


def _seeds(seed: Journal, connection: str, rates: Sequence[Rate], furthest_us: float) -> list[str]:
    """Ask the journal once for all buckets, and return for each what concerns it, as the script reads it."""
    reach_us = [each.span_us + (each.step_us if each.counted else furthest_us) for each in rates]
    sent = [(microseconds(max(age_s, 0.0)), calls) for age_s, calls in seed(connection, max(reach_us) / SECOND_US)]
    return [" ".join(f"{age}:{calls}" for age, calls in sent if age <= reach and calls > 0) for reach in reach_us]


def _grants(taken: Taken, before: float, after: float, slack_s: float) -> Grants:
    """Return the tokens by this process's clock.

    Redis looked at its clock between ``before`` and ``after``. Each end is measured from the side on which it errs
    towards sending nothing; a token whose ends cross is thrown away.
    """
    granted = []
    for time_us in taken.times_us:
        from_now = time_us / SECOND_US
        at = after + max(from_now, 0.0)
        until = before + from_now + slack_s / 2
        if until > at:
            granted.append(Grant(at=at, until=until))
    if taken.times_us and not granted:
        logger.warning("the way to Redis took %.0f ms: more than a token lives", (after - before) * 1000)
    return Grants(granted=granted, retry_after_s=taken.retry_us / SECOND_US)


def _lasting(seconds: float | None) -> int | None:
    return None if seconds is None or math.isnan(seconds) else microseconds(min(max(seconds, 0.0), LONGEST_S))
