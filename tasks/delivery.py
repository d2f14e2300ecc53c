"""Drain and sweep as Celery tasks."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from celery import Task, shared_task
from django.db import DatabaseError, InterfaceError

from sync import drain as draining
from sync.drain import slots
from sync.drain.sweep import sweep_if_overdue
from sync.exceptions import CrudSyncError, DrainFailed
from sync.monitoring.rollup import roll_up_if_overdue
from sync.secrets import trace

from .options import OPTIONS, time_limit_s
from .records import keep
from .words import connection_in, strange

logger = logging.getLogger("crudsync.tasks")


@shared_task(bind=True, name="crudsync.drain", time_limit=time_limit_s(), **OPTIONS)
def drain(
    self: Task[Any, Any], connection_id: Any = None, *more: Any, lost: Any = "", **unknown: Any
) -> dict[str, Any]:
    """Send what is due for one connection; where a message of another version names none, sweep instead.

    ``lost`` names a drain whose process has ended: its slot is free at once.
    """
    strange(self, more, unknown)
    wanted = connection_in(connection_id)
    if wanted is None:
        logger.warning("a drain was asked for without a connection: %r; sweeping", type(connection_id).__name__)
        return dataclasses.asdict(draining.sweep())
    try:
        slots.free(lost if isinstance(lost, str) else "")
        report = draining.drain(wanted, task_id=self.request.id or "")
    except (CrudSyncError, DatabaseError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - the log has its traceback; Celery would write its text, which may tell a secret
        raise DrainFailed(f"the drain failed: {type(error).__name__}") from None
    finally:
        _sweep_if_overdue()
    result = dataclasses.asdict(report)
    if report.moved:
        keep(self, result)
    return result


@shared_task(bind=True, name="crudsync.sweep", **OPTIONS)
def sweep(self: Task[Any, Any], *more: Any, **unknown: Any) -> dict[str, Any]:
    """Take in what is waiting, and ring for whatever is due."""
    strange(self, more, unknown)
    report = draining.sweep(scheduled=True)
    _roll_up_if_overdue()
    return dataclasses.asdict(report)


def _sweep_if_overdue() -> None:
    """Where beat is dead, whatever a drain comes to: others wait for this."""
    try:
        if sweep_if_overdue() is None:
            return
    except Exception as error:  # noqa: BLE001 - the drain's own outcome is what the task tells
        logger.error("the sweep after a drain failed\n%s", trace(error))  # noqa: TRY400 - without secrets
    _roll_up_if_overdue()


def _roll_up_if_overdue() -> None:
    try:
        roll_up_if_overdue()
    except Exception as error:  # noqa: BLE001 - counters may be late; what is to be sent may not
        logger.error("the minutes were not rolled up\n%s", trace(error))  # noqa: TRY400 - without secrets
