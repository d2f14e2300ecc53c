from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from examples.shop.models import Product
from sync.exceptions import ConfigurationError, ObjectBusy, UnknownObjectType
from sync.models import Backfill, Binding, Connection, Phase
from sync.resync import Progress, runs


def asked() -> int:
    return Binding.objects.count()


def test_a_run_is_a_row_and_ends_as_finished(products: list[Product], connection: Connection) -> None:
    row = runs.begin(connection, actor="anna")
    assert (row.total, row.object_types, row.object_type) == (
        6,
        ["category", "product", "customer", "order"],
        "category",
    )
    progress = runs.go_on(row)
    assert (progress.finished, progress.asked, asked()) == (True, 6, 6)
    row.refresh_from_db()
    assert (row.phase, row.scanned, row.asked, row.actor) == (Phase.FINISHED, 6, 6, "anna")


def test_somebody_may_pause_it_from_elsewhere(products: list[Product], connection: Connection) -> None:
    row = runs.begin(connection, ["product"])

    def pausing(progress: Progress) -> None:
        if progress.asked == 4:
            assert runs.pause(Backfill.objects.get())

    progress = runs.go_on(row, batch=2, on_progress=pausing)
    assert (progress.finished, row.phase, asked()) == (False, Phase.PAUSED, 5)
    runs.go_on(runs.resume(row), batch=2)
    assert (row.phase, asked(), row.scanned, row.asked) == (Phase.FINISHED, 5, 5, 4)


def test_what_breaks_it_off_pauses_it_at_its_place(products: list[Product], connection: Connection) -> None:
    row = runs.begin(connection, ["product"])

    def breaking(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.go_on(row, batch=2, on_progress=breaking)
    assert (row.phase, row.object_type, row.after, row.scanned) == (
        Phase.PAUSED,
        "product",
        str(products[1].pk),
        2,
    )
    Binding.objects.all().delete()
    runs.go_on(runs.resume(row), batch=2)
    assert set(Binding.objects.values_list("object_id", flat=True)) == {str(each.pk) for each in products[2:]}


def test_a_limit_stops_it_and_resuming_takes_the_rest(products: list[Product], connection: Connection) -> None:
    row = runs.begin(connection, limit=3)
    assert not runs.go_on(row).finished
    assert (row.phase, row.left, row.scanned, asked()) == (Phase.LIMITED, 0, 3, 3)
    assert runs.go_on(runs.resume(row)).finished
    assert (row.scanned, row.asked, asked()) == (6, 6, 6)


def test_two_are_not_under_way_at_once(products: list[Product], connection: Connection) -> None:
    row = runs.begin(connection)
    with pytest.raises(ObjectBusy):
        runs.begin(connection)
    with pytest.raises(ObjectBusy):
        runs.resume(row)
    Backfill.objects.update(updated_at=timezone.now() - dt.timedelta(seconds=runs.SILENT_S + 1))
    row.refresh_from_db()
    assert runs.go_on(runs.resume(row)).finished


def test_one_that_was_taken_up_elsewhere_leaves_off(products: list[Product], connection: Connection) -> None:
    row = runs.begin(connection, ["product"])
    Backfill.objects.update(updated_at=timezone.now() - dt.timedelta(seconds=runs.SILENT_S + 1))
    other = runs.resume(Backfill.objects.get())
    assert not runs.go_on(row, batch=2).finished
    assert runs.go_on(other).finished


def test_one_that_has_ended_is_not_resumed(products: list[Product], connection: Connection) -> None:
    row = runs.begin(connection)
    runs.go_on(row)
    with pytest.raises(ObjectBusy, match="has ended"):
        runs.resume(row)
    assert runs.latest(connection) == row
    assert not runs.pause(row)


def test_an_account_without_rows_is_done_at_once(connection: Connection) -> None:
    assert runs.latest(connection) is None
    assert runs.go_on(runs.begin(connection)).finished


def test_what_is_wrong_is_refused(connection: Connection) -> None:
    with pytest.raises(UnknownObjectType):
        runs.begin(connection, ["produkt"])
    with pytest.raises(ConfigurationError):
        runs.begin(connection, limit=-1)
    with pytest.raises(ConfigurationError):
        runs.go_on(runs.begin(connection), batch=0)
