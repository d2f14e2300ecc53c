"""How fast rows reach a remote: against a bare ``requests`` loop, and against one Celery task per save.

Run ``python -m benchmarks.delivery [--rows 6000] [--rounds 3] [--json]``. Every figure is a ratio of two measurements
of one run, taken in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.stage import Stage, people, stage
from project.servers import wait_until

THREADS = 8
DONE_S = 300.0


def run(rows: int = 6000, rounds: int = 3, tasks: int = 600) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        rows: objects delivered in each round.
        rounds: how often; medians of the pairs count.
        tasks: objects of the task-per-save opponent, which is slow.
    """
    with stage() as found:
        pairs = [(_bare(found, rows), _ours(found, rows, 1)) for _ in range(rounds)]
        double = _ours(found, rows, 2)
        per_task = _task_per_save(found, tasks, "--pool=threads", f"--concurrency={THREADS}")
        per_task_double = _task_per_save(found, tasks, "--pool=prefork", "--concurrency=2")
    ours = statistics.median(rate for _, rate in pairs)
    return {
        "ratio_to_requests": round(statistics.median(ours / bare for bare, ours in pairs), 3),
        "ratio_to_requests_two_processes": round(double / statistics.median(bare for bare, _ in pairs), 3),
        "ratio_to_task_per_save": round(ours / per_task, 2),
        "ratio_to_task_per_save_two_processes": round(double / per_task_double, 2),
        "rows_per_second": round(ours),
        "bare_per_second": round(statistics.median(bare for bare, _ in pairs)),
        "task_per_save_per_second": round(per_task),
        "task_per_save_per_second_two_processes": round(per_task_double),
        "rounds": [[round(bare), round(ours)] for bare, ours in pairs],
    }


def _bare(found: Stage, rows: int) -> float:
    """Rows a second of a ``requests.Session`` loop with as many threads."""
    command = [sys.executable, "-m", "benchmarks.bare", f"{found.remote_url}contacts", str(rows), str(THREADS)]
    done = subprocess.run(command, env=found.env(), check=True, capture_output=True, text=True)
    return rows / float(done.stdout)


def _ours(found: Stage, rows: int, processes: int) -> float:
    """Rows a second of a backlog, from the first operation to the last, all durable and recorded."""
    from benchmarks.crm.models import Contact
    from sync import registry, wake
    from sync.drain.intake import intake
    from sync.models import Binding, Connection, Operation, Sweep

    connection = registry.connection("crm")
    Connection.objects.filter(pk=connection.pk).update(drains=processes)
    with wake.muted():
        Contact.objects.bulk_create(people(rows, Contact))
        intake()
    worker = found.worker(
        f"crm{processes}", "--pool=prefork", f"--concurrency={processes}", CRUDSYNC_THREADS=str(THREADS)
    )
    try:
        for _ in range(processes):
            wake.heard(connection.pk)
            wake.ring([connection.pk])
        pending = Binding.objects.filter(due_at__isnull=False)
        if not wait_until(lambda: not pending.exists(), DONE_S, every_s=0.2):
            raise RuntimeError(f"{pending.count()} objects were not delivered\n{worker.tail()}")
    finally:
        worker.stop()
    rate = _rate(rows)
    Operation.objects.all().delete()
    Binding.objects.all().delete()
    Sweep.objects.all().delete()
    Contact.objects.all()._raw_delete("default")
    return rate


def _rate(rows: int) -> float:
    from django.db.models import Max, Min

    from sync.models import Operation, Status

    done = Operation.objects.filter(status=Status.SUCCEEDED)
    if done.count() != rows:
        raise RuntimeError(f"{done.count()} operations succeeded, not {rows}")
    times = done.aggregate(first=Min("started_at"), last=Max("finished_at"))
    seconds: float = (times["last"] - times["first"]).total_seconds()
    return rows / seconds


def _task_per_save(found: Stage, rows: int, *pool: str) -> float:
    """Rows a second of a backlog of one task per save, in such a pool, from the first start to the last end."""
    from django_celery_results.models import TaskResult

    from benchmarks.crm import tasks
    from benchmarks.crm.models import Tasked

    tasks.connect()
    for row in people(rows, Tasked):
        row.save()
    worker = found.worker("tasked", *pool)
    try:
        done = TaskResult.objects.filter(task_name="crm.push", status="SUCCESS")
        if not wait_until(lambda: done.count() >= rows, DONE_S, every_s=0.2):
            raise RuntimeError(f"{done.count()} of {rows} tasks ended\n{worker.tail()}")
    finally:
        worker.stop()
    from django.db.models import Max, Min

    times = done.aggregate(first=Min("date_started"), last=Max("date_done"))
    first = times["first"] or done.aggregate(first=Min("date_created"))["first"]
    seconds: float = (times["last"] - first).total_seconds()
    TaskResult.objects.all().delete()
    Tasked.objects.all()._raw_delete("default")
    return rows / seconds


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=600)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.rows, arguments.rounds, arguments.tasks)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:36} {value}")


if __name__ == "__main__":
    main()
