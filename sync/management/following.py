"""Follow what was asked for until it has been sent: how much is left, how fast it goes, and when it ends."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Sequence
from typing import Any

from sync.management.choose import connections
from sync.management.moments import span
from sync.management.progress import Bar
from sync.models import Connection
from sync.monitoring.arrival import Arrival, arrival

EVERY_S = 1.0


def follow(stream: Any, rows: Sequence[Connection], *, as_json: bool = False) -> bool:
    """Show what is left under these connections until nothing is, or until Ctrl-C; return whether all was sent.

    Args:
        stream: of the command.
        rows: connections.
        as_json: one JSON object a line.
    """
    bar, pause, most = Bar(stream), threading.Event(), 0
    names = {row.pk for row in rows}
    try:
        while True:
            found = arrival([row for row in connections() if row.pk in names])
            most = max(most, found.left)
            if as_json:
                stream.write(json.dumps({**dataclasses.asdict(found), "eta_s": found.eta_s}))
                stream.flush()
            elif found.left:
                bar.tell(left(found), 1 - found.left / most)
            if not found.left:
                bar.end("" if as_json else "all is sent")
                return True
            pause.wait(EVERY_S)
    except KeyboardInterrupt:
        bar.end()
        return False


def left(found: Arrival) -> str:
    """Return how much is left to send, how fast that goes, and when it ends."""
    count = f"{found.left}{'+' if found.bounded else ''} left to send"
    if found.held_up:
        return f"{count}; held up: {', '.join(found.held_up)} (paused, or its gate is shut)"
    speed = "" if found.per_s is None else f", {_speed(found)}"
    least = "at least" if found.bounded else "about"
    eta = "" if found.eta_s is None else f", {least} {span(found.eta_s)} left"
    return f"{count}{speed}{eta}"


def _speed(found: Arrival) -> str:
    per_s = found.per_s or 0.0
    words = f"{per_s:.1f} a second" if per_s >= 1 else f"{per_s * 60:.1f} a minute"
    return words if found.measured_per_s else f"{words} by the rate limit"
