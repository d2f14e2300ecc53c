"""The shop's rows, saved without being captured."""

from __future__ import annotations

import pytest

from examples.shop.models import Customer
from tests.shop_rows import _uncaptured, category, connection, products

__all__ = ["_uncaptured", "category", "connection", "customers", "products"]


@pytest.fixture
def customers(db: None) -> list[Customer]:
    made = [Customer(email=f"c{n}@example.test", name=f"C {n}", is_active=n % 2 == 0) for n in range(6)]
    return Customer.objects.bulk_create(made)
