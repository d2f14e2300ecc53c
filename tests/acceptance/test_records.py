"""Task records: who, what, when, and in which task; and no record of a drain that found nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest
from celery import current_app
from django_celery_results.models import TaskResult

from examples.shop.models import Customer
from sync import actor
from sync.models import Connection, Operation, Status
from sync.testing.remote import Remote
from tests.acceptance.waiting import until
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]


def test_a_drain_that_moved_something_has_a_result_and_its_operations_name_it(
    sandbox: Remote,
    worker: Callable[..., Worker],
    account: Callable[..., Connection],
    until_equal: Callable[..., None],
) -> None:
    running = worker()
    with actor("ann"):
        Customer.objects.bulk_create([Customer(email=f"{n}@shop.test", name="Ada") for n in range(3)])
    until_equal()
    until(lambda: TaskResult.objects.filter(task_name="crudsync.drain").exists())
    told = {record: json.loads(record.result or "") for record in TaskResult.objects.filter(task_name="crudsync.drain")}
    assert {record.status for record in told} == {"SUCCESS"}
    assert all(counts["taken"] or counts["calls"] for counts in told.values())
    [(record, counts)] = [(record, counts) for record, counts in told.items() if counts["calls"]]  # another one took in
    assert (counts["calls"], counts["succeeded"], counts["failed"]) == (3, 3, 0)
    entries = {entry.id or entry.data["email"]: entry for entry in sandbox.calls()}
    assert len(entries) == Operation.objects.count() == 3
    for operation in Operation.objects.all():
        assert (operation.task_id, operation.status, operation.actor) == (record.task_id, Status.SUCCEEDED, "ann")
        assert operation.finished_at is not None
        assert operation.finished_at >= operation.started_at
        assert (operation.status_code, operation.method) == (201, "POST")
    ids = sorted(there["id"] for there in sandbox.objects("customers"))
    assert sorted(Operation.objects.values_list("remote_id", flat=True)) == ids

    idle = str(uuid.uuid4())
    current_app.send_task("crudsync.drain", kwargs={"connection_id": account().pk}, task_id=idle, ignore_result=True)
    running.wait_for(f"Task crudsync.drain[{idle}] succeeded")
    assert not TaskResult.objects.filter(task_id=idle).exists()
    assert Operation.objects.count() == 3
