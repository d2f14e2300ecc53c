"""How long a saved row takes to reach the remote, against the bare HTTP call plus a bare Celery round trip.

Run ``python -m benchmarks.latency [--saves 300] [--json]``. The system is idle: one worker process, one row at a time,
the next one after the last has been settled. The remote takes the time at which it has read the request. The three are
measured in turn. Both ratios are against the *median* of the bare ones.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import requests

from benchmarks.measure import fsync_s, percentile
from benchmarks.payloads import payload
from benchmarks.stage import Stage, running, stage
from project.servers import LOOPBACK, free_port, wait_until

BARS = {"ratio_p50": 3.0, "ratio_p99": 10.0}
WARM = 20
SETTLED_S = 30.0
IDLE_S = 0.15
"""The worker stores the result of its task, and goes back to its queue."""


def run(saves: int = 300) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        saves: how many rows are timed, one after the other.
    """
    with stage(remote=False) as found, _recorder() as url, requests.Session() as session:
        session.trust_env = False
        there = replace(found, remote_url=url)
        worker = there.worker("latency", "--pool=prefork", "--concurrency=1")
        try:
            times = [_once(there, session, number) for number in range(WARM + saves)][WARM:]
        finally:
            worker.stop()
        return _figures(times, session.get(f"{url}times", timeout=10).json(), fsync_s(found.home))


def _once(found: Stage, session: requests.Session, number: int) -> tuple[float, float, str, float]:
    """Time one call, one round trip and one save; return the seconds of the first two, the row's name, and when."""
    from benchmarks.crm.models import Contact
    from benchmarks.crm.tasks import round_trip

    call = _call(found, session, number)
    trip = round_trip()
    row = Contact(**payload(number))
    saved = time.monotonic()
    row.save()
    _settled()
    return call, trip, row.name, saved


def _call(found: Stage, session: requests.Session, number: int) -> float:
    body = {**payload(number), "name": f"bare {number}"}
    began = time.monotonic()
    session.post(f"{found.remote_url}contacts", json=body, timeout=10).raise_for_status()
    return time.monotonic() - began


def _settled() -> None:
    """Return once nothing is due and no drain holds a slot: the system is idle again."""
    from sync.models import Binding, Change, Slot

    def idle() -> bool:
        due = Change.objects.exists() or Binding.objects.filter(due_at__isnull=False).exists()
        return not due and not Slot.objects.exclude(holder="").exists()

    if not wait_until(idle, SETTLED_S, every_s=0.01):
        raise RuntimeError("a saved row was not delivered")
    time.sleep(IDLE_S)


def _figures(times: list[tuple[float, float, str, float]], applied: dict[str, float], fsync: float) -> dict[str, Any]:
    ours = [applied[name] - saved for _, _, name, saved in times]
    calls, trips = [each[0] for each in times], [each[1] for each in times]
    bare = statistics.median(calls) + statistics.median(trips)
    return {
        "ratio_p50": round(percentile(ours, 50) / bare, 3),
        "ratio_p99": round(percentile(ours, 99) / bare, 3),
        "p50_ms": _ms(percentile(ours, 50)),
        "p99_ms": _ms(percentile(ours, 99)),
        "bare_call_p50_ms": _ms(percentile(calls, 50)),
        "bare_call_p99_ms": _ms(percentile(calls, 99)),
        "bare_round_trip_p50_ms": _ms(percentile(trips, 50)),
        "bare_round_trip_p99_ms": _ms(percentile(trips, 99)),
        "ratio_p99_to_bare_p99": round(percentile(ours, 99) / (percentile(calls, 99) + percentile(trips, 99)), 3),
        "fsync_ms": _ms(fsync),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


@contextmanager
def _recorder() -> Iterator[str]:
    """Start the remote, and yield its URL."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.recorder", str(port)], port):
        yield f"http://{LOOPBACK}:{port}/"


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--saves", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.saves)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        bar = f"  (at most {BARS[name]})" if name in BARS else ""
        print(f"{name:24} {value}{bar}")


if __name__ == "__main__":
    main()
