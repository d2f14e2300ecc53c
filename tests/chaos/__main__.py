"""Run faults against everything, and judge: ``python -m tests.chaos --seed 7 --minutes 10``.

Prints the seed first and the counts of what was injected last; ends with 1 where an invariant did not hold, and then
keeps its directory. The same seed injects the same faults at the same times.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chaos.faults import FAULTS
from tests.chaos.probe import healthy_beside_poison
from tests.chaos.schedule import Event, draw
from tests.chaos.world import World

QUIET_S = 240.0
INVARIANTS = {
    1: "nothing lost", 2: "nothing doubled", 3: "in order", 4: "poison is isolated", 5: "within the rate",
    6: "no silent end", 7: "no secret told", 8: "saves are fast", 9: "every write recorded", 10: "bounded",
}  # fmt: skip


def run(seed: int, seconds: float, home: Path, *, postgres: bool = True, say: Callable[[str], object] = print) -> Any:
    """Inject faults for so many seconds, wait until all is quiet, and judge.

    Args:
        seed: of the schedule, and of what is written.
        seconds: how long faults are injected.
        home: an empty directory.
        postgres: on PostgreSQL; else on SQLite.
        say: gets the lines of the report.

    Returns:
        What was injected, what was written and sent, and what speaks against each invariant.
    """
    with World(home, postgres=postgres) as world:
        world.begin(seed)
        began = time.monotonic()
        _inject(world, draw(seed, seconds, tuple(FAULTS)), began, say)
        world.hush()
        _mend(world)
        quiet_s = _until_quiet(world)
        world.slow_healthy = healthy_beside_poison(world, seed)
        _until_quiet(world)
        from tests.chaos.oracle import Oracle

        oracle = Oracle(world)
        against = oracle.verdict()
        return {
            "seed": seed,
            "database": "postgresql" if postgres else "sqlite",
            "seconds": round(time.monotonic() - began, 1),
            "quiet_after_s": quiet_s,
            "injected": dict(sorted(world.injected.items())),
            "saves": len(oracle.saves),
            "saves_refused": sum(bool(each["error"]) for each in oracle.saves),
            "requests": {name: len(journal) for name, journal in oracle.journals.items()},
            "applied": {name: sum(each.applied for each in journal) for name, journal in oracle.journals.items()},
            "stuck": _stuck(),
            "against": against,
            "holds": not any(against.values()),
        }


def _inject(world: World, events: list[Event], began: float, say: Callable[[str], object]) -> None:
    """Do each fault at its time, and undo it at its own; two may be in force at once."""
    undone: list[tuple[float, Event, Callable[[], object]]] = []
    for event in events:
        _wait(world, undone, began, event.at_s)
        try:
            undo = FAULTS[event.fault](world, event.draw)
        except (IndexError, ProcessLookupError):  # nothing of that kind is alive just now
            continue
        world.injected[event.fault] += 1
        say(str(event))
        undone.append((event.at_s + event.lasts_s, event, undo))
    _wait(world, undone, began, max((at for at, _, _ in undone), default=0.0))


def _wait(world: World, undone: list[Any], began: float, until_s: float) -> None:
    while True:
        undone.sort(key=lambda each: each[0])
        now_s = time.monotonic() - began
        if undone and undone[0][0] <= max(now_s, 0.0):
            undone.pop(0)[2]()
            world.supervise()
        elif now_s >= until_s:
            return
        else:
            time.sleep(min(0.05, max(until_s - now_s, 0.0)))


def _mend(world: World) -> None:
    """Undo whatever is left, so that nothing is in the way."""
    world.arm.unlink(missing_ok=True)
    for worker in world.workers:
        if worker.running:
            worker.resume()
    if world.redis.running:
        world.redis.resume()
    for proxy in world.proxies.values():
        proxy.pass_through()
    for remote in world.remotes.values():
        remote.resume()
        remote.remote.clear_faults()
    world.supervise()


def _until_quiet(world: World) -> float:
    """Return the seconds until nothing is due, QUIET_S where that did not come."""
    from django.db import DatabaseError, connection

    from tests.acceptance.waiting import quiet

    began = time.monotonic()
    while (passed := time.monotonic() - began) < QUIET_S:
        world.supervise()
        try:
            if quiet():
                break
        except DatabaseError:
            connection.close()
        time.sleep(0.2)
    return round(passed, 1)


def _stuck() -> dict[str, int]:
    from django.db.models import Count

    from sync.models import Binding

    rows = Binding.objects.filter(state__in=("held", "in_doubt", "dead")).values_list("state", "code")
    return {f"{state} {code}": n for state, code, n in rows.annotate(n=Count("id"))}


def main() -> int:
    """Read the command line, run, report; return 1 where an invariant did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1_000_000))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sqlite", action="store_true", help="on SQLite; else on a PostgreSQL of its own")
    parser.add_argument("--schedule", action="store_true", help="print what would be injected, and end")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.schedule:
        print(*draw(given.seed, given.minutes * 60, tuple(FAULTS)), sep="\n")
        return 0
    say: Callable[[str], object] = (lambda _: None) if given.json else print
    say(f"seed {given.seed}, {given.minutes:g} minutes")
    home = Path(tempfile.mkdtemp(prefix="crudsync-chaos-"))
    found = run(given.seed, given.minutes * 60, home, postgres=not given.sqlite, say=say)
    if given.json:
        print(json.dumps(found))
    else:
        _report(found)
    if found["holds"]:
        shutil.rmtree(home, ignore_errors=True)
        return 0
    print(f"its logs and journals are in {home}", file=sys.stderr)
    return 1


def _report(found: dict[str, Any]) -> None:
    for name, count in found["injected"].items():
        print(f"{count:8} {name}")
    for name in ("database", "seconds", "quiet_after_s", "saves", "saves_refused", "requests", "applied", "stuck"):
        print(f"{name}: {found[name]}")
    for number, name in INVARIANTS.items():
        against = found["against"][number]
        print(f"{number:3} {name}: {'holds' if not against else f'{len(against)} against it'}")
        for sentence in against[:20]:
            print(f"      {sentence}")
    print(f"seed {found['seed']}: {'all hold' if found['holds'] else 'NOT all hold'}")


if __name__ == "__main__":
    raise SystemExit(main())
