"""The main job, with real processes: save a row, and the remote follows."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from examples.shop.models import Category, Product
from sync import actor
from sync.models import Operation, Status
from sync.testing.remote import Remote
from tests.servers.celery import Worker

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

Start = Callable[..., Worker]
Wait = Callable[..., None]


def test_a_row_saved_edited_and_deleted_is_followed_by_the_remote(
    sandbox: Remote, worker: Start, until_quiet: Wait
) -> None:
    worker()
    with actor("ann"):
        category = Category.objects.create(name="Tea", slug="tea")
        product = Product.objects.create(category=category, name="Assam", sku="t-1", price=Decimal("4.50"))
    until_quiet()
    (there,) = sandbox.objects("products")
    (parent,) = sandbox.objects("categories")
    assert there["name"] == "Assam"
    product.price = Decimal("5.00")
    product.save()
    until_quiet()
    assert sandbox.objects("products")[0]["price"] == "5.00"
    product.delete()
    until_quiet()
    assert sandbox.objects("products") == []
    assert parent == sandbox.objects("categories")[0]
    verbs = list(Operation.objects.filter(object_type="product").order_by("pk").values_list("verb", "status"))
    assert verbs == [("create", Status.SUCCEEDED), ("update", Status.SUCCEEDED), ("delete", Status.SUCCEEDED)]
    first: Any = Operation.objects.filter(object_type="product").earliest("pk")
    assert first.actor == "ann"
    assert first.duration_ms > 0
    assert first.task_id
