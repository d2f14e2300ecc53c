from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery, current_app
from celery.beat import Scheduler

from sync.loading import load
from tasks.schedule import schedule


def test_the_sweep_follows_the_setting_and_is_dropped_when_no_clock_can_doubt_that_it_is_stale(settings: Any) -> None:
    settings.CRUDSYNC = {"sweep_s": 2.0}
    entry = schedule()["crudsync.sweep"]
    assert (entry["schedule"], entry["options"]["expires"]) == (2.0, 7200)


def test_the_intervals_may_be_given() -> None:
    entries = schedule(reconcile_every=timedelta(hours=1), sweep_s=3.0)
    assert entries["crudsync.reconcile"]["schedule"] == timedelta(hours=1)
    assert entries["crudsync.sweep"]["schedule"] == 3.0
    assert entries["crudsync.prune"]["schedule"] == timedelta(days=1)


def test_every_entry_names_a_task_that_there_is() -> None:
    load()
    assert {entry["task"] for entry in schedule().values()} <= set(current_app.tasks)


def test_while_the_settings_are_being_read_the_default_counts(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.CRUDSYNC = {"sweep_s": 2.0}
    monkeypatch.setattr("sync.conf.ready", lambda: False)
    assert schedule()["crudsync.sweep"]["schedule"] == 5.0


@pytest.mark.django_db
def test_a_part_of_a_second_is_not_none_where_beat_keeps_its_entries_in_the_database() -> None:
    from django_celery_beat.models import PeriodicTask
    from django_celery_beat.schedulers import ModelEntry

    entry = schedule(sweep_s=0.5)["crudsync.sweep"]
    ModelEntry.from_entry("crudsync.sweep", app=current_app, **entry)
    assert PeriodicTask.objects.get(name="crudsync.sweep").interval.every == 1


@pytest.mark.django_db
def test_a_sweep_is_dropped_as_stale_where_beat_keeps_its_entries_in_the_database_too() -> None:
    from django_celery_beat.schedulers import ModelEntry

    kept = ModelEntry.from_entry("crudsync.sweep", app=current_app, **schedule()["crudsync.sweep"])
    assert kept.options["expires"] == 7200


def test_celery_sends_an_entry_as_it_is() -> None:
    load()
    app = Celery("beat", broker="memory://", set_as_current=False)
    scheduler = Scheduler(app, lazy=True)
    scheduler.apply_async(scheduler.Entry("crudsync.sweep", app=app, **schedule()["crudsync.sweep"]), advance=False)
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue(app.conf.task_default_queue).get(timeout=10)
    left = datetime.fromisoformat(message.headers["expires"]) - datetime.now(UTC)
    assert timedelta(minutes=110) < left <= timedelta(hours=2)
