"""The options of every task here, set per task: the host's Celery settings stay the host's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sync import conf

OPTIONS: dict[str, Any] = {
    "acks_late": False,  # a lease in the database says what is under way; a message is only a doorbell
    "ignore_result": True,
    "store_errors_even_if_ignored": True,
    "max_retries": 0,
    "serializer": "json",
}


def time_limit_s(classes: Iterable[Any] = ()) -> int:
    """Return how long a drain may last before its process is ended: a hook that never returns must not stop it all.

    Args:
        classes: integrators; the longest deadline of a call counts, theirs, their types' and the settings'.
    """
    settings = conf.current()
    timeout_s = max([settings.timeout_s, *_own(settings.integrators.values()), *_declared(classes)])
    return math.ceil(settings.slice_s + 2 * (settings.window_s + timeout_s + settings.settle_s))


def _declared(classes: Iterable[Any]) -> list[float]:
    declared = [each for cls in classes for each in (cls, *cls.types().values())]
    return [_seconds(getattr(each, "timeout_s", None)) for each in declared]


def _own(given: Iterable[Mapping[str, Any]]) -> list[float]:
    return [_seconds(each.get("timeout_s")) for each in given]


def _seconds(value: Any) -> float:
    """A deadline that somebody wrote; what is none is for the checks to name."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if right else 0.0
