"""Many rows at once, and one row many times: how many calls they cost, by the sandbox's own journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import pytest

from examples.shop.models import Category, Customer, Product
from project.servers import wait_until
from sync import drain, registry
from sync.models import Binding
from sync.testing.remote import Remote
from tests.acceptance.marks import beside_postgres
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), beside_postgres]

Start = Callable[..., Worker]
Wait = Callable[..., None]

PRODUCTS = 1000


@pytest.fixture
def shelf(sandbox: Remote) -> Category:
    """A category that is at the remote already."""
    row = Category.objects.create(name="Tea", slug="tea")
    drain.drain(registry.connection("shop").pk, wait=False)
    assert [there["slug"] for there in sandbox.objects("categories")] == ["tea"]
    return row


def stock_up(shelf: Category) -> None:
    """Create a thousand products, change half of them, delete a tenth (of those that were changed and the others)."""
    rows = [Product(category=shelf, name=f"Tea {n}", sku=f"t-{n:04d}", price=Decimal(n)) for n in range(PRODUCTS)]
    Product.objects.bulk_create(rows)
    Product.objects.filter(sku__lt=f"t-{PRODUCTS // 2:04d}").update(stock=7)
    Product.objects.filter(sku__endswith="3").delete()


def test_what_was_written_while_no_worker_ran_costs_one_call_for_each_row_that_is_left(
    shelf: Category, sandbox: Remote, worker: Start, until_equal: Wait
) -> None:
    stock_up(shelf)
    assert sandbox.calls("products") == []
    worker()
    until_equal()
    assert Product.objects.count() == len(sandbox.objects("products")) == 900
    assert [entry.method for entry in sandbox.calls("products")] == ["POST"] * 900


def test_what_is_written_while_a_worker_runs_costs_no_more_calls_than_changes(
    shelf: Category, sandbox: Remote, worker: Start, until_equal: Wait
) -> None:
    worker()
    stock_up(shelf)
    until_equal()
    assert len(sandbox.objects("products")) == 900
    assert 900 <= len(sandbox.calls("products")) <= 1600


def test_a_hundred_saves_of_a_row_within_a_second_are_three_calls_at_most(
    shelf: Category, sandbox: Remote, worker: Start, until_equal: Wait
) -> None:
    worker()
    product = Product.objects.create(category=shelf, name="Assam", sku="t-1", price=Decimal(4))
    assert wait_until(lambda: sandbox.calls("products") != [], 10)
    for stock in range(1, 101):
        product.stock = stock
        product.save()
    until_equal()
    assert sandbox.objects("products")[0]["stock"] == 100
    assert len(sandbox.calls("products")) <= 3


@pytest.mark.chaos
def test_ten_thousand_edits_of_one_row_cost_a_call_for_each_rest_and_the_last_one_wins(
    sandbox: Remote, worker: Start, until_equal: Wait
) -> None:
    worker()
    row = Customer.objects.create(email="hot@shop.test", name="0")
    began = time.monotonic()
    for number in range(1, 10_001):
        row.name = str(number)
        row.save()
    lasted_s = time.monotonic() - began
    until_equal(60, sweeping=True)
    calls = sandbox.calls("customers")
    print(f"{len(calls)} calls for 10,000 edits in {lasted_s:.0f} s")  # noqa: T201 - shown with -rP
    assert [there["name"] for there in sandbox.objects("customers")] == ["10000"]
    assert len(calls) <= lasted_s / 1.0 + 4  # an object rests for a second after a send
    assert Binding.objects.count() == 1
