"""Celery's messages are doorbells: lost or doubled, and with beat dead, the work is done, and done once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from celery import current_app

from examples.shop.models import Customer
from sync.models import Binding, Change, Connection
from sync.testing.remote import Remote
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
    customers(5)
    with redis_server.client() as client:
        assert client.llen(QUEUE) == 1  # one ring for them all
        client.delete(QUEUE)
    worker(knobs=short)
    assert Change.objects.count() == 5
    beat(knobs=short)
    until_equal(20)
    assert len(sandbox.objects("customers")) == 5


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
