from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection as database

from sync import operations
from sync.models import Binding, Operation, Status
from sync.models.clock import now
from sync.operations import Finished, Started
from tests.operations.conftest import bound

pytestmark = pytest.mark.django_db

AWKWARD = "ü % ' \" \\ {} \n 😀"


def started(binding: Binding, **values: Any) -> Started:
    given: dict[str, Any] = {
        "connection_id": binding.connection_id,
        "binding_id": binding.pk,
        "object_type": binding.object_type,
        "object_id": binding.object_id,
        "verb": "create",
        "attempt": 2,
        "lease_token": 3,
        "seq": 4,
        "key": "k",
        "body_hash": "h" * 64,
        "method": "POST",
        "url": "https://vault.test/coins",
        "request": '{"name": "a"}',
        "actor": "ann",
        "task_id": "t",
        "waited_ms": 250.5,
        "correlation_id": "request-7",
    }
    return Started(**{**given, **values})


def test_a_started_operation_has_every_field_as_given(binding: Binding) -> None:
    before = now()
    row = started(binding, request=AWKWARD, actor=AWKWARD)
    (made,) = operations.start([row])
    found = Operation.objects.get(pk=made)
    for name in Started.__slots__:
        assert getattr(found, name) == getattr(row, name), name
    assert (found.status, found.status_code, found.code, found.detail, found.response) == ("started", 0, "", "", "")
    assert (found.remote_id, found.duration_ms, found.finished_at) == (None, None, None)
    assert before <= found.started_at <= now()


@pytest.mark.pg
def test_the_operations_of_a_request_are_found_by_an_index(binding: Binding) -> None:
    operations.start([started(binding)])
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Operation.objects.filter(correlation_id="request-7").explain()
    assert "crudsync_operation_corr" in plan


def test_the_ids_come_in_the_order_of_the_rows(binding: Binding) -> None:
    ids = operations.start([started(binding, key=str(number)) for number in range(250)])
    rows = Operation.objects.in_bulk(ids)
    assert [rows[id_].key for id_ in ids] == [str(number) for number in range(250)]
    assert operations.start([]) == []


def test_a_database_that_returns_no_rows_gets_them_one_by_one(
    binding: Binding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.operations.journal.is_postgres", lambda using: False)
    monkeypatch.setattr(type(database.features), "can_return_rows_from_bulk_insert", False)
    ids = operations.start([started(binding, key="a"), started(binding, key="b")])
    rows = Operation.objects.in_bulk(ids)
    assert [rows[id_].key for id_ in ids] == ["a", "b"]


def test_finished_operations_have_their_ends(binding: Binding) -> None:
    first, second, third = operations.start([started(binding)] * 3)
    done = Finished(
        id=first,
        status=Status.SUCCEEDED,
        status_code=201,
        code="ok",
        detail=AWKWARD,
        remote_id="r1",
        response=AWKWARD,
        duration_ms=12.5,
    )
    operations.finish([done, Finished(id=second, status=Status.FAILED)])
    rows = Operation.objects.in_bulk()
    for name in set(Finished.__slots__) - {"dirty_since"}:
        assert getattr(rows[first], name) == getattr(done, name), name
    assert (rows[second].status, rows[second].remote_id, rows[second].duration_ms) == ("failed", None, None)
    assert rows[first].finished_at is not None
    assert (rows[third].status, rows[third].finished_at) == ("started", None)
    operations.finish([])


def test_the_write_that_made_an_object_synced_says_how_long_that_took(binding: Binding) -> None:
    first, second = operations.start([started(binding)] * 2)
    saved = now() - dt.timedelta(seconds=90)
    operations.finish([Finished(id=first, status=Status.SUCCEEDED, dirty_since=saved)])
    operations.finish([Finished(id=second, status=Status.SUCCEEDED)])
    rows = Operation.objects.in_bulk()
    assert rows[first].applied_ms == pytest.approx((rows[first].finished_at - saved).total_seconds() * 1000, abs=1.0)  # type: ignore[operator]
    assert rows[second].applied_ms is None


def test_what_a_lost_worker_left_is_closed_as_unknown(binding: Binding) -> None:
    other = bound(binding.connection, "2")
    left, done, others = operations.start([started(binding), started(binding), started(other)])
    operations.finish([Finished(id=done, status=Status.SUCCEEDED)])
    assert operations.close_leftovers([binding.pk]) == 1
    assert operations.close_leftovers([binding.pk]) == operations.close_leftovers([]) == 0
    rows = Operation.objects.in_bulk()
    assert (rows[left].status, rows[left].code) == ("unknown", "worker_lost")
    assert rows[left].detail and rows[left].finished_at is not None
    assert (rows[done].status, rows[others].status) == ("succeeded", "started")
