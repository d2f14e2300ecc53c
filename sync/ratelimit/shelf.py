"""A word that all processes may read for a while: what one of them found out need not be found out by the others."""

from __future__ import annotations

import time

from redis.exceptions import RedisError

from sync import conf
from sync.ratelimit.link import Link, link

PREFIX = "crudsync:kept"
TIMEOUT_S = 0.25


def put(name: str, text: str, ttl_s: float) -> bool:
    """Keep a text for so many seconds, and say whether that could be done.

    Args:
        name: what it is kept under, ours alone.
        text: no secret.
        ttl_s: seconds, at least a millisecond.
    """
    if (line := _line()) is None:
        return False
    try:
        line.call(("SET", f"{PREFIX}:{name}", text, "PX", max(1, round(ttl_s * 1000))))
    except (RedisError, OSError):
        return False
    return True


def get(name: str) -> str | None:
    """Return a text that is kept, None where there is none or Redis does not say."""
    if (line := _line()) is None:
        return None
    try:
        found = line.call(("GET", f"{PREFIX}:{name}"))[0]
    except (RedisError, OSError):
        return None
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else None


def ping(timeout_s: float = 1.0) -> float | None:
    """Ask Redis for a sign of life on a connection of its own, and return how long it took in ms; None without a Redis.

    Args:
        timeout_s: for connecting, and for the answer.

    Raises:
        RedisUnreachable: it does not answer.
    """
    url = conf.redis_url()
    if not url:
        return None
    began = time.monotonic()
    line = Link(url, timeout_s=timeout_s)
    try:
        line.call(("PING",))
    except (RedisError, OSError) as error:
        raise RedisUnreachable(type(error).__name__) from None
    finally:
        line.close()
    return (time.monotonic() - began) * 1000


class RedisUnreachable(OSError):
    """Redis does not answer; the text is the kind of the error."""


def _line() -> Link | None:
    url = conf.redis_url()
    return link(url, TIMEOUT_S) if url else None
