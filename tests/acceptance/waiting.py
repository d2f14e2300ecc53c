"""Wait for what becomes of the rows: poll, with a deadline, and say what is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil

from project.servers import wait_until
from sync import drain
from sync.models import Binding, Change, State

SWEEP_S = 0.25
SETTLED = (State.SYNCED, State.ABSENT)


def until(condition: Callable[[], Any], timeout_s: float = 30.0, *, sweeping: bool = False) -> None:
    """Return once a condition holds; fail, saying what is left, where it does not in time."""
    swept = time.monotonic()

    def held() -> bool:
        nonlocal swept
        if condition():
            return True
        if sweeping and time.monotonic() - swept > SWEEP_S:
            drain.sweep()
            swept = time.monotonic()
        return False

    assert wait_until(held, timeout_s, every_s=0.05), describe()


def quiet() -> bool:
    """Whether the inbox is empty and no binding is due or under way."""
    return not Change.objects.exists() and not Binding.objects.filter(due_at__isnull=False).exists()


def describe() -> str:
    """What is left, for a failure's message."""
    rows = Binding.objects.exclude(state__in=SETTLED).values_list(
        "object_type", "object_id", "state", "code", "leased", "due_at", "attempts", "uncertain"
    )
    return f"{Change.objects.count()} changes, {rows.count()} bindings: {[*rows[:8]]}"


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
