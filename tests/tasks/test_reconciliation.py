from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django_celery_results.models import TaskResult

from sync import registry
from sync.models import Connection
from sync.reconcile import Report
from tasks import reconciliation
from tests.zoo.models import Note
from tests.zoo.registration import empty_registry, integrator

As = Callable[..., Any]
pytestmark = pytest.mark.django_db


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which connections were compared; one named ``broken`` cannot be."""
    names: list[str] = []

    def reconcile(row: Connection) -> Report:
        names.append(str(row))
        if row.name == "broken":
            raise KeyError("what a host's hook raises")
        return Report(connection=str(row), types=())

    monkeypatch.setattr(reconciliation.reconciling, "reconcile", reconcile)
    with empty_registry():
        registry.register(integrator("ark", Note))
        registry.register(integrator("zoo", Note))
        yield names


def test_every_connection_that_is_not_paused_is_compared(as_worker: As, compared: list[str]) -> None:
    Connection.objects.create(integrator="zoo", name="second")
    Connection.objects.create(integrator="zoo", name="third", paused=True)
    Connection.objects.create(integrator="gone")
    result = as_worker(reconciliation.reconcile, later="version")
    assert sorted(compared) == sorted(result) == ["ark/default", "zoo/default", "zoo/second"]
    row = TaskResult.objects.get()
    assert row.task_name == "crudsync.reconcile"
    assert set(json.loads(row.result)) == set(result)


def test_one_connection_can_be_compared_alone(as_worker: As, compared: list[str]) -> None:
    as_worker(reconciliation.reconcile, connection_id=registry.connection("ark").pk)
    assert compared == ["ark/default"]


def test_a_connection_that_fails_does_not_keep_the_others(
    as_worker: As, compared: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    Connection.objects.create(integrator="ark", name="broken")
    with caplog.at_level(logging.ERROR, "crudsync.tasks"):
        result = as_worker(reconciliation.reconcile)
    assert result["ark/broken"] == {"error": "KeyError"}
    assert sorted(compared) == ["ark/broken", "ark/default", "zoo/default"]
    assert "connection ark/broken could not be reconciled" in caplog.text


def test_nothing_is_compared_where_the_settings_say_so(as_worker: As, compared: list[str], settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    assert as_worker(reconciliation.reconcile) == {}
    assert compared == []
