"""What a captured save costs over a plain one: PostgreSQL with its fsync, a real Redis, the doorbell on.

Run ``python -m benchmarks.capture [--saves 50] [--rounds 31] [--json]``. Every figure is the median of ratios of two
measurements taken in turn. ``ratio_to_plain_save`` is that of saves one after the other: each rings, and all but the
first find that somebody has rung already. ``ratio_publishing`` is that of saves so far apart that a worker has heard
the ring before: each publishes a message. ``ratio_by_trigger`` is that of saves one after the other whose changes a
trigger in the database records. One ``.delay()`` a save (``ratio_of_delay``) publishes always.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.measure import Work, fsync_s, in_turn, ratio
from benchmarks.payloads import payload
from benchmarks.stage import Stage, stage

BARS = {"ratio_to_plain_save": 2.5, "ratio_in_transaction": 1.7, "ratio_by_trigger": 1.3}
IN_TRANSACTION = 10


def run(saves: int = 50, rounds: int = 31) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        saves: in each block that is timed.
        rounds: how often the blocks are run, in turn.
    """
    with stage(remote=False) as found:
        return _measure(found, saves, rounds)


def _measure(found: Stage, saves: int, rounds: int) -> dict[str, Any]:
    blocks = _blocks(saves)
    in_turn(blocks, 2)  # caches, connections and prepared statements
    times = in_turn(blocks, rounds)
    return {
        "ratio_to_plain_save": ratio(times["rung"], times["plain"]),
        "ratio_in_transaction": ratio(times["ten"], times["plain_ten"]),
        "ratio_by_trigger": ratio(times["triggered"], times["plain"]),
        "ratio_by_trigger_in_transaction": ratio(times["triggered_ten"], times["plain_ten"]),
        "ratio_publishing": ratio(times["publishing"], times["plain"]),
        "ratio_of_delay": ratio(times["delay"], times["plain"]),
        "plain_save_ms": _ms(times["plain"], saves),
        "captured_save_ms": _ms(times["rung"], saves),
        "triggered_save_ms": _ms(times["triggered"], saves),
        "fsync_ms": round(fsync_s(found.home) * 1000, 3),
    }


def _blocks(saves: int) -> dict[str, Work]:
    """Return the blocks that are timed: each gives the seconds that its saves took."""
    from benchmarks.crm import tasks
    from benchmarks.crm.models import Contact, Plain, Tasked, Triggered
    from sync import registry, wake
    from sync.capture.triggers import installation

    tasks.connect()
    installation.install()
    connection = registry.connection("crm")
    numbers = itertools.count()
    heard = partial(wake.heard, connection.pk)
    unheard = partial(wake.heard, -1)  # a round trip to Redis, as before the others
    new = {model: lambda model=model: model(**payload(next(numbers))) for model in (Contact, Plain, Tasked, Triggered)}
    return {
        "plain": partial(_one_by_one, saves, new[Plain], unheard),
        "triggered": partial(_one_by_one, saves, new[Triggered], unheard),
        "publishing": partial(_one_by_one, saves, new[Contact], heard),
        "rung": partial(_one_by_one, saves, new[Contact], unheard),
        "delay": partial(_one_by_one, saves, new[Tasked], unheard),
        "plain_ten": partial(_by_tens, saves, new[Plain]),
        "ten": partial(_by_tens, saves, new[Contact]),
        "triggered_ten": partial(_by_tens, saves, new[Triggered]),
    }


def _one_by_one(saves: int, new: Callable[[], Any], before: Callable[[], object]) -> float:
    """Save so many new rows under autocommit, and return the seconds of the saves alone."""
    seconds = 0.0
    for _ in range(saves):
        before()
        row = new()
        began = time.perf_counter()
        row.save()
        seconds += time.perf_counter() - began
    return seconds


def _by_tens(saves: int, new: Callable[[], Any]) -> float:
    """Save as many new rows, ten in a transaction, and return the seconds."""
    from django.db import transaction

    seconds = 0.0
    for _ in range(max(saves // IN_TRANSACTION, 1)):
        rows = [new() for _ in range(IN_TRANSACTION)]
        began = time.perf_counter()
        with transaction.atomic():
            for row in rows:
                row.save()
        seconds += time.perf_counter() - began
    return seconds


def _ms(times: list[float], saves: int) -> float:
    return round(statistics.median(times) / saves * 1000, 3)


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--saves", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.saves, arguments.rounds)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        bar = f"  (at most {BARS[name]})" if name in BARS else ""
        print(f"{name:24} {value}{bar}")


if __name__ == "__main__":
    main()
