"""The shop's rows, saved without being captured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.shop.models import Category, Customer, Product
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


@pytest.fixture
def customers(db: None) -> list[Customer]:
    made = [Customer(email=f"c{n}@example.test", name=f"C {n}", is_active=n % 2 == 0) for n in range(6)]
    return Customer.objects.bulk_create(made)
