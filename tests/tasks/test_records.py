from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from celery import shared_task
from django_celery_results.models import TaskResult

from tasks.records import keep

As = Callable[..., Any]


@shared_task(bind=True, name="tests.keeping", ignore_result=True)
def keeping(self: Any, **result: Any) -> None:
    keep(self, result)


def test_a_result_is_kept_under_the_id_of_the_running_task(as_worker: As) -> None:
    as_worker(keeping, task_id="first", moved=1)
    as_worker(keeping, task_id="second", moved=2)
    as_worker(keeping, task_id="second", moved=3)
    assert sorted(TaskResult.objects.values_list("task_id", "result")) == [
        ("first", '{"moved": 1}'),
        ("second", '{"moved": 3}'),
    ]


def test_outside_a_worker_nothing_is_kept(db: None) -> None:
    keeping(moved=1)
    keeping.apply(kwargs={"moved": 1})
    assert not TaskResult.objects.exists()


def test_a_backend_that_fails_takes_no_work_with_it(
    as_worker: As, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def store(*args: Any, **kwargs: Any) -> None:
        raise OSError("the backend is away")

    monkeypatch.setattr(keeping.backend, "store_result", store)
    with caplog.at_level(logging.ERROR, "crudsync.tasks"):
        as_worker(keeping, moved=1)
    assert "the result of tests.keeping could not be stored" in caplog.text
