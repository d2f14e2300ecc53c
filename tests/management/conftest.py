"""Commands in a process where nothing is captured by itself, and nothing rings."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
from django.core.management import call_command

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
    made = [Product(category=category, name=f"Saw {n}", sku=f"saw-{n}", price="9.50") for n in range(3)]
    return Product.objects.bulk_create(made)


@pytest.fixture
def run() -> Callable[..., str]:
    """Run a command and return what it wrote."""

    def ran(*words: str) -> str:
        out = io.StringIO()
        call_command(*words, stdout=out, stderr=out, no_color=True)
        return out.getvalue()

    return ran
