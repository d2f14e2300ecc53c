from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django_celery_results.models import TaskResult

from sync import outbox, registry
from sync.models import Binding, Cause, Change, Connection, Minute, Operation, State, Status
from sync.models.clock import now
from sync.outbox import Entry
from tasks.maintenance import prune
from tests.zoo.models import Note
from tests.zoo.registration import empty_registry, integrator

As = Callable[..., Any]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with empty_registry():
        registry.register(integrator("zoo", Note))
        yield


@pytest.fixture
def old_rows() -> None:
    """One operation, one minute, one binding, one cause and two changes of a month and a half ago."""
    long_ago = now() - dt.timedelta(days=45)
    connection = Connection.objects.create(integrator="zoo")
    Binding.objects.create(connection=connection, object_id="1", state=State.ABSENT, synced_at=long_ago)
    Operation.objects.create(connection=connection, verb="create", status=Status.SUCCEEDED, started_at=long_ago)
    Minute.objects.create(connection=connection, at=long_ago)
    Cause.objects.create(fingerprint="x", integrator="zoo", first_seen=long_ago, last_seen=long_ago)
    outbox.add_many([Entry(model=model, object_id="1") for model in ("zoo.note", "gone.model")], "default")
    Change.objects.update(created_at=long_ago)


def test_what_is_old_is_removed_and_counted(as_worker: As, old_rows: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "crudsync.tasks"):
        assert as_worker(prune) == {
            "operations": 1,
            "minutes": 1,
            "changes": 1,
            "bindings": 1,
            "letters": 0,
            "causes": 1,
            "incidents": 0,
        }
    assert "1 changes of models that no worker here knows were removed" in caplog.text
    assert [change.model for change in Change.objects.all()] == ["zoo.note"]
    assert TaskResult.objects.get().task_name == "crudsync.prune"


def test_what_is_young_stays(as_worker: As, old_rows: None, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.CRUDSYNC = {
        **settings.CRUDSYNC,
        "keep_operations_days": 50,
        "keep_changes_days": 50,
        "keep_minutes_days": 50,
    }
    nothing = dict.fromkeys(("operations", "minutes", "changes", "bindings", "letters", "causes", "incidents"), 0)
    assert as_worker(prune, later="version") == nothing
    assert not TaskResult.objects.exists()
    assert caplog.text == ""


def test_nothing_is_removed_where_the_settings_say_so(as_worker: As, old_rows: None, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    assert as_worker(prune) == {}
    assert Change.objects.count() == 2
