from __future__ import annotations

from typing import Any

import pytest
from celery.signals import worker_init, worker_ready

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
