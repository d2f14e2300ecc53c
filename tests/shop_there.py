"""Fixtures: a product of the shop that has been delivered to the sandbox. Test modules import them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from examples.shop.models import Category, Product
from sync.testing import Delivered, Remote


@pytest.fixture
def product(sandbox: Remote, deliver: Callable[..., Delivered]) -> Product:
    category = Category.objects.create(name="Tools", slug="tools")
    made = Product.objects.create(category=category, name="Saw", sku="saw-1", price=Decimal("9.50"))
    deliver()
    return made
