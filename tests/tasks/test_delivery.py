from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from django_celery_results.models import TaskResult

from sync.drain import Report, SweepReport
from sync.exceptions import ConfigurationError, DrainFailed
from tasks import delivery, maintenance, reconciliation

As = Callable[..., Any]


@pytest.fixture
def drained(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the core was called with; the first entry is what it returns."""
    calls: list[Any] = [Report(taken=2, calls=1, succeeded=1)]

    def drain(connection_id: int, **options: Any) -> Report:
        calls.append((connection_id, options))
        report = calls[0]
        if isinstance(report, Exception):
            raise report
        return report

    monkeypatch.setattr(delivery.draining, "drain", drain)
    monkeypatch.setattr(delivery, "sweep_if_overdue", lambda: calls.append("swept"))
    return calls


def test_a_drain_drains_its_connection_and_sweeps_where_nobody_did(as_worker: As, drained: list[Any]) -> None:
    result = as_worker(delivery.drain, connection_id=7)
    assert drained[1:] == [(7, {"task_id": "an-id"}), "swept"]
    assert (result["taken"], result["calls"]) == (2, 1)


def test_a_drain_that_moved_something_keeps_its_counts(as_worker: As, drained: list[Any]) -> None:
    result = as_worker(delivery.drain, 7)
    row = TaskResult.objects.get()
    assert (row.task_id, row.status, row.task_name) == ("an-id", "SUCCESS", "crudsync.drain")
    assert json.loads(row.result) == result


@pytest.mark.parametrize("report", [Report(), Report(claimed=3, released=3), Report(shut="paused", seconds=0.1)])
def test_a_drain_that_did_nothing_leaves_no_record(as_worker: As, drained: list[Any], report: Report) -> None:
    drained[0] = report
    as_worker(delivery.drain, 7)
    assert not TaskResult.objects.exists()


def test_arguments_of_later_versions_are_ignored(as_worker: As, drained: list[Any]) -> None:
    as_worker(delivery.drain, connection_id=7, priority="high")
    assert drained[1] == (7, {"task_id": "an-id"})


def test_a_drain_that_follows_a_lost_one_gives_its_slot_back_first(
    as_worker: As, drained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery.slots, "free", lambda task_id: drained.append(f"freed {task_id}"))
    as_worker(delivery.drain, connection_id=7, lost="a-dead-one")
    assert drained[1:] == ["freed a-dead-one", (7, {"task_id": "an-id"}), "swept"]
    as_worker(delivery.drain, connection_id=7, lost=["not", "a", "name"])
    assert drained[4] == "freed "


def test_a_drain_that_is_called_by_hand_keeps_no_record(db: None, drained: list[Any]) -> None:
    assert delivery.drain(7)["calls"] == 1
    assert drained[1] == (7, {"task_id": ""})
    delivery.drain.apply(kwargs={"connection_id": 7})
    assert not TaskResult.objects.exists()


def test_an_error_is_celerys_to_record(as_worker: As, drained: list[Any]) -> None:
    drained[0] = ConfigurationError("wrong")
    with pytest.raises(ConfigurationError):
        as_worker(delivery.drain, 7)
    assert "swept" in drained  # others wait for that


def test_what_a_stranger_raises_is_told_to_celery_by_its_kind_alone(as_worker: As, drained: list[Any]) -> None:
    drained[0] = ValueError("the gateway refused tok-4711")
    with pytest.raises(DrainFailed, match="ValueError") as raised:
        as_worker(delivery.drain, 7)
    assert "tok-4711" not in "".join(traceback.format_exception(raised.value))
    assert "swept" in drained


def test_a_sweep_that_fails_does_not_hide_what_the_drain_came_to(
    as_worker: As, drained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing() -> None:
        raise RuntimeError("the database is away")

    monkeypatch.setattr(delivery, "sweep_if_overdue", failing)
    assert as_worker(delivery.drain, 7)["calls"] == 1
    drained[0] = ConfigurationError("wrong")
    with pytest.raises(ConfigurationError):
        as_worker(delivery.drain, 7)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"connection_id": None},
        {"connection_id": "shop"},
        {"connection_id": [7]},
        {"connection_id": True},
        {"connection_id": 2**70},
        {"connection_id": -1},
        {"connection": 7},
    ],
)
def test_a_message_that_names_no_connection_is_a_sweep(
    as_worker: As, drained: list[Any], monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    monkeypatch.setattr(delivery.draining, "sweep", lambda: SweepReport(taken=3))
    assert as_worker(delivery.drain, **given)["taken"] == 3
    assert len(drained) == 1


@pytest.mark.parametrize("given", [("7",), (7, "more", {"yet": "more"})])
def test_a_connection_may_be_named_as_text_and_more_may_follow(
    as_worker: As, drained: list[Any], given: tuple[Any, ...]
) -> None:
    as_worker(delivery.drain, *given)
    assert drained[1] == (7, {"task_id": "an-id"})


def test_no_task_minds_arguments_that_it_does_not_know(as_worker: As, db: None) -> None:
    for task in (delivery.sweep, maintenance.prune, reconciliation.reconcile):
        as_worker(task, *(() if task is reconciliation.reconcile else ("one",)), since="a later version")
    assert as_worker(reconciliation.reconcile, "no connection", "more") == {}


def test_a_connection_that_is_gone_is_no_error(as_worker: As) -> None:
    result = as_worker(delivery.drain, connection_id=987654)
    assert (result["claimed"], result["calls"]) == (0, 0)
    assert not TaskResult.objects.exists()


def test_a_sweep_reports_and_keeps_no_record(as_worker: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery.draining, "sweep", lambda scheduled: SweepReport())
    assert set(as_worker(delivery.sweep, since="a later version")) == set(SweepReport.__dataclass_fields__)
    assert not TaskResult.objects.exists()


def test_nothing_runs_where_the_settings_say_so(as_worker: As, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    assert as_worker(delivery.drain, connection_id=1)["shut"] == "disabled"
    as_worker(delivery.sweep)
    assert not TaskResult.objects.exists()
