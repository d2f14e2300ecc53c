"""Carry the correlation id from who sends a task to the worker that runs it, and let its log lines name the task.

Holds for every task of the host's, too: what a task saves is then laid at the door of the request that sent it.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from celery import Task
from celery.signals import before_task_publish, task_postrun, task_prerun

from sync.correlation import correlated, correlation_id, usable
from sync.correlation.fields import noted

HEADER = "crudsync_correlation_id"
ENTERED = "crudsync_entered"

OF_NOBODY = frozenset({"crudsync.drain", "crudsync.sweep"})
"""They work for many requests at once; each object goes by its own id there."""


@before_task_publish.connect(dispatch_uid="crudsync.context")
def name_message(headers: Any = None, **more: Any) -> None:
    """Let a message name the request in which it is sent."""
    if isinstance(headers, dict) and (id_ := correlation_id()):
        headers.setdefault(HEADER, id_)


@task_prerun.connect(dispatch_uid="crudsync.context")
def enter(task_id: str = "", task: Task[Any, Any] | None = None, **more: Any) -> None:
    """Run a task under the id of whoever sent it, else of the first task of its chain."""
    if task is None:
        return
    stack = ExitStack()
    stack.enter_context(noted(task_id=task_id, task=task.name))
    if task.name not in OF_NOBODY:
        stack.enter_context(correlated(_id_of(task, task_id)))
    setattr(task.request, ENTERED, stack)


@task_postrun.connect(dispatch_uid="crudsync.context")
def leave(task: Task[Any, Any] | None = None, **more: Any) -> None:
    """Leave nothing behind for the next task of this process or thread."""
    stack = getattr(task.request, ENTERED, None) if task is not None else None
    if isinstance(stack, ExitStack):
        stack.close()


def _id_of(task: Task[Any, Any], task_id: str) -> str:
    request = task.request
    sent = usable(getattr(request, HEADER, ""))
    return sent or correlation_id() or usable(request.root_id) or usable(task_id)
