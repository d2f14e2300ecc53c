"""A long run at a moderate rate: whether connections, memory, descriptors and rows stay flat.

Run ``python -m benchmarks.soak [--minutes 30] [--rate 3] [--json]``. A prefork worker of two processes, beat, and this
process, which saves: a third each new rows, edits and deletes, so that the population is steady. The remote answers
one call in a hundred with 500, half of these after it applied them. What is kept for days is kept for a ninth of the
run, and pruned four times as often. Every few seconds a sample is taken; judged is the second half of the run, by
Theil–Sen's slope: ``growth_…`` is the growth over that half as a share of the median, ``growth_most`` the largest.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from benchmarks.measure import growth, show
from benchmarks.payloads import payload
from benchmarks.remote import remote
from benchmarks.stage import Stage, stage
from project.servers import wait_until
from tests.servers.process import Process

SAMPLES = 240
KEPT = 9
"""What is kept for days is kept for this part of the run."""

SICK = 0.01
POPULATION = 50
MB = 1024 * 1024
JUDGED = ("worker_mb", "child_mb", "beat_mb", "worker_files", "child_files", "database_connections", "redis_clients",
          "operations", "bindings", "results", "changes")  # fmt: skip


def run(minutes: float = 30.0, rate: float = 3.0) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        minutes: how long rows are saved.
        rate: saves a second.
    """
    keep_s = max(minutes * 60 / KEPT, 4.0)
    with remote() as url, stage(remote=url, KEEP_S=f"{keep_s:g}", LOG_LEVEL="WARNING") as found:
        mood(url, sick=SICK)
        worker = found.worker("soak", "--pool=prefork", "--concurrency=2", LOG_LEVEL="INFO")
        beat = found.beat(LOG_LEVEL="INFO")
        try:
            samples, saves, seconds = _watch(found, worker, beat, minutes * 60, rate)
            mood(url, sick=0.0)
            left = _settled(worker)
        finally:
            beat.stop()
            worker.stop()
        more = {"samples": len(samples), "saves": saves, "saves_per_second": round(saves / seconds, 2)}
        return {**judged(samples), **_pruned(), **more, **left}


def mood(url: str, **values: Any) -> None:
    """Tell the remote how to feel."""
    request = urllib.request.Request(f"{url}__mood__", data=json.dumps(values).encode(), method="POST")
    urllib.request.urlopen(request, timeout=10).close()


def judged(samples: list[Mapping[str, float]]) -> dict[str, Any]:
    """Return each series' growth over the second half, the largest of them, and each one's median there."""
    times = [sample["at"] for sample in samples]
    grown = {name: growth(times, [sample[name] for sample in samples]) for name in JUDGED}
    half = [sample for sample in samples if sample["at"] >= times[-1] / 2]
    return {
        "growth_most": max(grown.values()),
        **{f"growth_{name}": value for name, value in grown.items()},
        **{f"median_{name}": round(statistics.median(sample[name] for sample in half), 1) for name in JUDGED},
    }


def _watch(
    found: Stage, worker: Process, beat: Process, seconds: float, rate: float
) -> tuple[list[Mapping[str, float]], int, float]:
    """Save at the rate and take samples in between."""
    every_s = seconds / SAMPLES
    began = time.monotonic()
    samples: list[Mapping[str, float]] = []
    writer = _saves()
    saves = 0
    while (at := time.monotonic() - began) < seconds:
        if at >= len(samples) * every_s:
            samples.append({"at": at, **_sample(found, worker, beat)})
        if at >= saves / rate:
            next(writer)
            saves += 1
        time.sleep(max(0.0, min(saves / rate, len(samples) * every_s) - (time.monotonic() - began)))
    samples.append({"at": time.monotonic() - began, **_sample(found, worker, beat)})
    return samples, saves, time.monotonic() - began


def _saves() -> Iterator[None]:
    """Save a new row, edit one, or delete one, each time that it is asked."""
    from benchmarks.crm.models import Contact

    rng = random.Random(1)
    numbers = itertools.count()
    rows: list[Any] = []
    while True:
        if len(rows) < POPULATION:
            row = Contact(**payload(next(numbers)))
            rows.append(row)
            row.save()
        elif rng.random() < 0.5:
            rows.pop(rng.randrange(len(rows))).delete()
        else:
            row = rng.choice(rows)
            row.score = next(numbers)
            row.save()
        yield


def _sample(found: Stage, worker: Process, beat: Process) -> dict[str, float]:
    leader = psutil.Process(worker.pid)
    children = leader.children()
    return {
        "worker_mb": leader.memory_info().rss / MB,
        "child_mb": max(child.memory_info().rss for child in children) / MB,
        "beat_mb": psutil.Process(beat.pid).memory_info().rss / MB,
        "worker_files": leader.num_fds(),
        "child_files": max(child.num_fds() for child in children),
        "children": len(children),
        "redis_clients": _clients(found),
        **_rows(),
    }


def _clients(found: Stage) -> int:
    import redis

    with redis.Redis.from_url(found.redis_url) as client:
        return int(client.info("clients")["connected_clients"])


def _rows() -> dict[str, float]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
            " (SELECT count(*) FROM crudsync_operation), (SELECT count(*) FROM crudsync_binding),"
            " (SELECT count(*) FROM django_celery_results_taskresult), (SELECT count(*) FROM crudsync_change)"
        )
        names = ("database_connections", "operations", "bindings", "results", "changes")
        return dict(zip(names, map(float, cursor.fetchone()), strict=True))


def _settled(worker: Process) -> dict[str, int]:
    """Wait until nothing is due any more, and count what has not reached the remote."""
    from benchmarks.crm.models import Contact
    from sync.models import Binding, State

    if not wait_until(lambda: not Binding.objects.filter(due_at__isnull=False).exists(), 120, every_s=0.5):
        raise RuntimeError(f"objects are due still\n{worker.tail()}")
    synced = Binding.objects.filter(state=State.SYNCED).count()
    stuck = Binding.objects.filter(state__in=(State.DEAD, State.HELD, State.IN_DOUBT)).count()
    return {"rows": Contact.objects.count(), "synced": synced, "stuck": stuck}


def _pruned() -> dict[str, Any]:
    """Return how many rows were made, and how many pruned."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins, n_tup_del FROM pg_stat_user_tables WHERE relname IN"
            " ('crudsync_operation', 'crudsync_binding', 'django_celery_results_taskresult')"
        )
        tables = {name: (made, gone) for name, made, gone in cursor.fetchall()}
    names = {"operations": "crudsync_operation", "bindings": "crudsync_binding",
             "results": "django_celery_results_taskresult"}  # fmt: skip
    counts = {f"{short}_made": tables[table][0] for short, table in names.items()}
    pruned = {f"{short}_pruned": tables[table][1] for short, table in names.items()}
    return {**counts, **pruned}


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=3.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.minutes, arguments.rate)
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
