"""Redis gone or frozen: whoever saves is not kept waiting, and what was saved arrives afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from examples.shop.models import Customer
from sync.testing.remote import Remote
from tests.servers.celery import Beat, Worker
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

Wait = Callable[..., None]

BREAKS = {"stopped": (RedisServer.stop, RedisServer.start), "frozen": (RedisServer.freeze, RedisServer.resume)}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_save_without_redis_returns_in_under_a_second_and_arrives_once_it_is_back(
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    redis_server: RedisServer,
    until_equal: Wait,
    broken: str,
) -> None:
    away, back = BREAKS[broken]
    worker(knobs={"sweep_s": 0.5})
    beat(knobs={"sweep_s": 0.5})
    Customer.objects.create(email="0@shop.test", name="Before")
    until_equal()
    away(redis_server)
    lasted = []
    for n in range(1, 6):
        began = time.monotonic()
        Customer.objects.create(email=f"{n}@shop.test", name="Meanwhile")
        lasted.append(time.monotonic() - began)
    assert max(lasted) < 1.0
    assert len(sandbox.objects("customers")) == 1
    back(redis_server)
    until_equal(60)
    assert len(sandbox.objects("customers")) == 6
