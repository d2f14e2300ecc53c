"""What a save costs while Redis is frozen (SIGSTOP): PostgreSQL with its fsync, the doorbell on.

Run ``python -m benchmarks.frozen [--saves 400] [--every-ms 20] [--rounds 3] [--json]``. Saves of a web process, one
every 20 ms: a round with Redis as it should be, then one with Redis frozen, in turn. A fresh process saves in each, so
that each meets a frozen Redis for the first time. ``p99_s_frozen`` is of all saves while it is frozen,
``worst_s_frozen`` the slowest of all. ``ratio_after_first_failure`` is the 99th percentile after the first save that
failed to ring, over that of the round before: the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.measure import percentile, show
from benchmarks.payloads import payload
from benchmarks.stage import Stage, stage

SLOW_S = 0.2
"""A ring that fails waits for a quarter of a second; no save of a healthy system takes so long."""


def run(saves: int = 400, every_ms: float = 20.0, rounds: int = 3) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        saves: in each round, with and without.
        every_ms: milliseconds between the beginnings of two saves.
        rounds: how often, in turn.
    """
    with stage(remote=False) as found:
        pairs = [(_round(found, saves, every_ms), _frozen(found, saves, every_ms)) for _ in range(rounds)]
    normal = [value for times, _ in pairs for value in times]
    frozen = [value for _, times in pairs for value in times]
    after = [after_first_failure(times) for _, times in pairs]
    ratios = [percentile(late, 99) / percentile(times, 99) for (times, _), late in zip(pairs, after, strict=True)]
    halves = [percentile(late, 50) / percentile(times, 50) for (times, _), late in zip(pairs, after, strict=True)]
    return {
        "p99_s_frozen": round(percentile(frozen, 99), 4),
        "ratio_after_first_failure": round(statistics.median(ratios), 3),
        "ratio_p50_after_first_failure": round(statistics.median(halves), 3),
        "worst_s_frozen": round(max(frozen), 4),
        "slow_saves_frozen": sum(value > SLOW_S for value in frozen),
        "saves_frozen": len(frozen),
        "p50_ms_normal": round(percentile(normal, 50) * 1000, 3),
        "p99_ms_normal": round(percentile(normal, 99) * 1000, 3),
        "p99_ms_after_first_failure": round(percentile([v for late in after for v in late], 99) * 1000, 3),
    }


def after_first_failure(times: list[float]) -> list[float]:
    """Return the times after the first save that waited for a ring in vain; all of them where none did."""
    for place, value in enumerate(times):
        if value > SLOW_S:
            return times[place + 1 :]
    return times


def _frozen(found: Stage, saves: int, every_ms: float) -> list[float]:
    """A round that meets a frozen Redis once the process has warmed up."""
    return _round(found, saves, every_ms, pid=found.redis_pid)


def _round(found: Stage, saves: int, every_ms: float, pid: int = 0) -> list[float]:
    """Save in a fresh process, and return the seconds of each save."""
    command = [sys.executable, "-m", "benchmarks.frozen", "--child", str(pid), "--saves", str(saves)]
    try:
        done = subprocess.run(
            [*command, "--every-ms", str(every_ms)], env=found.env(), check=True, capture_output=True, text=True
        )
    finally:
        if pid:
            os.kill(pid, signal.SIGCONT)
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times


def _child(pid: int, saves: int, every_ms: float) -> None:
    """Warm up, freeze the Redis of this process id (0: none), save at the pace, and print the seconds of each."""
    import django

    django.setup()
    from benchmarks.crm.models import Contact

    for number in range(20):
        Contact(**payload(number)).save()
    if pid:
        os.kill(pid, signal.SIGSTOP)
    times = []
    began = time.monotonic()
    for number in range(saves):
        time.sleep(max(0.0, began + number * every_ms / 1000 - time.monotonic()))
        row = Contact(**payload(number))
        start = time.perf_counter()
        row.save()
        times.append(time.perf_counter() - start)
    print(json.dumps(times))


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--saves", type=int, default=400)
    parser.add_argument("--every-ms", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        _child(arguments.child, arguments.saves, arguments.every_ms)
        return
    figures = run(arguments.saves, arguments.every_ms, arguments.rounds)
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
