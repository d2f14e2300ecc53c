"""What a worker's main process does: time limits by what is registered, and rings for what a dead process left."""

from __future__ import annotations

import importlib
import logging
from typing import Any

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure, worker_init, worker_ready

from sync import conf, registry
from sync.secrets import trace

from .delivery import drain, sweep
from .options import time_limit_s

logger = logging.getLogger("crudsync.tasks")


@worker_init.connect(dispatch_uid="crudsync.time_limit")
def set_time_limit(sender: Any = None, **kwargs: Any) -> None:
    """Give the drain the time that the registered classes may need: its task was defined before they were known."""
    try:
        task = sender.app.tasks[drain.name]
        task.time_limit = max(task.time_limit or 0, time_limit_s(registry.integrators().values()))
    except Exception as error:  # noqa: BLE001 - a worker that starts is worth more than a limit that fits
        logger.error("the time limit of drains stays as it was\n%s", trace(error))  # noqa: TRY400 - without secrets


@worker_init.connect(dispatch_uid="crudsync.about")
def answer_for_itself(**kwargs: Any) -> None:
    """Let the worker answer what it runs; see ``tasks.inspection``. Other processes need not load that."""
    try:
        importlib.import_module(".inspection", __package__)
    except Exception as error:  # noqa: BLE001 - a worker that starts is worth more than one that can be asked
        logger.error("this worker cannot be asked what it runs\n%s", trace(error))  # noqa: TRY400 - without secrets


@worker_ready.connect(dispatch_uid="crudsync.sweep")
def sweep_at_start(sender: Any = None, **kwargs: Any) -> None:
    """Ask for a sweep: whatever rang while no worker was there is lost.

    By a message: a database that hangs must not hang the worker's main process, which has no connection to one.
    """
    try:
        settings = conf.current()
        if settings.enabled:
            queue = {"queue": settings.queue} if settings.queue else {}
            expires_s = max(4 * settings.sweep_s, 60.0)
            sender.app.send_task(sweep.name, expires=expires_s, ignore_result=True, retry=False, **queue)
    except Exception as error:  # noqa: BLE001 - the next sweep of beat's does the same
        logger.error("no sweep at the worker's start\n%s", trace(error))  # noqa: TRY400 - without secrets


@task_failure.connect(dispatch_uid="crudsync.lost")  # by name below: what defines a shared task is not what runs
def ring_for_the_lost(
    sender: Any = None, task_id: str = "", exception: Any = None, args: Any = (), kwargs: Any = None, **more: Any
) -> None:
    """Ask for another drain where the process of one has ended, and say whose slot is free.

    A failure that the process itself met is told there; of these only the main process knows.
    """
    if getattr(sender, "name", "") != drain.name or not isinstance(exception, WorkerLostError | TimeLimitExceeded):
        return
    try:
        queue = {"queue": conf.current().queue} if conf.current().queue else {}
        sender.apply_async(args=args, kwargs={**(kwargs or {}), "lost": task_id}, retry=False, **queue)
    except Exception as error:  # noqa: BLE001 - the slot expires, and the next sweep rings
        logger.error(  # noqa: TRY400 - without secrets
            "nobody is asked to follow a drain that was lost\n%s", trace(error)
        )
