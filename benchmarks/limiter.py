"""The token bucket under load: no window over its limit, nearly all of the promised refill used, and how fast it is.

Run ``python -m benchmarks.limiter [--seconds 15] [--processes 8] [--json]``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import struct
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from benchmarks.redis_server import RedisServer
from sync.types import Grants, RateLimit

LIMITS = (RateLimit(10, per=1.0), RateLimit(100, per=6.0))
HUGE = RateLimit(50_000_000, per=1.0, burst=10_000_000)
ROW = struct.Struct("d")
SLICE_S = 2.0


@dataclass(frozen=True, slots=True)
class Load:
    """What each process is told: the Redis, the limit, when to start and to end (monotonic seconds), where to write."""

    url: str
    limit: RateLimit
    starts: float
    ends: float
    path: str


def run(seconds: float = 15.0, processes: int = 8) -> dict[str, Any]:
    """Measure, against a server of its own, and return the figures.

    Args:
        seconds: how long each limit is hammered.
        processes: how many share the bucket.

    Returns:
        ``windows_over`` (windows with more sends than the limit, all limits), ``share_used`` (of the promised refill,
        the lowest of the limits), ``tokens_per_second`` (one process, 100 a call), and the details by limit.
    """
    if urls := os.environ.get("REDIS_URL"):
        return _measure(urls, seconds, processes)
    with RedisServer() as server:
        return _measure(server.url, seconds, processes)


def _measure(url: str, seconds: float, processes: int) -> dict[str, Any]:
    details = [_hammer(url, limit, seconds, processes) for limit in LIMITS]
    return {
        "windows_over": sum(each["windows_over"] for each in details),
        "share_used": min(each["share_used"] for each in details),
        "tokens_per_second": _speed(url),
        "processes": processes,
        "limits": details,
    }


def _hammer(url: str, limit: RateLimit, seconds: float, processes: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "sends")
        Path(path).touch()
        starts = time.monotonic() + 2.0
        load = Load(url, limit, starts, starts + seconds, path)
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=_work, args=(load,)) for _ in range(processes)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        raw = Path(path).read_bytes()
    sends = sorted(value for (value,) in ROW.iter_unpack(raw))
    return {"limit": limit.limit, "per_s": limit.per, "sends": len(sends), **judge(sends, limit)}


def judge(sends: Sequence[float], limit: RateLimit, slack_s: float = 0.25) -> dict[str, Any]:
    """Count the windows over a limit, one beginning at each send, and the share of the promised refill used.

    Args:
        sends: times in seconds, ascending.
        limit: what was promised.
        slack_s: the limiter's slack.
    """
    over = 0
    for i, start in enumerate(sends):
        beyond = i + limit.limit
        if beyond < len(sends) and sends[beyond] - start <= limit.per:
            over += 1
    lasted = sends[-1] - sends[0] if len(sends) > 1 else 0.0
    promised = lasted * (limit.limit - limit.burst + 1) / (limit.per + slack_s)
    return {"windows_over": over, "share_used": round((len(sends) - 1) / promised, 4) if promised else 0.0}


def _work(load: Load) -> None:
    """Take tokens in slices and write down when each was used, until the end."""
    from sync import ratelimit  # after _configure: the settings are read on import of nothing else

    _configure(load.url)
    out = os.open(load.path, os.O_WRONLY | os.O_APPEND)
    time.sleep(max(0.0, load.starts - time.monotonic()))
    while (now := time.monotonic()) < load.ends:
        grants = ratelimit.take(_name(load.limit), [load.limit], 1, horizon_s=min(SLICE_S, load.ends - now))
        _use(grants, out)
        if not grants.granted:
            # The next token is for whoever asks first; asking early enough to reserve it is fair.
            time.sleep(min(0.25, max(0.01, grants.retry_after_s / 2)))
    os.close(out)


def _use(grants: Grants, out: int) -> None:
    for grant in grants.granted:
        time.sleep(max(0.0, grant.at - time.monotonic()))
        now = time.monotonic()
        if now <= grant.until:
            os.write(out, ROW.pack(now))


def _speed(url: str, calls: int = 300) -> int:
    from sync import ratelimit

    _configure(url)
    ratelimit.take("speed", [HUGE], 1, horizon_s=10)
    time.sleep(1.5)  # the empty bucket fills
    started = time.perf_counter()
    taken = sum(len(ratelimit.take("speed", [HUGE], 100, horizon_s=10).granted) for _ in range(calls))
    return int(taken / (time.perf_counter() - started))


def _name(limit: RateLimit) -> str:
    return f"benchmark-{limit.limit}-{limit.per:g}"


def _configure(url: str) -> None:
    if not settings.configured:
        settings.configure(CRUDSYNC={"redis_url": url}, USE_TZ=True)
        django.setup()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = run(given.seconds, given.processes)
    if given.json:
        print(json.dumps(figures))
        return
    for key in ("windows_over", "share_used", "tokens_per_second"):
        print(f"{key}: {figures[key]}")
    for each in figures["limits"]:
        print(f"  {each['limit']} per {each['per_s']:g} s: {each['sends']} sends, share {each['share_used']}")


if __name__ == "__main__":
    main()
