"""What it costs a drain to carry correlation ids, and to trace: CPU time of this process for each object.

Run ``python -m benchmarks.traces [--rows 200] [--rounds 15] [--json]``. The blocks run in turn; each figure is a ratio
of lower quartiles to that of objects without an id, traces off. Processor time rather than the clock's: the remote, the
database and other processes have no part in it.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from benchmarks.measure import in_turn
from benchmarks.stage import people, stage

ID = "0f8fad5bd9cd469fa16570867728950e"


def run(rows: int = 200, rounds: int = 15) -> dict[str, Any]:
    """Measure and return the figures.

    Args:
        rows: objects in each block.
        rounds: how often the blocks are run, in turn.
    """
    with stage():
        blocks = {
            "plain": lambda: _block(rows, nullcontext()),
            "with_id": lambda: _block(rows, _with_id()),
            "traced": lambda: _block(rows, _traced()),
        }
        in_turn(blocks, 2)
        times = {name: _quartile(found) for name, found in in_turn(blocks, rounds).items()}
    return {
        "ratio_with_id": round(times["with_id"] / times["plain"], 3),
        "ratio_traced": round(times["traced"] / times["plain"], 3),
        "plain_us": round(times["plain"] / rows * 1e6),
    }


def _block(rows: int, surroundings: AbstractContextManager[object]) -> float:
    """CPU seconds of taking in and delivering so many new rows."""
    from benchmarks.crm.models import Contact
    from sync import registry, wake
    from sync.drain import drain
    from sync.drain.intake import intake
    from sync.models import Binding, Operation

    connection = registry.connection("crm")
    with wake.muted(), surroundings:
        Contact.objects.bulk_create(people(rows, Contact))
        began = time.process_time()
        intake()
        while Binding.objects.filter(due_at__isnull=False).exists():
            drain(connection.pk, slice_s=30, wait=False)
        seconds = time.process_time() - began
    Operation.objects.all().delete()
    Binding.objects.all().delete()
    Contact.objects.all()._raw_delete("default")
    return seconds


def _with_id() -> AbstractContextManager[object]:
    from sync.correlation import correlated

    return correlated(ID)


def _traced() -> AbstractContextManager[object]:
    """Spans that are made and sampled, and go nowhere: an exporter's work is the site's own choice."""
    from django.conf import settings
    from django.test import override_settings
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    stack = ExitStack()
    stack.enter_context(override_settings(CRUDSYNC={**settings.CRUDSYNC, "traces": True}))
    stack.enter_context(_with_id())
    return stack


def _quartile(times: list[float]) -> float:
    return sorted(times)[len(times) // 4]


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.rows, arguments.rounds)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
