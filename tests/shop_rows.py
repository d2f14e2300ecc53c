"""Fixtures: rows of the shop that are not captured, and its connection. Conftests import them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from examples.shop.models import Category, Product
from sync import capture, registry, wake
from sync.models import Binding, Connection, Operation, State


@pytest.fixture(autouse=True)
def _uncaptured(db: None) -> Iterator[None]:
    with capture.disabled(), wake.muted():
        yield


@pytest.fixture
def connection(db: None) -> Connection:
    return registry.connection("shop")


@pytest.fixture
def category(db: None) -> Category:
    return Category.objects.create(name="Tools", slug="tools")


@pytest.fixture
def products(category: Category) -> list[Product]:
    made = [Product(category=category, name=f"Saw {n}", sku=f"saw-{n}", price="9.50") for n in range(5)]
    return Product.objects.bulk_create(made)


@pytest.fixture
def bind(connection: Connection) -> Callable[..., Binding]:
    """Bind an object, or a product by its key, in some state."""

    def bound(obj: Any = "7", **values: Any) -> Binding:
        model, pk = (type(obj), obj.pk) if isinstance(obj, Model) else (Product, obj)
        given = {"connection": connection, "object_type": model._meta.model_name, "state": State.SYNCED}
        return Binding.objects.create(**{**given, "object_id": str(pk), "model": model._meta.label_lower, **values})

    return bound


@pytest.fixture
def attempt() -> Callable[..., Operation]:
    """Note an attempt at an object."""

    def noted(binding: Binding, **values: Any) -> Operation:
        given = {"verb": "update", "status": "succeeded", "started_at": timezone.now(), "seq": binding.seq}
        return Operation.objects.create(
            connection=binding.connection,
            binding=binding,
            object_type=binding.object_type,
            object_id=binding.object_id,
            **{**given, "actor": "grace", **values},
        )

    return noted
