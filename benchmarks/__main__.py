"""Benchmarks, one after the other, as one table: ``python -m benchmarks [--json] [--quick] [NAME …]``.

Without a name, those that take a few minutes at the most. Each runs in a process of its own, so that none inherits what
another has warmed up or left behind.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """What one figure must reach: at least ``least``, or at most ``most``."""

    name: str
    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Return whether a figure reaches it."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        return f"≥ {self.least:,g}" if self.least is not None else f"≤ {self.most:,g}"


BARS: Mapping[str, Sequence[Bar]] = {
    "delivery": (Bar("ratio_to_requests", least=1.0), Bar("ratio_to_task_per_save", least=10.0)),
    "capture": (
        Bar("ratio_to_plain_save", most=2.5),
        Bar("ratio_in_transaction", most=1.7),
        Bar("ratio_by_trigger", most=1.3),
    ),
    "latency": (Bar("ratio_p50", most=3.0), Bar("ratio_p99", most=10.0)),
    "limiter": (
        Bar("windows_over", most=0),
        Bar("share_used", least=0.97),
        Bar("tokens_per_second", least=20_000),
    ),
    "backlog": (Bar("ratio_million_to_ten_thousand", least=0.8),),
    "frozen": (Bar("p99_s_frozen", most=1.0), Bar("ratio_after_first_failure", most=1.5)),
    "poison": (Bar("ratio_p99", most=1.5),),
    "outage": (Bar("dead_letters", most=0), Bar("windows_over", most=0), Bar("calls_in_outage", most=100)),
    "soak": (Bar("growth_most", most=0.05), Bar("stuck", most=0)),
    "surfaces": (Bar("p95_ms", most=300), Bar("queries_grow", most=0)),
}
LONG = ("backlog", "poison", "outage", "soak", "surfaces")
"""Run by name only."""

QUICK: Mapping[str, Sequence[str]] = {
    "delivery": ("--rows", "2000", "--rounds", "1", "--tasks", "200"),
    "capture": ("--rounds", "11"),
    "latency": ("--saves", "60"),
    "limiter": ("--seconds", "8"),
    "backlog": ("--large", "100000", "--rounds", "1"),
    "frozen": ("--saves", "200", "--rounds", "1"),
    "poison": ("--rows", "2000"),
    "outage": ("--rows", "1000", "--real-s", "10"),
    "soak": ("--minutes", "2"),
    "surfaces": ("--bindings", "100000", "--operations", "200000", "--rounds", "3"),
}


def measure(name: str, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Run one benchmark and return its figures; where it fails, its last words as ``error``."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    last = lines[-1] if lines else f"it ended with {done.returncode}"
    return json.loads(last) if done.returncode == 0 else {"error": last}


def rows(name: str, figures: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return the table's rows of one benchmark: what, figure, bar, whether it holds. Those with a bar go first."""
    if "error" in figures:
        return [(name, str(figures["error"])[:60], "", "FAILED")]
    barred = [
        (f"{name}.{bar.name}", _shown(figures[bar.name]), str(bar), "ok" if bar.holds(figures[bar.name]) else "MISSED")
        for bar in BARS[name]
    ]
    with_bar = {bar.name for bar in BARS[name]}
    plain = {key: value for key, value in figures.items() if key not in with_bar and isinstance(value, int | float)}
    return [*barred, *((f"  {key}", _shown(value), "", "") for key, value in plain.items())]


def _shown(value: float) -> str:
    return f"{value:,.3f}".rstrip("0").rstrip(".")


def table(lines: Sequence[tuple[str, str, str, str]]) -> str:
    """Return rows as text in columns."""
    head = ("figure", "measured", "bar", "")
    widths = [max(len(line[place]) for line in (head, *lines)) for place in range(4)]
    return "\n".join(
        f"{line[0]:<{widths[0]}}  {line[1]:>{widths[1]}}  {line[2]:>{widths[2]}}  {line[3]}".rstrip()
        for line in (head, *lines)
    )


def main() -> int:
    """Run them, print the table or one JSON object, and return 1 where one could not be run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object, by benchmark")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: sizes, not figures")
    parser.add_argument("only", nargs="*", help=f"of {', '.join(BARS)}; default: all but {', '.join(LONG)}")
    given = parser.parse_args()
    if unknown := sorted(set(given.only) - set(BARS)):
        parser.error(f"no benchmark is named {', '.join(unknown)}")
    names = given.only or [name for name in BARS if name not in LONG]
    found = {name: measure(name, QUICK[name] if given.quick else ()) for name in names}
    if given.json:
        print(json.dumps(found))
    else:
        print(table([row for name, figures in found.items() for row in rows(name, figures)]))
    return int(any("error" in figures for figures in found.values()))


if __name__ == "__main__":
    sys.exit(main())
