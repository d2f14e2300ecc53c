"""Retention, and the counters of each minute, as Celery tasks."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from celery import Task, shared_task

from sync import bindings, conf, deadletters, operations, outbox
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring import alerts, rollup, totals
from sync.registry.integrators import labels

from .options import OPTIONS
from .records import keep
from .words import strange

logger = logging.getLogger("crudsync.tasks")

DAY_S = 86_400.0


@shared_task(bind=True, name="crudsync.prune", **OPTIONS)
def prune(self: Task[Any, Any], *more: Any, **unknown: Any) -> dict[str, Any]:
    """Remove by age: operations, minutes, changes that nobody took, bindings of what vanished, causes of no letter."""
    strange(self, more, unknown)
    settings = conf.current()
    if not settings.enabled:
        return {}
    changes = outbox.prune(settings.keep_changes_days * DAY_S, alias(), known=labels())
    if changes:
        logger.warning("%s changes of models that no worker here knows were removed", changes)
    result = {
        "operations": operations.prune(settings.keep_operations_days * DAY_S),
        "minutes": _minutes(settings.keep_minutes_days * DAY_S),
        "changes": changes,
        "bindings": bindings.prune(settings.keep_operations_days * DAY_S),
        "letters": deadletters.adopt(),
        "causes": deadletters.prune(settings.keep_operations_days * DAY_S),
        "incidents": alerts.prune(settings.keep_incidents_days * DAY_S),
    }
    if any(result.values()):
        keep(self, result)
    return result


def _minutes(older_than_s: float) -> int:
    """What is about to go is in its connection's total first."""
    totals.settle(before=now(alias()) - dt.timedelta(seconds=older_than_s))
    return rollup.prune(older_than_s)


@shared_task(bind=True, name="crudsync.roll_up", **OPTIONS)
def roll_up(self: Task[Any, Any], *more: Any, **unknown: Any) -> dict[str, Any]:
    """Count what happened in the last minutes."""
    strange(self, more, unknown)
    rolled = rollup.roll_up()
    return {} if rolled is None else {"rows": rolled.rows, "behind_s": rolled.behind_s}
