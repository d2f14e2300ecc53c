"""Throughput, claims and worker memory with 1,000,000 bindings, against the same with 10,000, on PostgreSQL.

Run ``python -m benchmarks.backlog [--large 1000000] [--small 10000] [--due 2000] [--rounds 5] [--json]``. Two databases
of one server, alike but for their size: most objects are synced and idle, one in five is in backoff (200,000 of a
million), some are dead or held, and as many are due in both, scattered over the table. The same worker (one process, 8
threads) delivers them in turn (A B A B), all durable and recorded, to an nginx. ``ratio_million_to_ten_thousand`` is
the median of the rounds' ratios of objects a second. Claims are timed beside it, of 50 each, until nothing is due.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import psutil

from benchmarks.delivery import DONE_S, THREADS
from benchmarks.measure import percentile, show
from benchmarks.stage import Stage, stage
from project.servers import wait_until

CLAIM = 50
MB = 1024 * 1024

CONTACTS = """
INSERT INTO crm_contact (name, email, phone, company, city, score)
SELECT 'Person ' || n, 'person' || n || '@example.test', '+49 30 ' || lpad(n::text, 8, '0'), 'Company ' || n %% 97,
       'City ' || n %% 31, n %% 100
FROM generate_series(1, %s) AS n
"""

BINDINGS = """
INSERT INTO crudsync_binding
    (connection_id, object_type, object_id, model, remote_id, sent, seen, wanted, seq, due_at, lane, lease_token,
     leased, attempts, claims, uncertain, waits_for, state, code, detail, dirty_since, actor, synced_at, ignored)
SELECT %s, 'contact', c.id::text, 'crm.contact',
       CASE WHEN kind IN ('idle', 'backoff') THEN md5(c.id::text) END, payload, answer, 0, 1,
       CASE kind WHEN 'backoff' THEN now() + make_interval(secs => 86400 + c.id %% 3600) END,
       CASE WHEN kind = 'backoff' THEN 1 ELSE 0 END, 1 + c.id %% 1000, false,
       CASE WHEN kind IN ('backoff', 'dead') THEN 3 ELSE 0 END, 0, '', '',
       CASE kind WHEN 'idle' THEN 'synced' WHEN 'backoff' THEN 'retrying' ELSE kind END,
       CASE kind WHEN 'idle' THEN '' WHEN 'held' THEN 'refused' ELSE 'server_error' END, '',
       CASE WHEN kind <> 'idle' THEN now() - interval '5 minutes' END, '', now() - interval '1 hour', ''
FROM (
    SELECT id, json_build_object('name', name, 'email', email, 'phone', phone, 'company', company, 'city', city,
                                 'score', score)::text AS payload,
           json_build_object('id', md5(id::text))::text AS answer,
           CASE WHEN id %% 5 = 1 THEN 'backoff' WHEN id %% 100 = 2 THEN 'dead' WHEN id %% 100 = 3 THEN 'held'
                ELSE 'idle' END AS kind
    FROM crm_contact) AS c
ORDER BY random()
"""

DUE = """
UPDATE crudsync_binding SET due_at = now(), state = 'pending', remote_id = NULL, sent = NULL, seen = NULL,
    intent = NULL, uncertain = '', leased = false, attempts = 0, claims = 0, lane = 0, dirty_since = now(),
    rests_until = NULL
WHERE object_id IN (SELECT (5 * (place * (%s / 5 / %s) + 1))::text FROM generate_series(0, %s - 1) AS place)
"""
"""Every fifth is never in backoff, dead or held; of these as many as asked for, evenly over the table."""


def run(large: int = 1_000_000, small: int = 10_000, due: int = 2000, rounds: int = 5) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        large: bindings of the large database.
        small: bindings of the small one; at least five times ``due``.
        due: objects delivered in each round, at both sizes.
        rounds: how often, in turn, after one that does not count.
    """
    if small < 5 * due:
        raise ValueError("small must be at least five times due")
    with stage() as found:
        sizes = {"small": small, "large": large}
        filled = {name: _fill(name, size) for name, size in sizes.items()}
        claims: dict[str, list[float]] = {name: [] for name in sizes}
        done: dict[str, list[tuple[float, float]]] = {name: [] for name in sizes}
        for number in range(rounds + 1):
            for name, size in sizes.items():
                times, run = _claims(name, size, due), _deliver(found, name, size, due)
                if number:  # the first one warms the server's memory
                    claims[name] += times
                    done[name].append(run)
    return {**compared(done, claims), **{f"fill_{name}_s": round(value, 1) for name, value in filled.items()}}


def compared(done: dict[str, list[tuple[float, float]]], claims: dict[str, list[float]]) -> dict[str, Any]:
    """Return the figures of objects a second and megabytes by round, and of seconds by claim."""
    pairs = list(zip(done["large"], done["small"], strict=True))
    memory = {name: statistics.median(mb for _, mb in runs) for name, runs in done.items()}
    return {
        "ratio_million_to_ten_thousand": round(statistics.median(a[0] / b[0] for a, b in pairs), 3),
        "ratio_claim_p50": round(percentile(claims["large"], 50) / percentile(claims["small"], 50), 3),
        "ratio_worker_memory": round(memory["large"] / memory["small"], 3),
        **{f"rows_per_second_{name}": round(statistics.median(run[0] for run in runs)) for name, runs in done.items()},
        **{f"claim_p50_ms_{name}": round(percentile(times, 50) * 1000, 3) for name, times in claims.items()},
        **{f"claim_p99_ms_{name}": round(percentile(times, 99) * 1000, 3) for name, times in claims.items()},
        **{f"worker_mb_{name}": round(value, 1) for name, value in memory.items()},
        "rounds": [[round(a[0]), round(b[0])] for a, b in pairs],
    }


def _use(name: str) -> None:
    """Let this process's Django go on with another database of the server."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def _fill(name: str, size: int) -> float:
    """Make a database with so many objects, and return the seconds that it took."""
    from django.db import connection

    from sync import registry

    began = time.monotonic()
    registry.connection("crm")  # in the first database, of which the others are copies
    _use("template1")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE postgres")
    _use(name)
    with connection.cursor() as cursor:
        cursor.execute(CONTACTS, [size])
        cursor.execute(BINDINGS, [registry.connection("crm").pk])
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    _use("postgres")
    return time.monotonic() - began


def _ready(size: int, due: int) -> None:
    """Make so many objects due, and clear up what the round before left, for the server, too."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE crudsync_operation, django_celery_results_taskresult, crudsync_sweep, crudsync_slot")
        cursor.execute(DUE, [size, due, due])
        if cursor.rowcount != due:
            raise RuntimeError(f"{cursor.rowcount} objects are due, not {due}")
        cursor.execute("VACUUM ANALYZE crudsync_binding")


def _claims(name: str, size: int, due: int) -> list[float]:
    """Claim all that is due, and return the seconds of each claim."""
    from sync import bindings, registry

    _use(name)
    _ready(size, due)
    connection_id = registry.connection("crm").pk
    times = []
    while True:
        began = time.perf_counter()
        claimed = bindings.claim(connection_id, CLAIM, 60.0)
        if not claimed:
            return times
        times.append(time.perf_counter() - began)


def _deliver(found: Stage, name: str, size: int, due: int) -> tuple[float, float]:
    """Deliver what is due with a worker; return objects a second, and the megabytes of its process at the end."""
    from sync import registry, wake
    from sync.models import Binding

    _use(name)
    _ready(size, due)
    connection_id = registry.connection("crm").pk
    url = found.postgres.url.rsplit("/", 1)[0] + f"/{name}"
    worker = found.worker(name, "--pool=prefork", "--concurrency=1", CRUDSYNC_THREADS=str(THREADS), DATABASE_URL=url)
    try:
        wake.heard(connection_id)
        wake.ring([connection_id])
        pending = Binding.objects.filter(due_at__isnull=False, lane=0)
        if not wait_until(lambda: not pending.exists(), DONE_S, every_s=0.2):
            raise RuntimeError(f"{pending.count()} objects were not delivered\n{worker.tail()}")
        memory = max(child.memory_info().rss for child in psutil.Process(worker.pid).children()) / MB
    finally:
        worker.stop()
    return _rate(due), memory


def _rate(due: int) -> float:
    from django.db.models import Max, Min

    from sync.models import Operation, Status

    done = Operation.objects.filter(status=Status.SUCCEEDED)
    if done.count() != due:
        raise RuntimeError(f"{done.count()} operations succeeded, not {due}")
    times = done.aggregate(first=Min("started_at"), last=Max("finished_at"))
    seconds: float = (times["last"] - times["first"]).total_seconds()
    return due / seconds


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--due", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.large, arguments.small, arguments.due, arguments.rounds)
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
