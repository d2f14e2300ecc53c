from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from examples.shop.models import Category, Product
from sync import bindings, capture
from sync.exceptions import NotSyncable, UnknownIntegrator
from sync.models import Binding, Connection, State
from sync.resync import again, resync, targets
from sync.resync import resync as resyncing
from sync.types import Lane, Wanted


def asked(**values: Any) -> list[Binding]:
    return list(Binding.objects.filter(**values).order_by("pk"))


def test_a_queryset_is_asked_for_whole(products: list[Product], connection: Connection) -> None:
    assert resync(Product.objects.all()) == 5
    rows = asked()
    assert {row.object_id for row in rows} == {str(product.pk) for product in products}
    assert {(row.wanted, row.object_type, row.model) for row in rows} == {(Wanted.PUSH, "product", "shop.product")}
    assert {row.connection for row in rows} == {connection}


def test_one_instance_is_enough(category: Category) -> None:
    assert resync(category) == 1
    assert asked()[0].object_id == str(category.pk)


def test_instances_of_several_models_go_to_their_own_types(category: Category, products: list[Product]) -> None:
    assert resync([category, *products]) == 6
    assert len(asked(object_type="category")) == 1
    assert len(asked(object_type="product")) == 5


def test_nothing_to_ask_for_asks_for_nothing() -> None:
    assert resync(Product.objects.none()) == 0
    assert resync([]) == 0


def test_who_and_why_stand_on_the_binding(category: Category) -> None:
    resync(category, actor="ada", reason="price was wrong")
    assert asked()[0].actor == "ada (price was wrong)"


def test_the_actor_of_the_context_is_taken_where_none_is_given(category: Category) -> None:
    with capture.actor("import"):
        resync(category)
    assert asked()[0].actor == "import"


def test_a_verifying_read_can_be_asked_for(category: Category) -> None:
    resync(category, wanted=Wanted.VERIFY)
    assert asked()[0].wanted == Wanted.VERIFY


def test_few_go_live_and_many_go_as_bulk(category: Category) -> None:
    Product.objects.bulk_create(
        [Product(category=category, name="n", sku=f"s{n}", price=1) for n in range(resync_few() + 1)]
    )
    resync(Product.objects.order_by("pk")[: resync_few()])
    assert {row.lane for row in asked()} == {Lane.LIVE}
    Binding.objects.all().delete()
    resync(Product.objects.all())
    assert {row.lane for row in asked()} == {Lane.BULK}


def resync_few() -> int:
    return 100


def test_a_person_s_request_does_not_wait_for_a_backoff(category: Category, connection: Connection) -> None:
    bindings.ask(connection.pk, "category", [str(category.pk)], wanted=Wanted.AUTO)
    later = asked()[0].due_at.replace(year=2100)
    Binding.objects.update(due_at=later, attempts=4, state=State.RETRYING)
    resync(category)
    assert asked()[0].due_at < later


def test_a_large_queryset_is_read_in_pages(category: Category) -> None:
    Product.objects.bulk_create([Product(category=category, name="n", sku=f"s{n}", price=1) for n in range(2100)])
    with CaptureQueriesContext(
        database,
    ) as queries:
        assert resync(Product.objects.order_by("-name")) == 2100
    pages = [q["sql"] for q in queries if 'FROM "shop_product"' in q["sql"]]
    assert len(pages) == 4
    assert all("LIMIT 1000" in sql for sql in pages)


@pytest.mark.parametrize("shape", ["sliced", "union"])
def test_a_queryset_that_cannot_be_paged_by_key_is_read_all_the_same(shape: str, products: list[Product]) -> None:
    rows = Product.objects.order_by()
    chosen = (
        rows.order_by("pk")[1:4]
        if shape == "sliced"
        else rows.filter(sku="saw-1").union(rows.filter(sku__in=["saw-2", "saw-3"]))
    )
    assert resync(chosen) == 3
    assert {row.object_id for row in asked()} == {str(product.pk) for product in products[1:4]}


def test_every_account_is_asked_unless_one_is_named(category: Category, connection: Connection) -> None:
    other = Connection.objects.create(integrator="shop", name="berlin")
    assert resync(category) == 2
    assert resync(category, connection="berlin") == 1
    assert {row.connection: row.seq for row in asked()} == {connection: 1, other: 2}


def test_an_unregistered_model_is_refused(db: None) -> None:
    group = Group.objects.create(name="staff")
    with pytest.raises(NotSyncable) as caught:
        resync(group)
    assert caught.value.code == "not_registered"
    assert "auth.group" in str(caught.value)


def test_an_unsaved_object_is_refused() -> None:
    with pytest.raises(NotSyncable) as caught:
        resync(Category(name="new"))
    assert caught.value.code == "not_saved"


def test_an_unknown_integrator_is_refused_with_the_nearest_name(category: Category) -> None:
    with pytest.raises(UnknownIntegrator, match="did you mean 'shop'"):
        resync(category, integrator="shopp")


def test_an_unknown_account_is_refused(category: Category) -> None:
    with pytest.raises(NotSyncable) as caught:
        resync(category, connection="paris")
    assert caught.value.code == "unknown_connection"


def test_a_proxy_is_asked_for_as_its_concrete_model() -> None:
    assert [target.object_type for target in targets("shop.product")] == ["product"]


def test_it_rings_when_the_transaction_has_committed(
    category: Category, connection: Connection, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[list[int]] = []
    monkeypatch.setattr("sync.wake.ring", lambda ids: rung.append(list(ids)))
    with django_capture_on_commit_callbacks(execute=True):
        resyncing(category)
        assert rung == []
    assert rung == [[connection.pk]]


def test_bindings_are_asked_for_again_although_their_rows_are_gone(connection: Connection) -> None:
    bindings.ask(connection.pk, "product", ["7", "8"], wanted=Wanted.AUTO, model="shop.product")
    bindings.ask(connection.pk, "category", ["1"], wanted=Wanted.AUTO, model="shop.category")
    assert again(Binding.objects.exclude(object_id="8"), actor="ada", wanted=Wanted.VERIFY) == 2
    assert [(row.object_id, row.wanted, row.seq) for row in asked()] == [
        ("7", Wanted.VERIFY, 2),
        ("8", Wanted.AUTO, 1),
        ("1", Wanted.VERIFY, 2),
    ]


def test_many_bindings_go_as_bulk_page_by_page(connection: Connection) -> None:
    bindings.ask(connection.pk, "product", [str(n) for n in range(1500)], wanted=Wanted.AUTO, lane=Lane.BULK)
    assert again(Binding.objects.all()) == 1500
    assert {(row.lane, row.seq) for row in asked()} == {(Lane.BULK, 2)}
