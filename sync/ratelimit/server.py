"""The limiter's Redis, asked from outside: which it is, and whether it may forget."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sync import conf
from sync.ratelimit.link import Link
from sync.ratelimit.store import redis

MICRO = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A Redis as it says of itself.

    ``max_bytes`` is 0 for no bound; ``policy`` says what it does at that bound; ``persistent`` whether it keeps
    anything over a restart; ``ahead_s`` how far its clock is ahead of this process's, in seconds.
    """

    version: str
    max_bytes: int
    used_bytes: int
    policy: str
    persistent: bool
    took_ms: float
    ahead_s: float


def server(timeout_s: float) -> Server:
    """Ask the limiter's Redis about itself, on a connection of its own: no breaker hides it.

    Args:
        timeout_s: for connecting, and for each answer.

    Raises:
        LimiterUnavailable: none is configured.
        redis.exceptions.RedisError, OSError: it does not answer.
    """
    redis()  # says what is missing where none is configured
    link = Link(conf.redis_url(), timeout_s=timeout_s)
    try:
        began, clock = time.monotonic(), time.time()
        (theirs,) = link.call(("TIME",))
        took_s = time.monotonic() - began
        (told,) = link.call(("INFO",))
    finally:
        link.close()
    seconds, micros = (int(part) for part in theirs)
    info = _parsed(told)
    return Server(
        version=info.get("valkey_version") or info.get("redis_version", ""),
        max_bytes=int(info.get("maxmemory", 0)),
        used_bytes=int(info.get("used_memory", 0)),
        policy=info.get("maxmemory_policy", ""),
        persistent=info.get("aof_enabled") == "1" or int(info.get("rdb_saves", 0) or 0) > 0,
        took_ms=round(took_s * 1000, 1),
        ahead_s=round(seconds + micros / MICRO - (clock + took_s / 2), 3),
    )


def _parsed(told: bytes | str) -> dict[str, str]:
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value.strip() for name, _, value in pairs}
