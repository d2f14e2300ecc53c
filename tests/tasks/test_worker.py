from __future__ import annotations

from typing import Any

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure, worker_init, worker_ready

from project.celery import app
from tasks import worker


class Starting:
    """A worker as its signals name it: with an application that takes messages, or none."""

    def __init__(self, *, broker: bool = True) -> None:
        self.app = self
        self.tasks = app.tasks
        self.broker = broker
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send_task(self, name: str, **options: Any) -> None:
        if not self.broker:
            raise ConnectionError("no broker")
        self.sent.append((name, options))


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    task = app.tasks["crudsync.drain"]
    monkeypatch.setattr(task, "time_limit", 5)


def test_a_worker_that_is_ready_asks_for_a_sweep_once(settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "queue": "sync"}
    starting = Starting()
    worker_ready.send(sender=starting)
    ((name, options),) = starting.sent
    assert (name, options["queue"], options["retry"]) == ("crudsync.sweep", "sync", False)
    assert options["expires"] >= 60


def test_a_broker_that_is_away_does_not_stop_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    worker.sweep_at_start(sender=Starting(broker=False))
    assert "no sweep at the worker's start" in caplog.text


def test_where_all_is_switched_off_nothing_is_asked_for(settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    starting = Starting()
    worker.sweep_at_start(sender=starting)
    assert starting.sent == []


def test_a_worker_that_starts_gives_drains_the_time_of_the_registered_classes(
    limit: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "time_limit_s", lambda classes: 700)
    worker_init.send(sender=Starting())
    assert app.tasks["crudsync.drain"].time_limit == 700


def test_a_registry_that_cannot_be_read_does_not_stop_the_worker(
    limit: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(classes: Any) -> int:
        raise RuntimeError("set_object_types() raised")

    monkeypatch.setattr(worker, "time_limit_s", broken)
    worker.set_time_limit(sender=Starting())
    assert app.tasks["crudsync.drain"].time_limit == 5
    assert "stays as it was" in caplog.text


class Failed:
    """A drain whose failure is announced, and what is asked for then."""

    name = "crudsync.drain"

    def __init__(self, *, broker: bool = True) -> None:
        self.broker = broker
        self.asked: list[tuple[list[Any], dict[str, Any]]] = []

    def apply_async(self, args: Any, kwargs: dict[str, Any], *, retry: bool, queue: str) -> None:
        if not self.broker:
            raise ConnectionError("no broker")
        self.asked.append((list(args), {**kwargs, "queue": queue}))


@pytest.mark.parametrize("error", [WorkerLostError("Worker exited prematurely"), TimeLimitExceeded(50)])
@pytest.mark.parametrize(("args", "kwargs"), [([7], {}), ([], {"connection_id": 7})])
def test_a_drain_whose_process_ended_is_followed_by_one_that_knows_it(
    settings: Any, error: Exception, args: list[Any], kwargs: dict[str, Any]
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "queue": "sync"}
    failed = Failed()
    worker.ring_for_the_lost(sender=failed, task_id="a-dead-one", exception=error, args=args, kwargs=kwargs)
    assert failed.asked == [(args, {**kwargs, "lost": "a-dead-one", "queue": "sync"})]


def test_a_drain_that_raised_is_not_followed() -> None:
    failed = Failed()
    worker.ring_for_the_lost(sender=failed, task_id="one", exception=ValueError("no"), args=[7], kwargs={})
    assert failed.asked == []


def test_the_failure_of_another_task_is_no_concern_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(app.tasks["crudsync.sweep"], "apply_async", lambda **options: asked.append(options))
    monkeypatch.setattr(app.tasks["crudsync.drain"], "apply_async", lambda **options: asked.append(options))
    task_failure.send(sender=app.tasks["crudsync.sweep"], task_id="one", exception=WorkerLostError("it"), args=[])
    assert asked == []
    task_failure.send(sender=app.tasks["crudsync.drain"], task_id="one", exception=WorkerLostError("it"), args=[7])
    assert [options["kwargs"] for options in asked] == [{"lost": "one"}]


def test_a_broker_that_is_away_when_a_process_is_lost_leaves_it_to_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    lost = WorkerLostError("it")
    worker.ring_for_the_lost(sender=Failed(broker=False), task_id="one", exception=lost, args=[7], kwargs={})
    assert "nobody is asked to follow" in caplog.text
