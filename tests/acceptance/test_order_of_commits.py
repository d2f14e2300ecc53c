"""Ids are not commit order: a change with a lower id may be committed later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection, transaction

from examples.shop.models import Category, Product, Tag
from sync.testing.remote import Remote
from tests.acceptance.waiting import until
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]


@pytest.mark.pg
def test_a_relation_left_uncommitted_beside_a_save_of_the_same_row_is_not_lost(
    sandbox: Remote, worker: Callable[..., Worker], until_equal: Callable[..., None]
) -> None:
    worker()
    shelf = Category.objects.create(name="Tea", slug="tea")
    product = Product.objects.create(category=shelf, name="Assam", sku="t-1", price=Decimal(4))
    tag = Tag.objects.create(name="new")
    until_equal()
    added, commit = threading.Event(), threading.Event()

    def tagging() -> None:
        try:
            with transaction.atomic():
                product.tags.add(tag)
                added.set()
                assert commit.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=tagging)
    thread.start()
    try:
        assert added.wait(10)
        Product.objects.filter(pk=product.pk).update(stock=5)
        until(lambda: sandbox.objects("products")[0]["stock"] == 5)
        assert sandbox.objects("products")[0]["tags"] == []
    finally:
        commit.set()
        thread.join()
    until(lambda: sandbox.objects("products")[0]["tags"] == ["new"])
    until_equal()
