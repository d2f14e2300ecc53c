"""However a row is written, both sides end equal: one worker, every way of writing that Django has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from examples.shop.models import Category, Customer, Order, Product, Tag
from sync import no_sync
from sync.testing.remote import Remote
from tests.acceptance.marks import once
from tests.servers.celery import Beat, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]


class Abandoned(Exception):
    """Ends a transaction that is to be rolled back."""


def customer(name: str) -> Customer:
    return Customer.objects.get(email=f"{name}@shop.test")


def create(name: str) -> Customer:
    return Customer.objects.create(email=f"{name}@shop.test", name=name)


def autocommit() -> None:
    create("autocommit")


def rolled_back() -> None:
    with suppress(Abandoned), transaction.atomic():
        create("rolled-back")
        customer("kept").delete()
        raise Abandoned


def savepoint_rolled_back() -> None:
    with transaction.atomic():
        create("outer")
        with suppress(Abandoned), transaction.atomic():
            create("inner")
            raise Abandoned


def savepoint_released() -> None:
    with transaction.atomic():
        create("outside")
        with transaction.atomic():
            create("inside")


def created_and_deleted_at_once() -> None:
    with transaction.atomic():
        create("short-lived").delete()


def deleted_and_created_anew() -> None:
    with transaction.atomic():
        customer("phoenix").delete()
        create("phoenix")


def save_of_some_fields() -> None:
    row = customer("some-fields")
    row.name, row.country = "Changed", "FR"
    row.save(update_fields=["country"])


def bulk_create() -> None:
    Customer.objects.bulk_create(Customer(email=f"bulk-{n}@shop.test", name="Bulk") for n in range(5))


def bulk_create_over_conflicts() -> None:
    rows = [Customer(email="upserted@shop.test", name="Upserted"), Customer(email="upserted-2@shop.test", name="New")]
    Customer.objects.bulk_create(rows, update_conflicts=True, unique_fields=["email"], update_fields=["name"])


def bulk_update() -> None:
    row = customer("bulk-updated")
    row.name = "Changed"
    Customer.objects.bulk_update([row], ["name"])


def queryset_update() -> None:
    Customer.objects.filter(email="updated@shop.test").update(name="Changed")


def queryset_update_out_of_scope() -> None:
    Customer.objects.filter(email="leaves@shop.test").update(is_active=False)


def queryset_delete() -> None:
    Customer.objects.filter(email="deleted@shop.test").delete()


def get_or_create_and_update_or_create() -> None:
    Customer.objects.get_or_create(email="got@shop.test", defaults={"name": "Got"})
    Customer.objects.update_or_create(email="kept@shop.test", defaults={"country": "DE"})


def cascade() -> None:
    Category.objects.get(slug="cascade").delete()
    customer("with-orders").delete()


def many_to_many() -> None:
    product = Product.objects.get(sku="tagged")
    product.tags.set([Tag.objects.create(name="new"), Tag.objects.create(name="blue")])


def renamed_behind_a_relation() -> None:
    product = Product.objects.get(sku="moved")
    product.category = Category.objects.create(name="Other", slug="other")
    product.save()


def raw_sql() -> None:
    """Nothing sees it; a person says so afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shop_customer SET name = 'Raw' WHERE email = 'raw@shop.test'")
        cursor.execute(
            "INSERT INTO shop_customer (email, name, country, is_active) VALUES ('raw-new@shop.test', 'Raw', '', %s)",
            [True],
        )
    call_command("crudsync_resync", "shop.Customer", verbosity=0)


def left_out_on_purpose() -> None:
    with no_sync("a test"):
        create("left-out")
    customer("left-out").delete()


PATHS: tuple[Callable[[], Any], ...] = (
    autocommit, rolled_back, savepoint_rolled_back, savepoint_released, created_and_deleted_at_once,
    deleted_and_created_anew, save_of_some_fields, bulk_create, bulk_create_over_conflicts, bulk_update,
    queryset_update, queryset_update_out_of_scope, queryset_delete, get_or_create_and_update_or_create, cascade,
    many_to_many, renamed_behind_a_relation, raw_sql, left_out_on_purpose,
)  # fmt: skip
BEFORE = ("kept", "phoenix", "some-fields", "upserted", "bulk-updated", "updated", "leaves", "deleted", "raw")


def seed() -> None:
    """Make what the paths change."""
    for name in BEFORE:
        create(name)
    buyer = create("with-orders")
    for n in range(3):
        Order.objects.create(customer=buyer, number=f"o-{n}", total=Decimal(n))
    parent = Category.objects.create(name="Cascade", slug="cascade")
    child = Category.objects.create(name="Child", slug="child", parent=parent)
    kept = Category.objects.create(name="Kept", slug="kept")
    for sku, category in {"gone": child, "tagged": kept, "moved": kept}.items():
        Product.objects.create(category=category, name=sku, sku=sku, price=Decimal(4))


@once
def test_every_way_of_writing_ends_with_both_sides_equal(
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    until_equal: Callable[..., None],
    measured: Callable[..., None],
) -> None:
    worker(concurrency=1, knobs=short)
    beat(knobs=short)
    seed()
    until_equal()
    for path in PATHS:
        path()
    until_equal()
    emails = {there["email"] for there in sandbox.objects("customers")}
    assert not {f"{name}@shop.test" for name in ("rolled-back", "inner", "short-lived", "left-out")} & emails
    assert {f"{name}@shop.test" for name in ("outer", "raw-new", "phoenix", "upserted-2", "bulk-4")} <= emails
    measured(paths=len(PATHS), objects=len(emails), calls=sandbox.last_seq())
