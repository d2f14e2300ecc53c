"""A connection that is paused for days: changes fold, records are pruned, and one call an object follows at its end."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import psutil
import pytest
from celery import current_app
from django.db.models import F

from examples.shop.models import Customer
from sync.models import Binding, Change, Operation
from tests.acceptance.marks import once
from tests.acceptance.scene import Scene
from tests.acceptance.waiting import until
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

COUNT, DAYS = 100, 12
DAY = dt.timedelta(days=1)


def memory_mb(worker: Worker) -> float:
    """Return what the processes of its pool hold, MB."""
    return sum(psutil.Process(pid).memory_info().rss for pid in worker.children()) / 1e6


def days_pass(days: int) -> None:
    """Let everything that we keep be so many days older."""
    Operation.objects.update(started_at=F("started_at") - days * DAY)
    Change.objects.update(created_at=F("created_at") - days * DAY)
    Binding.objects.update(dirty_since=F("dirty_since") - days * DAY)


@once
def test_rows_and_memory_stay_bounded_while_a_connection_is_paused_for_days(scene: Scene) -> None:
    running = scene.worker(concurrency=1, knobs=scene.short)
    scene.beat(knobs=scene.short)
    rows = Customer.objects.bulk_create(Customer(email=f"{n}@shop.test", name="0") for n in range(COUNT))
    scene.until_equal()
    assert Operation.objects.count() >= COUNT
    scene.account(paused=True)
    memory = []
    for day in range(1, DAYS + 1):
        for row in rows:
            row.name = str(day)
        Customer.objects.bulk_update(rows, ["name"])
        until(lambda: not Change.objects.exists())
        memory.append(memory_mb(running))
        days_pass(4)
    assert Binding.objects.count() == COUNT
    current_app.send_task("crudsync.prune", ignore_result=True)
    until(lambda: not Operation.objects.exists())
    assert len(scene.remote.calls()) == COUNT
    scene.measured(edits=COUNT * DAYS, memory_mb=[round(memory[0]), round(memory[-1])])
    assert memory[-1] < memory[2] + 20
    scene.account(paused=False)
    scene.until_equal()
    assert Counter(entry.method for entry in scene.remote.calls(applied=True)) == {"POST": COUNT, "PATCH": COUNT}
