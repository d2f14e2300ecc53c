"""A process that dies between the row and its Change, and one that dies right after."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from examples.shop.models import Category, Product, Tag
from sync.capture import no_sync
from sync.models import Change
from tests.servers.surroundings import surroundings

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "redis://127.0.0.1:1/0"
KILLED = -9


def run(script: str, faults: str = "", **knobs: object) -> int:
    code = f"import django; django.setup(); from examples.shop.models import *; {script}"
    env = surroundings(NOWHERE, {"CRUDSYNC_FAULTS": faults, **knobs})
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=root, check=False, capture_output=True, text=True)
    assert done.returncode in (0, KILLED), done.stderr
    return done.returncode


@pytest.fixture
def category() -> Category:
    with no_sync("to begin with"):
        return Category.objects.create(name="Books", slug="books")


def test_a_save_that_dies_before_its_commit_leaves_neither_row_nor_change() -> None:
    assert run("Category.objects.create(name='a', slug='a')", "captured=exit") == KILLED
    assert (Category.objects.count(), Change.objects.count()) == (0, 0)


def test_a_save_that_dies_right_after_its_commit_leaves_both() -> None:
    script = (
        "import os; from django.db.models.signals import post_save; "
        "post_save.connect(lambda **kwargs: os.kill(os.getpid(), 9), sender=Category, weak=False); "
        "Category.objects.create(name='a', slug='a')"
    )
    assert run(script) == KILLED
    assert (Category.objects.count(), Change.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "script",
    [
        "Category.objects.get().delete()",
        "Category.objects.update(name='b')",
        "Category.objects.bulk_update([Category(pk=Category.objects.get().pk, name='b')], ['name'])",
        "Category.objects.bulk_create([Category(name='b', slug='b')])",
        "category = Category.objects.get(); category.name = 'b'; category.save()",
    ],
    ids=["delete", "update", "bulk_update", "bulk_create", "save"],
)
def test_every_write_that_dies_before_its_commit_leaves_all_as_it_was(category: Category, script: str) -> None:
    assert run(script, "captured=exit") == KILLED
    assert list(Category.objects.values_list("name", flat=True)) == ["Books"]
    assert not Change.objects.exists()


def test_a_relation_that_dies_before_its_commit_is_not_there(category: Category) -> None:
    with no_sync("to begin with"):
        product = Product.objects.create(category=category, name="A", sku="a", price=1)
        Tag.objects.create(name="new")
    assert run("Product.objects.get().tags.add(Tag.objects.get())", "captured=exit") == KILLED
    assert (product.tags.count(), Change.objects.count()) == (0, 0)


def test_a_site_that_is_switched_off_saves_without_a_change() -> None:
    assert run("Category.objects.create(name='a', slug='a')", "captured=exit", CRUDSYNC_ENABLED="false") == 0
    assert (Category.objects.count(), Change.objects.count()) == (1, 0)


def test_a_row_that_is_written_to_another_database_is_not_captured(category: Category) -> None:
    script = (
        "from django.conf import settings; from django.db import connections; "
        "other = {**connections.settings['default'], 'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:', "
        "'OPTIONS': {}}; connections.settings['other'] = other; "
        "editor = connections['other'].schema_editor(); editor.__enter__(); "
        "editor.create_model(Customer); editor.create_model(Order); editor.__exit__(None, None, None); "
        "customer = Customer(email='a@b.test'); customer.save(using='other'); "
        "Order(customer=customer, number='1').save(using='other'); "
        "orders = Order.objects.using('other'); orders.update(number='2'); orders.get().delete()"
    )
    assert run(script, "captured=exit") == 0
    assert not Change.objects.exists()
    assert connection.alias == "default"
