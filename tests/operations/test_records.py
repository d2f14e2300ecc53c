from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from sync import operations
from sync.models import Binding, Connection, Operation, Status
from sync.models.clock import now
from sync.operations import records
from tests.operations.conftest import bound

pytestmark = pytest.mark.django_db


def operation(binding: Binding, *, age_s: float = 0.0, **values: Any) -> Operation:
    given: dict[str, Any] = {"verb": "create", "status": Status.SUCCEEDED, **values}
    return Operation.objects.create(
        connection_id=binding.connection_id,
        binding=binding,
        object_type=binding.object_type,
        object_id=binding.object_id,
        started_at=now() - dt.timedelta(seconds=age_s),
        **given,
    )


def test_the_history_of_an_object_is_newest_first_and_its_own(binding: Binding) -> None:
    first, second = operation(binding), operation(binding, verb="update")
    operation(bound(binding.connection, "2"))
    operation(bound(Connection.objects.create(integrator="other"), "1"))
    assert list(operations.history(["coin"], "1", [binding.connection_id])) == [second, first]
    assert list(operations.history(["note"], "1", [binding.connection_id])) == []


def test_the_history_shows_the_connection_without_a_query_each(
    binding: Binding, django_assert_num_queries: Any
) -> None:
    operation(binding)
    operation(binding)
    with django_assert_num_queries(1):
        assert {str(row.connection) for row in operations.history(["coin"], "1", [binding.connection_id])} == {
            "vault/default"
        }


def test_doubles_that_late_creates_made_are_named(binding: Binding) -> None:
    operation(binding, status=Status.STALE, remote_id="late")
    operation(binding, status=Status.STALE, remote_id="late")
    operation(binding, status=Status.STALE, remote_id="mine")
    operation(binding, status=Status.STALE)
    operation(binding, status=Status.SUCCEEDED, remote_id="other")
    operation(binding, status=Status.STALE, remote_id="updated", verb="update")
    operation(bound(binding.connection, "2"), status=Status.STALE, remote_id="another's")
    assert operations.stale_creates(binding.pk, "mine") == ["late"]


def test_calls_of_late_are_counted_by_segment(binding: Binding) -> None:
    for age_s in (1.0, 2.0, 130.0, 4000.0):
        operation(binding, age_s=age_s)
    operation(binding, age_s=1.0, status=Status.NOT_SENT)
    operation(bound(Connection.objects.create(integrator="other"), "1"), age_s=1.0)
    assert operations.sent_since(binding.connection_id, 3600.0) == [(0.0, 2), (120.0, 1)]
    assert operations.sent_since(binding.connection_id, 10.0) == [(1.0, 1), (2.0, 1)]


def test_pruning_removes_what_is_finished_and_old(binding: Binding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "CHUNK", 2)
    for _ in range(5):
        operation(binding, age_s=100.0)
    young = operation(binding)
    open_ = operation(binding, age_s=100.0, status=Status.STARTED)
    assert operations.prune(50.0) == 5
    assert set(Operation.objects.all()) == {young, open_}
    assert operations.prune(50.0) == 0


def test_pruning_an_operation_leaves_its_binding(binding: Binding) -> None:
    operation(binding, age_s=100.0)
    operations.prune(50.0)
    assert Binding.objects.filter(pk=binding.pk).exists()
