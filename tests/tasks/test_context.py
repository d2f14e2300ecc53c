"""The correlation id of whoever sends a task, in the task."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app, shared_task

from sync.correlation import correlated, correlation_id
from sync.correlation.fields import fields
from tasks.context import HEADER, enter, leave, name_message


@shared_task(name="tests.look")
def look() -> tuple[str, dict[str, object]]:
    return correlation_id(), dict(fields())


def test_a_message_names_the_request_in_which_it_is_sent() -> None:
    headers: dict[str, Any] = {}
    name_message(headers=headers)
    assert headers == {}
    with correlated("request-7"):
        name_message(headers=headers)
    assert headers == {HEADER: "request-7"}


def test_a_task_that_runs_at_once_goes_by_the_id_of_its_caller_and_names_itself() -> None:
    with correlated("request-7"):
        result = look.apply(task_id="t-1")
        assert result.get() == ("request-7", {"task_id": "t-1", "task": "tests.look"})
        assert (correlation_id(), fields()) == ("request-7", {})


def test_a_task_of_nobody_goes_by_its_own_id() -> None:
    assert look.apply(task_id="t-1").get()[0] == "t-1"


@pytest.mark.parametrize(("sent", "id_"), [("request-7", "request-7"), ("a\nb", "t-1"), (7, "t-1")])
def test_what_a_message_says_is_taken_where_it_can_be_an_id(sent: object, id_: str) -> None:
    look.push_request(id="t-1", root_id=None, **{HEADER: sent})
    try:
        enter(task_id="t-1", task=look)
        assert correlation_id() == id_
        leave(task=look)
        assert (correlation_id(), fields()) == ("", {})
    finally:
        look.pop_request()


@pytest.mark.parametrize("name", ["crudsync.drain", "crudsync.sweep"])
def test_a_drain_is_of_no_one_request(name: str) -> None:
    task = current_app.tasks[name]
    task.push_request(id="t-1", root_id="t-1", **{HEADER: "request-7"})
    try:
        enter(task_id="t-1", task=task)
        assert (correlation_id(), fields()) == ("", {"task_id": "t-1", "task": name})
        leave(task=task)
        assert fields() == {}
    finally:
        task.pop_request()
