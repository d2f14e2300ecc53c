from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import CommandError

from examples.shop.models import Category, Product
from sync.models import Binding, Connection
from sync.types import Wanted

Run = Callable[..., str]


def ids() -> set[str]:
    return set(Binding.objects.filter(object_type="product").values_list("object_id", flat=True))


def test_a_model_is_asked_for_whole(products: list[Product], run: Run) -> None:
    text = run("crudsync_resync", "shop.Product", "--actor", "ada", "--reason", "night shift")
    assert "shop.product: 5" in text
    assert "5 asked for" in text
    assert Binding.objects.count() == 5
    row = Binding.objects.first()
    assert row is not None
    assert (row.wanted, row.actor) == (Wanted.PUSH, "ada (night shift)")


def test_ids_narrow_it(products: list[Product], run: Run) -> None:
    run("crudsync_resync", "shop.product", str(products[0].pk), str(products[2].pk))
    assert ids() == {str(products[0].pk), str(products[2].pk)}


def test_filters_narrow_it(products: list[Product], run: Run) -> None:
    run("crudsync_resync", "shop.Product", "--filter", "sku=saw-1")
    assert ids() == {str(products[1].pk)}


@pytest.mark.parametrize(
    ("value", "found"), [("parent=null", 1), ("parent__isnull=false", 0), ("parent__isnull=true", 1)]
)
def test_filters_know_null_true_and_false(value: str, found: int, category: Category, run: Run) -> None:
    assert f"{found} asked for" in run("crudsync_resync", "shop.Category", "--filter", value)


def test_verify_reads_first(products: list[Product], run: Run) -> None:
    run("crudsync_resync", "shop.Product", "--verify")
    assert set(Binding.objects.values_list("wanted", flat=True)) == {Wanted.VERIFY}


def test_a_dry_run_only_counts(products: list[Product], connection: Connection, run: Run) -> None:
    Connection.objects.create(integrator="shop", name="berlin")
    assert "10 would be asked for" in run("crudsync_resync", "shop.Product", "--dry-run")
    assert "5 would be asked for" in run("crudsync_resync", "shop.Product", "--dry-run", "--connection", "berlin")
    assert not Binding.objects.exists()


def test_an_integrator_stands_for_all_of_its_models(products: list[Product], run: Run) -> None:
    assert "6 asked for" in run("crudsync_resync", "shop")
    assert set(Binding.objects.values_list("object_type", flat=True)) == {"category", "product"}


def test_an_integrator_s_object_types_can_be_named(products: list[Product], run: Run) -> None:
    assert "1 asked for" in run("crudsync_resync", "shop", "category")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shop.Produkt"], "there is no model 'shop.Produkt'"),
        (["shop.Product", "abc"], "'abc' cannot be a primary key of shop.Product"),
        (["shop.Product", "--filter", "colour=red"], "--filter colour=red: Cannot resolve keyword"),
        (["shop.Product", "--filter", "red"], "write it as field=value"),
        (["shop.Product", "--filter", "pk=red"], "--filter pk=red"),
        (["auth.Group"], r"auth.group is not registered.*\[not_registered\]"),
        (["shopp"], r"did you mean 'shop'\?.*\[unknown_integrator\]"),
        (["shop", "produkt"], r"no object type 'produkt'.*\[unknown_object_type\]"),
        (["shop", "--integrator", "shop"], "--integrator goes with a model"),
        (["shop.Product", "--connection", "paris"], r"\[unknown_connection\]"),
        (["shop.Product", "--integrator", "nobody"], r"\[unknown_integrator\]"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], message: str, products: list[Product], run: Run) -> None:
    from django.contrib.auth.models import Group

    Group.objects.create(name="staff")
    with pytest.raises(CommandError, match=message):
        run("crudsync_resync", *words)
