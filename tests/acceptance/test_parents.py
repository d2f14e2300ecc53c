"""Parents before their children, references to the same table, cycles, and parents that cannot be sent."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import transaction

from examples.shop.models import Category, Customer, Order
from sync.models import Binding, Connection, State
from sync.testing.remote import Remote
from tests.acceptance.marks import once
from tests.acceptance.waiting import until
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), once]

Start = Callable[..., Worker]
Wait = Callable[..., None]


def test_parents_go_first_whatever_the_order_and_a_cycle_is_closed_by_an_update(
    sandbox: Remote, worker: Start, short: dict[str, float], until_equal: Wait
) -> None:
    with transaction.atomic():
        chain = [Category.objects.create(name=f"Level {n}", slug=f"level-{n}") for n in range(4)]
        for child, parent in itertools.pairwise(chain):  # the first is the deepest
            Category.objects.filter(pk=child.pk).update(parent=parent)
        one, two = (Category.objects.create(name=name, slug=name) for name in ("egg", "hen"))
        for each, other in ((one, two), (two, one)):
            each.parent = other
            each.save()
        customer = Customer.objects.create(email="a@shop.test", name="Ada")
        for n in range(3):
            Order.objects.create(customer=customer, number=f"A-{n}", total=Decimal(n))
    worker(knobs=short)
    until_equal(sweeping=True)
    entries = sandbox.calls("categories")
    created = [entry.data["slug"] for entry in entries if entry.method == "POST"]
    assert created.index("level-3") < created.index("level-2") < created.index("level-1") < created.index("level-0")
    assert sorted(created) == ["egg", "hen", "level-0", "level-1", "level-2", "level-3"]
    assert [entry.method for entry in entries if entry.method != "POST"] == ["PATCH"]  # of the cycle's first
    assert len(sandbox.calls("orders")) == 3
    assert min(entry.seq for entry in sandbox.calls("orders")) > sandbox.calls("customers")[0].seq


def test_a_child_of_a_dead_parent_is_held_with_the_reason_and_revived_by_the_parents_success(
    sandbox: Remote,
    worker: Start,
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Wait,
    until_quiet: Wait,
) -> None:
    account(options={"retry": "no_retry"})
    sandbox.fault("status", collection="customers", method="POST", status=500)
    worker(knobs=short)
    customer = Customer.objects.create(email="a@shop.test", name="Ada")
    until(lambda: Binding.objects.filter(object_type="customer", state=State.DEAD).exists(), sweeping=True)
    Order.objects.create(customer=customer, number="A-1")
    until_quiet(sweeping=True)
    held = Binding.objects.get(object_type="order")
    assert (held.state, held.code) == (State.HELD, "parent_dead")
    assert f"customer:{customer.pk}" in held.detail
    assert sandbox.calls("orders") == []
    sandbox.clear_faults()
    account(options={})
    customer.name = "Ada Again"
    customer.save()
    until_equal(sweeping=True)
    assert len(sandbox.objects("orders")) == 1


def test_a_child_of_a_row_that_is_not_sent_is_held_and_goes_once_the_row_does(
    sandbox: Remote, worker: Start, short: dict[str, float], until_equal: Wait, until_quiet: Wait
) -> None:
    worker(knobs=short)
    customer = Customer.objects.create(email="a@shop.test", name="Ada", is_active=False)
    Order.objects.create(customer=customer, number="A-1")
    until_quiet(sweeping=True)
    held = Binding.objects.get(object_type="order")
    assert (held.state, held.code) == (State.HELD, "parent_absent")
    assert sandbox.calls() == []
    customer.is_active = True
    customer.save()
    until_equal(sweeping=True)
    assert len(sandbox.objects("orders")) == 1
