"""Fixtures: rows of the shop that are not captured, and its connection. Conftests import them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.shop.models import Category, Product
from sync import capture, registry, wake
from sync.models import Connection


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
