from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import Task, _state

from project.celery import app


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    """The site's Celery application is the current one: plugins of pytest make others."""
    before = _state._tls.current_app
    app.set_current()
    yield
    _state._set_current_app(before)


@pytest.fixture
def as_worker(db: None) -> Callable[..., Any]:
    """A function that runs a task as a worker does, with an id, and returns what it returns."""

    def ran(task: Task[Any, Any], *args: Any, task_id: str = "an-id", **kwargs: Any) -> Any:
        with _requested(task, task_id):
            return task.run(*args, **kwargs)

    return ran


@contextmanager
def _requested(task: Task[Any, Any], task_id: str) -> Iterator[None]:
    task.push_request(id=task_id, args=[], kwargs={}, is_eager=False, task=task.name)
    try:
        yield
    finally:
        task.pop_request()
