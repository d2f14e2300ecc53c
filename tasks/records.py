"""Keep a TaskResult of what moved something; a drain that found nothing leaves none."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task, states

logger = logging.getLogger("crudsync.tasks")


def keep(task: Task[Any, Any], result: dict[str, Any]) -> None:
    """Store the result of the running task in the host's result backend; display only, so a failure is logged."""
    if not task.request.id or task.request.is_eager:
        return
    try:
        task.backend.store_result(task.request.id, result, states.SUCCESS, request=task.request)
    except Exception:  # any backend, any error; the work is done and recorded in our own rows
        logger.exception("the result of %s could not be stored", task.name)
