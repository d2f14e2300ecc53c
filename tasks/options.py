"""The options of every task here, set per task: the host's Celery settings stay the host's."""

from __future__ import annotations

import math
from typing import Any

from sync import conf

OPTIONS: dict[str, Any] = {
    "acks_late": False,  # a lease in the database says what is under way; a message is only a doorbell
    "ignore_result": True,
    "store_errors_even_if_ignored": True,
    "max_retries": 0,
    "serializer": "json",
}


def time_limit_s() -> int:
    """Return how long a drain may last before its process is ended: a hook that never returns must not stop it all."""
    settings = conf.current()
    own = [float(each.get("timeout_s") or 0.0) for each in settings.integrators.values()]
    timeout_s = max([settings.timeout_s, *own])
    return math.ceil(settings.slice_s + 2 * (settings.window_s + timeout_s + settings.settle_s))
