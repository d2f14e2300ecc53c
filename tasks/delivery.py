"""Drain and sweep as Celery tasks."""

from __future__ import annotations

import dataclasses
from typing import Any

from celery import Task, shared_task

from sync import drain as draining
from sync.drain.sweep import sweep_if_overdue

from .options import OPTIONS, time_limit_s
from .records import keep


@shared_task(bind=True, name="crudsync.drain", time_limit=time_limit_s(), **OPTIONS)
def drain(self: Task[Any, Any], connection_id: int, **unknown: object) -> dict[str, Any]:
    """Send what is due for one connection; arguments of later versions are ignored."""
    report = draining.drain(connection_id, task_id=self.request.id or "")
    sweep_if_overdue()
    result = dataclasses.asdict(report)
    if report.moved:
        keep(self, result)
    return result


@shared_task(name="crudsync.sweep", **OPTIONS)
def sweep(**unknown: object) -> dict[str, Any]:
    """Take in what is waiting, and ring for whatever is due."""
    return dataclasses.asdict(draining.sweep())
