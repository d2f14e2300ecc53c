"""The entries for Celery beat."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from sync import conf

EXPIRES_S = 7200
DROPPED = {"expires": EXPIRES_S, "expire_seconds": EXPIRES_S}
"""When a message is stale: the word of Celery's beat, and that of django-celery-beat, which forgets the other one. To
Celery that is a property of the message which nobody reads."""

ALERTS_S = 60.0
"""How often rules are looked at; two looks within a few seconds, as after a night without workers, are one."""


def schedule(
    *, reconcile_every: timedelta = timedelta(hours=6), sweep_s: float | None = None
) -> dict[str, dict[str, Any]]:
    """Return the entries for Celery beat.

    In the settings: ``CELERY_BEAT_SCHEDULE |= schedule()``. A sweep that no worker took for two hours is dropped, so
    that a night without workers piles up no more than that: the next one does the same. Not sooner, since a worker
    compares that time by its own clock, and one that is an hour ahead of beat's would drop them all.

    Args:
        reconcile_every: how often the remotes are listed and compared.
        sweep_s: seconds between two sweeps, rounded up to whole ones; default: the setting, or its default while the
            settings are being read.
    """
    sweep_s = math.ceil(sweep_s or _sweep_s())  # django-celery-beat keeps whole seconds: half a one would be none
    return {
        "crudsync.sweep": {"task": "crudsync.sweep", "schedule": sweep_s, "options": {**DROPPED}},
        "crudsync.roll_up": {"task": "crudsync.roll_up", "schedule": _roll_up_s(), "options": {**DROPPED}},
        "crudsync.alerts": {"task": "crudsync.alerts", "schedule": ALERTS_S, "options": {**DROPPED}},
        "crudsync.reconcile": {"task": "crudsync.reconcile", "schedule": reconcile_every},
        "crudsync.prune": {"task": "crudsync.prune", "schedule": timedelta(days=1)},
    }


def _sweep_s() -> float:
    return conf.current().sweep_s if conf.ready() else conf.Settings().sweep_s


def _roll_up_s() -> int:
    return math.ceil(conf.current().roll_up_s if conf.ready() else conf.Settings().roll_up_s)
