"""Every page and API list with 1,000,000 bindings and 5,000,000 operations, on PostgreSQL.

Run ``python -m benchmarks.surfaces [--bindings 1000000] [--operations 5000000] [--rounds 20] [--json]``. The site as it
is, filled by ``benchmarks.fill``; every address that ``benchmarks.addresses`` finds is asked by a superuser in process,
once unmeasured, then ``--rounds`` times. ``p95_ms`` is that of the slowest page, ``max_queries`` that of the page with
most; ``pages`` gives both for each, and ``cpu_ms``: what this process and its PostgreSQL backend computed, which is
what a page takes where nothing else runs. The same is asked of a small database: ``queries_grow`` counts the pages that
need more queries in the large one. ``--here`` asks the database that the settings name, filled before.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import percentile, show
from benchmarks.stage import stage

SMALL = {"bindings": 10_000, "operations": 50_000}
HOST = "localhost"
SELDOM = 4
"""Two filters at once, of which there are very many, are asked so much less often; of few, the worst is the 95th."""

WELL = (200, 302)
ILL = 503
"""A health check that says that something is ill: that is an answer."""

NONE = (403, 405)
"""What nobody gets, not even a superuser (nobody adds an operation), and what only takes POSTs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one request took: milliseconds on the clock and of CPU, and queries."""

    ms: float
    cpu_ms: float
    queries: int


def run(
    bindings: int = 1_000_000, operations: int = 5_000_000, rounds: int = 20, here: bool = False, only: str = ""
) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        bindings: of the large database.
        operations: of the large database.
        rounds: how often each page is asked.
        here: ask the database of the settings alone, as it is.
        only: pages with this in their name.
    """
    if here:
        _ready()
        return told(asked(rounds, only), {}, {})
    with stage(remote=False, DJANGO_SETTINGS_MODULE="project.settings", LOG_LEVEL="ERROR"):
        from sync import registry

        _superuser()
        registry.connection("shop")
        took = {"small": _fill("small", **SMALL), "large": _fill("large", bindings=bindings, operations=operations)}
        _use("small")
        few = asked(1, only)
        _use("large")
        found = asked(rounds, only)
        _use("postgres")
    return told(found, few, took["large"])


def told(found: Mapping[str, Any], few: Mapping[str, Any], took: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of all pages, the slowest first."""
    order = sorted(found, key=lambda name: -found[name]["p95_ms"])
    grow = {name: (few[name]["max_queries"], found[name]["max_queries"]) for name in order if name in few}
    grow = {name: pair for name, pair in grow.items() if pair[1] > pair[0]}
    return {
        "p95_ms": found[order[0]]["p95_ms"],
        "cpu_ms": max(one["cpu_ms"] for one in found.values()),
        "max_queries": max(one["max_queries"] for one in found.values()),
        "queries_grow": len(grow),
        "pages_asked": len(found),
        **took,
        "growing": grow,
        "pages": {name: found[name] for name in order},
    }


def asked(rounds: int, only: str = "") -> dict[str, dict[str, float]]:
    """Ask every page so often, and return its 95th percentile, its slowest and its most queries, by name."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    from benchmarks import addresses
    from sync.api import throttling

    throttling.RATES.clear()  # nobody may ask that often
    logging.getLogger("django.request").setLevel(logging.CRITICAL)  # of what nobody gets
    user = get_user_model().objects.filter(is_superuser=True).order_by("pk").first()
    warnings.filterwarnings("ignore", "No directory at")  # WhiteNoise, where no static files were collected
    client = Client(SERVER_NAME=HOST)
    client.force_login(user)
    waiting = [page for page in addresses.pages(user) if only in page.name]
    seen = {addresses.kind_of(page) for page in waiting}
    found: dict[str, dict[str, float]] = {}
    while waiting:
        page = waiting.pop(0)
        body, first = _get(client, page.url)
        if not first:
            continue
        often = max(rounds // SELDOM, 1) if "&" in page.url else rounds
        found[page.name] = _times([_get(client, page.url)[1] for _ in range(often)], first)
        waiting.extend(page for page in addresses.linked(page, body, seen) if only in page.name)
        if deep := _deepest(client, page.url, body):
            name = f"{page.name} (deep)"
            found[name] = _times([_get(client, deep)[1] for _ in range(often)], _get(client, deep)[1])
    return found


def _deepest(client: Any, url: str, body: str) -> str:
    """Follow the links to older rows for a while, and return the last address."""
    from benchmarks import addresses

    last = ""
    for _ in range(addresses.DEEP):
        following = addresses.older(body, last or url)
        if not following:
            return last
        last = following
        body, _ignored = _get(client, last)
    return last


def _times(taken: list[Taken], first: Taken) -> dict[str, float]:
    return {
        "p95_ms": round(percentile([one.ms for one in taken], 95), 1),
        "p50_ms": round(percentile([one.ms for one in taken], 50), 1),
        "cpu_ms": round(percentile([one.cpu_ms for one in taken], 95), 1),
        "first_ms": round(first.ms, 1),
        "max_queries": max(one.queries for one in (*taken, first)),
    }


def _get(client: Any, url: str) -> tuple[str, Any]:
    """Return a page's text, and its milliseconds and queries; nothing of these where it takes no GET.

    Raises:
        RuntimeError: it did not answer well.
    """
    with _counted() as count:
        began, computed = time.perf_counter(), _computed_ms()
        response = client.get(url)
        body = b"" if response.streaming else response.content
        taken = Taken(ms=(time.perf_counter() - began) * 1000, cpu_ms=_computed_ms() - computed, queries=count())
    if response.status_code in NONE:
        return "", None
    if response.status_code not in (*WELL, ILL):
        raise RuntimeError(f"{url} answered {response.status_code}")
    return body.decode(errors="replace"), taken


def _computed_ms() -> float:
    """Return the milliseconds of CPU that this process and its backend have used so far, the latter's on Linux alone.

    A backend that was started anew in between counts from nothing, so the sum never goes back by much.
    """
    from django.db import connection

    own = time.process_time() * 1000
    if connection.connection is None:
        return own
    try:
        told = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text()
    except OSError:
        return own
    return own + int(told.split()[0]) / 1_000_000


@contextmanager
def _counted() -> Iterator[Callable[[], int]]:
    from django.db import connection

    seen: list[int] = []

    def count(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        seen.append(1)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield lambda: len(seen)


def _superuser() -> None:
    from django.contrib.auth import get_user_model

    if not get_user_model().objects.filter(is_superuser=True).exists():
        get_user_model().objects.create_superuser("benchmark", "", "for-benchmarks-alone")


def _ready() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    import django

    django.setup()
    _superuser()


def _use(name: str) -> None:
    """Let this process's Django go on with another database of the server."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def _fill(name: str, **sizes: int) -> dict[str, Any]:
    """Make a copy of the first database with so many rows."""
    from django.db import connection

    from benchmarks.fill import fill, vacuum

    _use("template1")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE postgres")
    _use(name)
    took = {**fill(**sizes), "vacuum_s": vacuum()}
    _use("postgres")
    return took


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bindings", type=int, default=1_000_000)
    parser.add_argument("--operations", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--here", action="store_true", help="ask the database of the settings, as it is")
    parser.add_argument("--only", default="", help="pages with this in their name")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = run(given.bindings, given.operations, given.rounds, given.here, given.only)
    if given.json:
        show(figures, as_json=True)
        return
    listed, growing = figures.pop("pages"), figures.pop("growing")
    show(figures, as_json=False)
    print(f"\n{'p95_ms':>8} {'p50_ms':>8} {'cpu_ms':>8} {'first_ms':>8} {'queries':>7}")
    for name, one in listed.items():
        grown = f" (grew from {growing[name][0]})" if name in growing else ""
        times = " ".join(f"{one[figure]:8}" for figure in ("p95_ms", "p50_ms", "cpu_ms", "first_ms"))
        print(f"{times} {one['max_queries']:7}  {name}{grown}")


if __name__ == "__main__":
    main()
