"""Keep a TaskResult of what moved something; a drain that found nothing leaves none."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task, states

from sync.secrets import trace

logger = logging.getLogger("crudsync.tasks")


def keep(task: Task[Any, Any], result: dict[str, Any]) -> None:
    """Store the result of the running task in the host's result backend; display only, so a failure is logged."""
    if not task.request.id or task.request.is_eager:
        return
    try:
        task.backend.store_result(task.request.id, result, states.SUCCESS, request=task.request)
    except Exception as error:  # noqa: BLE001 - any backend, any error; the work is recorded in our own rows
        logger.error("the result of %s could not be stored\n%s", task.name, trace(error))  # noqa: TRY400 - no secrets
