"""Celery's messages are doorbells: lost or doubled, and with beat dead, the work is done, and done once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from celery import current_app
from django.db import connection
from django_celery_results.models import TaskResult

from examples.shop.models import Customer
from sync import wake
from sync.models import Binding, Change, Connection, Sweep
from sync.testing.remote import Remote
from tests.acceptance.marks import once
from tests.acceptance.waiting import until
from tests.servers.celery import Beat, Worker
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

Start = Callable[..., Worker]
Wait = Callable[..., None]
QUEUE = "celery"


def customers(count: int) -> list[Customer]:
    return [Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}") for n in range(count)]


def test_with_every_message_dropped_all_arrives_with_the_sweeps(
    sandbox: Remote,
    worker: Start,
    beat: Callable[..., Beat],
    redis_server: RedisServer,
    short: dict[str, float],
    until_equal: Wait,
) -> None:
    worker(knobs=short)
    until(Sweep.objects.exists)  # a worker that starts sweeps once
    with wake.muted():  # a ring that is lost
        customers(5)
    assert Change.objects.count() == 5
    beat(knobs=short)
    until_equal(20)
    assert len(sandbox.objects("customers")) == 5


def test_what_was_rung_for_while_no_worker_was_there_and_lost_is_found_as_one_starts(
    sandbox: Remote, worker: Start, redis_server: RedisServer, short: dict[str, float], until_equal: Wait
) -> None:
    customers(5)
    with redis_server.client() as client:
        assert client.llen(QUEUE) == 1  # one ring for them all
        client.delete(QUEUE)
        client.delete(*client.keys("crudsync:wake*"))
    worker(knobs=short)
    until_equal(20)
    assert len(sandbox.objects("customers")) == 5


def test_messages_of_another_version_end_no_worker_and_lose_nothing(
    sandbox: Remote, worker: Start, redis_server: RedisServer, short: dict[str, float], until_equal: Wait
) -> None:
    running = worker(knobs=short)
    send = partial(current_app.send_task, ignore_result=True)
    send("crudsync.rebalance", kwargs={"shard": 3})  # a task that only a newer version knows
    send("crudsync.drain", args=["all", {"of": "them"}], kwargs={"priority": "high"})
    send("crudsync.drain", kwargs={"connections": [1, 2]})
    send("crudsync.sweep", args=[1], kwargs={"deep": True})
    send("crudsync.prune", args=["everything"])
    customers(3)
    until_equal(20)
    assert len(sandbox.objects("customers")) == 3
    with redis_server.client() as client:
        until(lambda: client.llen(QUEUE) == 0)
    assert running.running


def test_every_message_tenfold_makes_no_call_twice(
    sandbox: Remote, worker: Start, short: dict[str, float], account: Callable[..., Connection], until_equal: Wait
) -> None:
    row = account(drains=4)
    worker(concurrency=4, knobs=short)
    for n in range(20):
        Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}")
        for _ in range(10):
            current_app.send_task("crudsync.drain", kwargs={"connection_id": row.pk}, ignore_result=True)
    until_equal()
    assert [entry.method for entry in sandbox.calls()] == ["POST"] * 20


def test_with_beat_dead_what_failed_is_tried_again_while_others_are_saved(
    sandbox: Remote, worker: Start, short: dict[str, float], account: Callable[..., Connection]
) -> None:
    account(options={"retry": {"base_delay": 1.0, "max_delay": 2.0}})
    sandbox.fault("status", collection="customers", body="unlucky", status=500, times=2)
    worker(knobs={**short, "slice_s": 0.3})
    unlucky = Customer.objects.create(email="unlucky@shop.test", name="Ada")
    numbers = iter(range(1000))

    def arrived() -> bool:
        if Binding.objects.filter(object_id=str(unlucky.pk), remote_id__isnull=False).exists():
            return True
        customer = Customer.objects.create(email=f"{next(numbers)}@shop.test", name="Bob")
        until(lambda: Binding.objects.filter(object_id=str(customer.pk), remote_id__isnull=False).exists())
        return False

    until(arrived)
    assert [entry.status for entry in sandbox.calls() if "unlucky" in entry.body] == [500, 500, 201]


@once
def test_messages_of_another_application_in_our_queue_stop_nobody(
    sandbox: Remote, worker: Start, beat: Callable[..., Beat], short: dict[str, float], until_equal: Wait
) -> None:
    running = worker(knobs=short)
    beat(knobs=short)
    current_app.send_task("billing.invoice", args=[1], ignore_result=True)
    current_app.send_task("crudsync.drain", kwargs={"connection_id": 10**9, "since": "a later version"})
    current_app.send_task("crudsync.drain", args=["no number", 2, 3])
    running.wait_for("billing.invoice")
    customers(5)
    until_equal()
    assert len(sandbox.calls(applied=True)) == 5
    assert running.running


@pytest.mark.chaos
def test_two_beats_and_a_third_that_comes_back_double_nothing(
    sandbox: Remote,
    worker: Start,
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Wait,
) -> None:
    account(drains=4)
    worker(concurrency=3, knobs=short)
    first, _ = beat(knobs=short), beat(knobs=short)
    rows = customers(10)
    first.kill()
    for row in rows:
        row.name = "Changed"
    Customer.objects.bulk_update(rows, ["name"])
    first.start()
    until_equal()
    assert Counter(entry.method for entry in sandbox.calls(applied=True))["POST"] == 10


@once
def test_sweeps_at_once_take_every_change_in_once(
    sandbox: Remote, worker: Start, short: dict[str, float], account: Callable[..., Connection], until_equal: Wait
) -> None:
    account(drains=4)
    with wake.muted():
        customers(200)
    worker(concurrency=4, knobs=short)
    for _ in range(20):
        current_app.send_task("crudsync.sweep", ignore_result=True)
    until_equal()
    assert [entry.method for entry in sandbox.calls()] == ["POST"] * 200
    assert set(Binding.objects.values_list("seq", flat=True)) == {1}


@pytest.mark.chaos
def test_a_result_backend_that_is_broken_loses_no_work(
    sandbox: Remote, worker: Start, beat: Callable[..., Beat], short: dict[str, float], until_equal: Wait
) -> None:
    with connection.schema_editor() as editor:
        editor.alter_db_table(TaskResult, "django_celery_results_taskresult", "hidden")
    try:
        running = worker(knobs=short)
        beat(knobs=short)
        customers(5)
        until_equal()
        running.wait_for("could not be stored")
        assert len(sandbox.calls(applied=True)) == 5
        assert running.running
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(TaskResult, "hidden", "django_celery_results_taskresult")
