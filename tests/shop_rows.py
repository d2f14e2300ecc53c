"""Fixtures: rows of the shop that are not captured, and its connection. Conftests import them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
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
    """Bind an object, in some state."""

    def bound(obj: Any, **values: Any) -> Binding:
        model = type(obj)._meta.label_lower
        given = {"connection": connection, "object_type": type(obj)._meta.model_name, "state": State.SYNCED}
        return Binding.objects.create(**{**given, "object_id": str(obj.pk), "model": model, **values})

    return bound


@pytest.fixture
def attempt() -> Callable[..., Operation]:
    """Note an attempt at an object."""

    def noted(binding: Binding, **values: Any) -> Operation:
        given = {"verb": "update", "status": "succeeded", "started_at": timezone.now(), "actor": "grace"}
        return Operation.objects.create(
            connection=binding.connection,
            binding=binding,
            object_type=binding.object_type,
            object_id=binding.object_id,
            **{**given, **values},
        )

    return noted
