"""Objects that cannot be sent, among healthy ones."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from examples.shop.models import Customer
from sync.models import Binding, Connection, State
from sync.testing.remote import Remote
from tests.acceptance.marks import beside_postgres
from tests.acceptance.stand_ins import Poisoned
from tests.acceptance.waiting import until
from tests.servers.celery import Beat, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), beside_postgres]


def test_poison_is_held_or_dead_with_its_reason_and_the_others_arrive(
    sandbox: Remote,
    worker: Callable[..., Worker],
    short: dict[str, float],
    until_quiet: Callable[..., None],
    stand_in: Callable[..., dict[str, Any]],
) -> None:
    sandbox.configure(invalid={"name": ["refused"]})
    options = stand_in(Poisoned, **short)
    names = ["Ada", "raises", "Ben", "kills", "Chidi", "refused", "Dana"]
    rows = {name: Customer.objects.create(email=f"{n}@shop.test", name=name) for n, name in enumerate(names)}
    worker(concurrency=3, **options)
    until_quiet(90, sweeping=True)
    states = {
        name: (binding.state, binding.code)
        for name, row in rows.items()
        for binding in [Binding.objects.get(object_id=str(row.pk))]
    }
    assert states["kills"] == (State.DEAD, "crash_loop")
    assert states["raises"] == (State.HELD, "hook_error")
    assert states["refused"][0] == State.HELD
    assert sorted(there["name"] for there in sandbox.objects("customers")) == ["Ada", "Ben", "Chidi", "Dana"]
    assert len(sandbox.calls(applied=True)) == 4
    rows["kills"].name = "Emil"
    rows["kills"].save()  # an edit revives it
    until_quiet(sweeping=True)
    assert "Emil" in [there["name"] for there in sandbox.objects("customers")]


@pytest.mark.chaos
@pytest.mark.parametrize(("pool", "concurrency"), [("prefork", 2), ("threads", 8)])
def test_a_hook_that_never_comes_back_is_dead_with_its_reason_and_the_others_arrive(
    sandbox: Remote,
    worker: Callable[..., Worker],
    short: dict[str, float],
    until_quiet: Callable[..., None],
    stand_in: Callable[..., dict[str, Any]],
    account: Callable[..., Connection],
    pool: str,
    concurrency: int,
) -> None:
    """Processes are ended by the time limit. Threads cannot be: each of the four claims costs one until a restart."""
    account(drains=concurrency)
    options = stand_in(Poisoned, **short, slice_s=1.0)
    rows = {name: Customer.objects.create(email=f"{name}@shop.test", name=name) for name in ("Ada", "hangs", "Ben")}
    running = worker(pool=pool, concurrency=concurrency, **options)
    until_quiet(180, sweeping=True)
    poison = Binding.objects.get(object_id=str(rows["hangs"].pk))
    assert (poison.state, poison.code) == (State.DEAD, "crash_loop")
    assert sorted(there["name"] for there in sandbox.objects("customers")) == ["Ada", "Ben"]
    assert len(sandbox.calls(applied=True)) == 2
    assert ("Hard time limit" in running.text()) == (pool == "prefork")
    Customer.objects.create(email="late@shop.test", name="Chidi")  # there is somebody left to send it
    until_quiet(60, sweeping=True)
    assert len(sandbox.objects("customers")) == 3


POISON = ("raises", "kills", "hangs", "refused", "breaks", "silent")


@pytest.mark.chaos
def test_three_hundred_healthy_objects_arrive_beside_one_poisonous_object_of_each_kind(
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    stand_in: Callable[..., dict[str, Any]],
    measured: Callable[..., None],
) -> None:
    sandbox.configure(invalid={"name": ["refused"]})
    sandbox.fault("status", collection="customers", body="breaks", status=500)
    sandbox.fault("hold", collection="customers", body="silent", seconds=5.0)
    account(drains=4, options={"rate_limit": {"limit": 60_000, "per": 60, "burst": 1000}})
    options = stand_in(Poisoned, **short, slice_s=2.0)
    worker(concurrency=4, **options)
    beat(knobs=short)
    lasted = {}
    for poison in ((), POISON):
        names = [f"Customer {n}" for n in range(300)]
        for place, name in enumerate(poison):
            names.insert(place * 50 + 25, name)
        prefix = "poisoned" if poison else "plain"
        began = time.monotonic()
        Customer.objects.bulk_create(
            Customer(email=f"{prefix}-{n}@shop.test", name=name) for n, name in enumerate(names)
        )
        healthy = {f"{prefix}-{n}@shop.test" for n, name in enumerate(names) if name not in POISON}
        until(lambda healthy=healthy: healthy <= {there["email"] for there in sandbox.objects("customers")}, 90)
        lasted[f"{prefix}_s"] = round(time.monotonic() - began, 2)
    measured(**lasted)
    until(lambda: Binding.objects.filter(state=State.DEAD, code="crash_loop").count() == 2, 90)
    created = Counter(entry.data["email"] for entry in sandbox.calls("customers", "POST", applied=True))
    assert set(created.values()) == {1}
    assert len(created) == 600
