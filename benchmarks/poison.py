"""One poison object of each kind among 10,000 healthy ones: how much later the healthy ones arrive.

Run ``python -m benchmarks.poison [--rows 10000] [--limit 150] [--drains 4] [--rounds 1] [--json]``. All are due at
once; a prefork worker of four processes and beat deliver them to a remote with a limit (calls a second), once without
poison and once with it, in turn. Counted is the time from the first ring until the remote has the object, and
``ratio_p99`` is that of its 99th percentile over the healthy ones.

The poison, spread over the queue: hooks that raise, kill their process, never return, or take longer than the send
window; objects that are refused (422), fail (500) for ever, are answered with 12 MB, a byte now and then, not at all,
with HTML, or with the id of another object; and a child whose parent never comes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from benchmarks.measure import percentile, show
from benchmarks.remote import POISON, calls_of, remote
from benchmarks.stage import Stage, clear, people, stage
from project.servers import wait_until

DONE_S = 900.0
PROCESSES = 4
ENDS_S = 180.0
"""How long the poison may take, after the healthy ones have arrived, to end in a state with a reason."""


def run(rows: int = 10_000, limit: int = 150, drains: int = 4, rounds: int = 1) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        rows: healthy objects.
        limit: calls a second that the remote allows.
        drains: workers that may be at the connection at once.
        rounds: how often, in turn.
    """
    knobs = {"BENCHMARK_APPS": "benchmarks.ward", "LOG_LEVEL": "WARNING"}
    pairs, ends = [], {}
    for _ in range(rounds):
        with remote() as url, stage(remote=url, **knobs) as found:
            _prepare(limit, drains)
            without = _deliver(found, url, rows, poison=False)[0]
            times, ends = _deliver(found, url, rows, poison=True)
            pairs.append((times, without))
    sick = [value for times, _ in pairs for value in times]
    well = [value for _, times in pairs for value in times]
    return {
        "ratio_p99": round(statistics.median(percentile(a, 99) / percentile(b, 99) for a, b in pairs), 3),
        "ratio_p50": round(statistics.median(percentile(a, 50) / percentile(b, 50) for a, b in pairs), 3),
        "p99_s_with_poison": round(percentile(sick, 99), 2),
        "p99_s_without": round(percentile(well, 99), 2),
        "last_s_with_poison": round(max(sick), 2),
        "last_s_without": round(max(well), 2),
        "healthy": len(sick),
        "poison": len(ends),
        "drains": drains,
        "ends": ends,
    }


def _prepare(limit: int, drains: int) -> None:
    from sync import registry
    from sync.models import Connection

    options = {"rate_limit": {"limit": 2 * limit, "per": 2.0}}
    Connection.objects.filter(pk=registry.connection("ward").pk).update(drains=drains, options=options)


def _names() -> list[str]:
    from benchmarks.ward.integrators import POISON as HOOKS

    return [*HOOKS, *POISON]


def _deliver(found: Stage, url: str, rows: int, *, poison: bool) -> tuple[list[float], dict[str, str]]:
    """Deliver a queue; return the seconds until each healthy one arrived, and how each poison one ended."""
    from sync import registry, wake
    from sync.drain.intake import intake

    connection_id = registry.connection("ward").pk
    with wake.muted():
        _fill(rows, poison)
        intake()
    before = len(calls_of(url))
    worker = found.worker(f"ward{poison}", "--pool=prefork", f"--concurrency={PROCESSES}", LOG_LEVEL="ERROR")
    beat = found.beat()
    try:
        began = time.monotonic()
        wake.heard(connection_id)
        wake.ring([connection_id])
        _until_healthy(rows, worker)
        arrived = arrivals(calls_of(url)[before:])
        ends = _ends(poison)
    finally:
        beat.stop()
        worker.stop()
    _clear()
    if len(arrived) != rows:
        raise RuntimeError(f"{len(arrived)} of {rows} arrived")
    return [at - began for at in arrived.values()], ends


def _fill(rows: int, poison: bool) -> None:
    from benchmarks.ward.models import Patient, Visit

    healthy = people(rows, Patient)
    names = _names() if poison else []
    for place, name in enumerate(names, 1):
        healthy.insert(place * rows // (len(names) + 1), Patient(name=name))
    Patient.objects.bulk_create(healthy)
    if poison:
        Visit.objects.create(name="orphan", patient=Patient.objects.get(name="refused"))


def _until_healthy(rows: int, worker: Any) -> None:
    from sync.models import Binding, State

    synced = Binding.objects.filter(state=State.SYNCED, object_type="patient")
    if not wait_until(lambda: synced.count() >= rows, DONE_S, every_s=0.5):
        raise RuntimeError(f"{synced.count()} of {rows} objects were delivered\n{worker.tail()}")


def _ends(poison: bool) -> dict[str, str]:
    """Wait until no poison object is due any more, but for those that are tried for an hour, and say how each ended.

    Alone, they shut the gate for minutes: what has not come to its end by then is told as it is.
    """
    from benchmarks.ward.models import Patient
    from sync.models import Binding, State

    if not poison:
        return {}
    done = (State.HELD, State.DEAD, State.RETRYING, State.WAITING, State.SYNCED)
    wait_until(lambda: not Binding.objects.exclude(state__in=done).exists(), ENDS_S, every_s=0.5)
    ids = dict(Patient.objects.filter(name__in=_names()).values_list("pk", "name"))
    rows = Binding.objects.values_list("object_type", "object_id", "state", "code")
    ends = {}
    for object_type, object_id, state, code in rows:
        if name := "orphan" if object_type == "visit" else ids.get(int(object_id), ""):
            ends[name] = f"{state} {code}".strip()
    return ends


def arrivals(calls: list[list[Any]]) -> dict[str, float]:
    """When each healthy object was first taken, by name."""
    found: dict[str, float] = {}
    for at, _, name, status in calls:
        if status == 201 and name.startswith("Person"):
            found.setdefault(name, at)
    return found


def _clear() -> None:
    from benchmarks.ward.models import Patient, Visit

    clear(Visit, Patient)


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--drains", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.rows, arguments.limit, arguments.drains, arguments.rounds)
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
