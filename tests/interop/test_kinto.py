"""The whole way to a remote that nobody here wrote."""

from __future__ import annotations

import datetime as dt
import inspect
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from examples.shop.models import Category, Customer, Product
from project.servers import wait_until
from sync.drain.intent import Intent
from sync.models import Binding, Change, Connection, Operation, State, Status
from sync.reconcile import reconcile
from tests.acceptance.marks import once
from tests.interop import declared
from tests.interop.conftest import left
from tests.interop.declared import KintoIntegrator
from tests.interop.kinto import Kinto
from tests.servers.celery import Worker

pytestmark = [
    pytest.mark.process,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("connection"),
    once,
]

Deliver = Callable[[], None]
quietly = pytest.mark.usefixtures("quiet")


def product(number: int = 1, **values: Any) -> Product:
    category, _ = Category.objects.get_or_create(slug="tea", defaults={"name": "Tea"})
    defaults = {"name": f"Tea {number}", "sku": f"t-{number}", "price": Decimal("4.50"), "stock": number}
    return Product.objects.create(category=category, **{**defaults, **values})


def history(object_type: str) -> list[tuple[str, str, int]]:
    rows = Operation.objects.filter(object_type=object_type).order_by("pk")
    return list(rows.values_list("verb", "status", "status_code"))


def test_the_integrator_is_declared_in_fifteen_lines() -> None:
    _, _, code = inspect.getsource(declared).partition("from sync import ")
    lines = [line for line in code.splitlines()[1:] if line.strip()]
    assert len(lines) + len(["@register"]) <= 15


@quietly
def test_a_row_is_created_with_the_id_that_kinto_gave_it(kinto: Kinto, deliver: Deliver) -> None:
    product()
    deliver()
    (there,) = kinto.records("products")
    assert {name: there[name] for name in ("name", "sku", "price", "stock")} == {
        "name": "Tea 1",
        "sku": "t-1",
        "price": "4.50",
        "stock": 1,
    }
    assert Binding.objects.get().remote_id == there["id"]


@quietly
def test_a_row_is_created_under_our_own_id_by_put(kinto: Kinto, deliver: Deliver) -> None:
    customer = Customer.objects.create(name="Ann", email="ann@shop.test")
    deliver()
    (there,) = kinto.records("customers")
    assert (there["id"], there["email"]) == (str(customer.pk), "ann@shop.test")
    assert Operation.objects.get().method == "PUT"


@quietly
def test_an_update_sends_what_changed_with_the_version_it_is_based_on(kinto: Kinto, deliver: Deliver) -> None:
    row = product()
    deliver()
    before = Binding.objects.get().remote_version
    row.price = Decimal("5.00")
    row.save()
    deliver()
    assert kinto.records("products")[0]["price"] == "5.00"
    assert history("product") == [("create", Status.SUCCEEDED, 201), ("update", Status.SUCCEEDED, 200)]
    operation = Operation.objects.get(verb="update")
    assert (operation.method, operation.request) == ("PATCH", '{"data":{"price":"5.00"}}')
    after = Binding.objects.get().remote_version
    assert before != after == f'"{kinto.records("products")[0]["last_modified"]}"'


@quietly
def test_a_deleted_row_is_deleted(kinto: Kinto, deliver: Deliver) -> None:
    row, customer = product(), Customer.objects.create(name="Ann", email="ann@shop.test")
    deliver()
    row.delete()
    customer.delete()
    deliver()
    assert kinto.records("products") == kinto.records("customers") == []
    assert set(Binding.objects.values_list("state", flat=True)) == {State.ABSENT}


@quietly
def test_a_stale_version_is_settled_by_reading_and_sending_again(kinto: Kinto, deliver: Deliver) -> None:
    row = product()
    deliver()
    kinto.edit("products", kinto.records("products")[0]["id"], name="Theirs", price="9.99", colour="green")
    row.price = Decimal("5.00")
    row.save()
    deliver()
    (there,) = kinto.records("products")
    assert {name: there[name] for name in ("name", "price", "colour")} == {
        "name": "Tea 1",
        "price": "5.00",
        "colour": "green",
    }
    assert [(verb, code) for verb, _, code in history("product")] == [
        ("create", 201),
        ("update", 412),
        ("read", 200),
        ("update", 200),
    ]
    assert Binding.objects.get().state == State.SYNCED


@quietly
def test_a_row_deleted_here_goes_though_it_was_edited_there(kinto: Kinto, deliver: Deliver) -> None:
    row = product()
    deliver()
    kinto.edit("products", kinto.records("products")[0]["id"], name="Theirs")
    row.delete()
    deliver()
    assert kinto.records("products") == []


@quietly
def test_what_was_deleted_there_is_made_anew_by_the_next_edit(kinto: Kinto, deliver: Deliver) -> None:
    row = product()
    deliver()
    gone = kinto.records("products")[0]["id"]
    kinto.remove("products", gone)
    row.stock = 7
    row.save()
    deliver()
    (there,) = kinto.records("products")
    assert there["stock"] == 7
    assert there["id"] != gone


@quietly
def test_the_listing_is_read_to_its_end_over_next_page(kinto: Kinto, connection: Connection, deliver: Deliver) -> None:
    for number in range(5):
        product(number)
    deliver()
    pages: list[int] = []
    listed = list(
        KintoIntegrator("product", connection=connection).listing(before_each=lambda: pages.append(len(pages)))
    )
    assert sorted(row["sku"] for _, row in listed) == [f"t-{number}" for number in range(5)]
    assert {remote_id for remote_id, _ in listed} == {row["id"] for row in kinto.records("products")}
    assert len(pages) == 3


@quietly
def test_reconciliation_brings_back_what_was_changed_and_deleted_there(
    kinto: Kinto, connection: Connection, deliver: Deliver
) -> None:
    for number in range(5):
        product(number)
    deliver()
    first, second, *_ = kinto.records("products")
    kinto.edit("products", first["id"], name="Theirs")
    kinto.remove("products", second["id"])
    Binding.objects.update(synced_at=None)  # as if the look-up lag were over
    report = reconcile(connection, ["product"])
    assert [(entry.listed, entry.differ, entry.missing) for entry in report.types] == [(4, 1, 1)]
    deliver()
    assert [row["name"] for row in kinto.records("products")] == [f"Tea {number}" for number in range(5)]
    assert reconcile(connection, ["product"]).drift == 0


@quietly
def test_a_create_whose_answer_was_lost_is_found_by_its_natural_key(kinto: Kinto, deliver: Deliver) -> None:
    product()
    deliver()
    forget_the_answer()
    deliver()
    (there,) = kinto.records("products")
    assert Binding.objects.get().remote_id == there["id"]
    calls = [("create", 201), ("lookup", 200), ("update", 200), ("read", 200)]  # the last, since it was in doubt
    assert [(verb, code) for verb, _, code in history("product")] == calls


def test_a_worker_carries_rows_saved_here_to_kinto(
    kinto: Kinto, connection: Connection, worker: Callable[..., Worker]
) -> None:
    worker(arguments=("-I", "tests.interop.stand_in"), knobs={"KINTO_PASSWORD": "of no account"})
    rows = [product(number) for number in range(3)]
    customer = Customer.objects.create(name="Ann", email="ann@shop.test")
    assert wait_until(settled, 30, every_s=0.05), left()
    rows[0].stock = 99
    rows[0].save()
    rows[1].delete()
    customer.name = "Anna"
    customer.save()
    assert wait_until(settled, 30, every_s=0.05), left()
    assert [(row["name"], row["stock"]) for row in kinto.records("products")] == [("Tea 0", 99), ("Tea 2", 2)]
    assert [row["name"] for row in kinto.records("customers")] == ["Anna"]
    assert not Operation.objects.exclude(status=Status.SUCCEEDED).exists()


def forget_the_answer() -> None:
    """Leave the only binding as a worker leaves it that dies between Kinto's answer to a create and its settlement."""
    binding = Binding.objects.get()
    ago = timezone.now() - dt.timedelta(minutes=1)
    intent = Intent.new(json.loads(binding.sent or ""), ago).sent(ago)
    binding.remote_id = binding.remote_version = binding.sent = binding.seen = None
    binding.uncertain, binding.intent, binding.due_at, binding.rests_until = "create", intent.text(), ago, None
    binding.save()


def settled() -> bool:
    return not (Change.objects.exists() or Binding.objects.filter(due_at__isnull=False).exists())
