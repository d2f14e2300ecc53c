"""A remote that throttles, fails, breaks off and keeps silent: both sides are equal afterwards, nothing is doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from examples.shop.models import Customer
from sync.models import Binding, Connection, Gate
from sync.resync import resync
from sync.testing.remote import Remote
from tests.acceptance.marks import once
from tests.acceptance.waiting import until
from tests.servers.celery import Beat, Worker

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
def test_both_sides_are_equal_after_the_faults_and_no_create_was_applied_twice(
    sandbox: Remote,
    worker: Callable[..., Worker],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Callable[..., None],
    fault: str,
) -> None:
    account(options={"retry": {"attempts": 10, "base_delay": 0.3, "max_delay": 1.0}})
    rows = [Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}") for n in range(6)]
    rule = dict(FAULTS[fault])
    sandbox.fault(rule.pop("do"), collection="customers", **rule)
    worker(knobs=short)
    until_equal(sweeping=True)
    sandbox.clear_faults()
    rows[0].delete()
    rows[1].name = "Changed"
    rows[1].save()
    until_equal(sweeping=True)
    created = Counter(entry.data["email"] for entry in sandbox.calls("customers", "POST", applied=True))
    assert created == {row.email: 1 for row in rows}
    assert not Binding.objects.exclude(uncertain="").exists()


ABSURD = ("-5", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "1e9", "9" * 80)


@pytest.mark.chaos
def test_a_storm_of_429_with_an_absurd_retry_after_neither_stops_nor_hurries_anything(
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Callable[..., None],
    measured: Callable[..., None],
) -> None:
    account(drains=2, options={"retry": "no_retry"})
    huge = sandbox.fault("status", collection="customers", status=429, headers={"Retry-After": "99999999"}, times=1)
    worker(knobs=short)
    beat(knobs=short)
    rows = [Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}") for n in range(6)]
    until(lambda: Connection.objects.get().gate.blocked_until is not None)
    gate = Connection.objects.get().gate
    assert gate.blocked_until is not None
    assert 3500 < (gate.blocked_until - timezone.now()).total_seconds() <= 3600  # an hour, not three years
    assert sandbox.faults()[0]["number"] == huge
    sandbox.clear_faults()
    for value in ABSURD:
        sandbox.fault("status", collection="customers", status=429, headers={"Retry-After": value}, times=1)
    Gate.objects.update(blocked_until=timezone.now(), closures=0)  # as a person would, who then asks for them again
    resync(Customer.objects.all(), integrator="shop")
    until_equal(90)
    refused = [entry.monotonic for entry in sandbox.calls("customers", "POST") if entry.status == 429]
    measured(refused=len(refused), within_s=round(refused[-1] - refused[0], 2))
    assert len(refused) == len(ABSURD) + 1
    created = Counter(entry.data["email"] for entry in sandbox.calls("customers", "POST", applied=True))
    assert created == {row.email: 1 for row in rows}


def test_a_remote_that_is_away_for_a_while_costs_no_object_its_attempts(
    sandbox: Remote,
    sandbox_process: Any,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Callable[..., None],
) -> None:
    account(options={"retry": "no_retry"})
    sandbox_process.stop()
    worker(knobs=short)
    beat(knobs=short)
    for n in range(6):
        Customer.objects.create(email=f"{n}@shop.test", name=f"Customer {n}")
    until(lambda: Connection.objects.get().gate.blocked_until is not None)
    sandbox_process.start()
    until_equal()
    assert len(sandbox.objects("customers")) == 6
