"""A remote that throttles, fails, breaks off and keeps silent: both sides are equal afterwards, nothing is doubled."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from examples.shop.models import Customer
from sync.models import Binding, Connection, Gate
from sync.resync import resync
from tests.acceptance.marks import once
from tests.acceptance.scene import Scene
from tests.acceptance.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), once]

FAULTS: dict[str, dict[str, Any]] = {
    "429 with Retry-After": {"do": "status", "status": 429, "headers": {"Retry-After": "1"}, "times": 6},
    "429 with an absurd Retry-After at first": {
        "do": "status",
        "status": 429,
        "headers": {"Retry-After": "x"},
        "times": 3,
    },
    "500 before it is applied": {"do": "status", "status": 500, "nth": [1, 3, 6, 8]},
    "500 after it is applied": {"do": "status_after", "status": 500, "nth": [1, 3, 6, 8]},
    "reset after it is applied": {"do": "reset_after", "nth": [2, 5, 9]},
    "no answer after it is applied": {"do": "hold_after", "seconds": 3, "nth": [1, 5]},
    "applied after the time is up": {"do": "late", "seconds": 2.2, "nth": [1, 5]},
    "HTML with 200": {"do": "html", "nth": [1, 4]},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_both_sides_are_equal_after_the_faults_and_no_create_was_applied_twice(scene: Scene, fault: str) -> None:
    scene.account(options={"retry": {"attempts": 10, "base_delay": 0.3, "max_delay": 1.0}})
    rows = scene.customers(6)
    rule = dict(FAULTS[fault])
    scene.remote.fault(rule.pop("do"), collection="customers", **rule)
    scene.worker(knobs=scene.short)
    scene.until_equal(sweeping=True)
    scene.remote.clear_faults()
    rows[0].delete()
    rows[1].name = "Changed"
    rows[1].save()
    scene.until_equal(sweeping=True)
    scene.assert_each_created_once(rows)
    assert not Binding.objects.exclude(uncertain="").exists()


ABSURD = ("-5", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "1e9", "9" * 80)


@pytest.mark.chaos
def test_a_storm_of_429_with_an_absurd_retry_after_neither_stops_nor_hurries_anything(scene: Scene) -> None:
    scene.account(drains=2, options={"retry": "no_retry"})
    huge = scene.remote.fault(
        "status", collection="customers", status=429, headers={"Retry-After": "99999999"}, times=1
    )
    scene.worker(knobs=scene.short)
    scene.beat(knobs=scene.short)
    rows = scene.customers(6)
    until(lambda: Connection.objects.get().gate.blocked_until is not None)
    gate = Connection.objects.get().gate
    assert gate.blocked_until is not None
    assert 3500 < (gate.blocked_until - timezone.now()).total_seconds() <= 3600  # an hour, not three years
    assert scene.remote.faults()[0]["number"] == huge
    scene.remote.clear_faults()
    for value in ABSURD:
        scene.remote.fault("status", collection="customers", status=429, headers={"Retry-After": value}, times=1)
    Gate.objects.update(blocked_until=timezone.now(), closures=0)  # as a person would, who then asks for them again
    resync(Customer.objects.all(), integrator="shop")
    scene.until_equal(90)
    refused = [entry.monotonic for entry in scene.remote.calls("customers", "POST") if entry.status == 429]
    scene.measured(refused=len(refused), within_s=round(refused[-1] - refused[0], 2))
    assert len(refused) == len(ABSURD) + 1
    scene.assert_each_created_once(rows)


def test_a_remote_that_is_away_for_a_while_costs_no_object_its_attempts(scene: Scene, sandbox_process: Any) -> None:
    scene.account(options={"retry": "no_retry"})
    sandbox_process.stop()
    scene.worker(knobs=scene.short)
    scene.beat(knobs=scene.short)
    scene.customers(6)
    until(lambda: Connection.objects.get().gate.blocked_until is not None)
    sandbox_process.start()
    scene.until_equal()
    assert len(scene.remote.objects("customers")) == 6
