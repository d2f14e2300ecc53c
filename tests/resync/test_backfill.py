from __future__ import annotations

import pytest

from examples.shop.models import Category, Customer, Order, Product
from sync import bindings
from sync.exceptions import ConfigurationError, NotSyncable, UnknownIntegrator, UnknownObjectType
from sync.models import Binding, Connection
from sync.resync import Progress, backfill
from sync.types import Lane, Wanted


def test_every_row_without_a_binding_is_asked_for_in_the_bulk_lane(
    products: list[Product], connection: Connection
) -> None:
    progress = backfill("shop", "product")
    rows = Binding.objects.filter(object_type="product")
    assert progress.asked == rows.count() == 5
    assert progress.finished
    assert {(row.lane, row.wanted, row.connection_id) for row in rows} == {(Lane.BULK, Wanted.AUTO, connection.pk)}


def test_rows_that_have_a_binding_are_left_alone(products: list[Product], connection: Connection) -> None:
    known = str(products[0].pk)
    bindings.ask(connection.pk, "product", [known], wanted=Wanted.AUTO)
    assert backfill("shop", "product").asked == 4
    assert Binding.objects.get(object_id=known).seq == 1


def test_a_second_run_asks_for_nothing(products: list[Product]) -> None:
    backfill("shop")
    assert backfill("shop").asked == 0


def test_it_goes_on_after_it_was_broken_off(products: list[Product]) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backfill("shop", "product", batch=2, on_progress=stop)
    assert Binding.objects.count() == 2
    assert backfill("shop", "product", batch=2).asked == 3


def test_a_limit_ends_it_and_says_so(products: list[Product]) -> None:
    progress = backfill("shop", "product", limit=2)
    assert (progress.asked, progress.finished) == (2, False)
    assert backfill("shop", "product", limit=2).asked == 2
    assert backfill("shop", "product", limit=2).finished


def test_a_limit_holds_for_all_types_together(products: list[Product], customers: list[Customer]) -> None:
    assert backfill("shop", limit=3).asked == 3
    assert Binding.objects.count() == 3


def test_rows_that_sync_when_leaves_out_are_not_asked_for(customers: list[Customer]) -> None:
    assert backfill("shop", "customer").asked == 3
    active = {str(row.pk) for row in customers if row.is_active}
    assert set(Binding.objects.values_list("object_id", flat=True)) == active


def test_parents_come_before_their_children(products: list[Product], customers: list[Customer]) -> None:
    Order.objects.create(customer=customers[0], number="1")
    seen: list[str] = []
    backfill("shop", on_progress=lambda progress: seen.append(progress.object_type))
    assert seen.index("category") < seen.index("product")
    assert seen.index("customer") < seen.index("order")


def test_progress_is_told_after_each_batch(products: list[Product]) -> None:
    told: list[Progress] = []
    backfill("shop", "product", batch=2, on_progress=told.append)
    assert [(p.scanned, p.asked, p.total) for p in told] == [(2, 2, 5), (4, 4, 5), (5, 5, 5), (5, 5, 5)]
    assert told[-1].object_type == ""
    assert told[-1].eta_s == 0


def test_the_eta_follows_the_pace_so_far() -> None:
    assert Progress(total=100).eta_s is None
    assert Progress(total=100, scanned=25, elapsed_s=5.0).eta_s == 15.0
    assert Progress(total=100, scanned=120, elapsed_s=5.0).eta_s == 0.0


def test_the_share_of_an_empty_table_is_whole() -> None:
    assert Progress().share == 1.0
    assert Progress(total=4, scanned=1).share == 0.25
    assert Progress(total=4, scanned=9).share == 1.0


def test_an_empty_table_is_done_at_once() -> None:
    assert backfill("shop").finished


def test_another_account_can_be_filled(category: Category) -> None:
    other = Connection.objects.create(integrator="shop", name="berlin")
    assert backfill("shop", "category", "berlin").asked == 1
    assert Binding.objects.get().connection == other


def test_an_unknown_account_is_refused(category: Category) -> None:
    with pytest.raises(NotSyncable):
        backfill("shop", "category", "paris")


def test_an_unknown_type_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownObjectType, match="category, customer, order, product"):
        backfill("shop", "produkt")


def test_an_unknown_integrator_is_refused() -> None:
    with pytest.raises(UnknownIntegrator):
        backfill("nobody")


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"limit": -1}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        backfill("shop", **wrong)
