"""Alerts as a Celery task."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from celery import Task, shared_task

from sync import conf
from sync.monitoring import alerts as alerting
from sync.monitoring import totals
from sync.secrets import trace

from .options import OPTIONS
from .records import keep
from .words import strange

logger = logging.getLogger("crudsync.tasks")

TIME_LIMIT_S = 300
"""A mail server that never answers ends this task, and no other work."""


@shared_task(bind=True, name="crudsync.alerts", time_limit=TIME_LIMIT_S, **OPTIONS)
def alerts(self: Task[Any, Any], *more: Any, **unknown: Any) -> dict[str, Any]:
    """Look at every rule, begin and end incidents, and send what messages are due."""
    strange(self, more, unknown)
    if not conf.current().enabled:
        return {}
    try:
        totals.settle_if_due()
    except Exception as error:  # noqa: BLE001 - counters that lag are no reason to tell nobody
        logger.error("the totals could not be added up\n%s", trace(error))  # noqa: TRY400 - without secrets
    try:
        found = alerting.evaluate()
    finally:  # what is due is sent, whatever became of the look
        sent = alerting.deliver()
    result = {**(dataclasses.asdict(found) if found else {}), **dataclasses.asdict(sent)}
    if (found and found.moved) or sent.messages or sent.failed:
        keep(self, result)
    return result
