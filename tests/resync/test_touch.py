"""Changes for rows that were written past capture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from sync import NotSyncable, actor, sync_touch
from sync.models import Change
from sync.types import Lane
from sync.wake import doorbell
from tests.zoo.models import Animal, Bird, Enclosure, Feeding, Keeper, Penguin, Ticket
from tests.zoo.registration import empty_registry, integrator

pytestmark = pytest.mark.django_db


@pytest.fixture
def register() -> Iterator[Callable[..., None]]:
    from sync import registry

    with empty_registry():
        yield lambda *models: registry.register(integrator("zoo", *models))


def touched() -> list[tuple[str, str]]:
    rows = [(row.model.removeprefix("zoo."), row.object_id) for row in Change.objects.all()]
    Change.objects.all().delete()
    return sorted(rows)


def test_every_row_of_the_queryset_is_recorded_as_bulk_with_who_and_why(register: Callable[..., None]) -> None:
    keepers = Keeper.objects.bulk_create([Keeper(name=name) for name in "abc"])
    register(Keeper)
    with actor("ann"):
        assert sync_touch(Keeper.objects.exclude(name="c"), reason="an import of 2019") == 2
    rows = Change.objects.order_by("object_id")
    assert [row.object_id for row in rows] == sorted(str(keeper.pk) for keeper in keepers[:2])
    assert {(row.kind, row.lane, row.actor, row.reason) for row in rows} == {
        ("save", Lane.BULK, "ann", "an import of 2019")
    }


def test_it_costs_the_same_for_many_rows(register: Callable[..., None]) -> None:
    Keeper.objects.bulk_create([Keeper(name="a") for _ in range(7_000)])
    register(Keeper)
    with CaptureQueriesContext(connection) as queries:
        assert sync_touch(Keeper.objects.all()) == 7_000
    assert Change.objects.values("object_id").distinct().count() == 7_000
    if connection.vendor == "postgresql":
        assert len([query for query in queries if "INSERT" in query["sql"]]) == 1


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [
        (lambda rows: rows.none(), 0),
        (lambda rows: rows.order_by("name")[:2], 2),
        (lambda rows: rows.filter(animals__legs=4), 1),
        (lambda rows: rows.filter(name="a") | rows.filter(name="b"), 2),
        (lambda rows: rows.filter(name="a").union(rows.filter(name="b")), 2),
        (lambda rows: rows.defer("name").select_related(), 3),
    ],
)
def test_any_queryset_will_do(register: Callable[..., None], narrow: Callable[[Any], Any], expected: int) -> None:
    keepers = Keeper.objects.bulk_create([Keeper(name=name) for name in "abc"])
    for name in "xy":
        Animal.objects.create(name=name).keepers.add(keepers[0])
    register(Keeper)
    assert sync_touch(narrow(Keeper.objects.all())) == expected == len(touched())


def test_keys_of_every_kind_are_rendered_as_a_save_would(register: Callable[..., None]) -> None:
    Ticket.objects.create(code="it's ✓")
    Feeding.objects.create(animal=7, day=date(2026, 5, 1))
    register(Ticket, Feeding)
    sync_touch(Ticket.objects.all())
    sync_touch(Feeding.objects.all())
    assert touched() == [("feeding", '["7","2026-05-01"]'), ("ticket", "it's ✓")]


def test_those_that_share_tables_with_it_are_touched_too(register: Callable[..., None]) -> None:
    penguin = Penguin.objects.create(name="p")
    other = Animal.objects.create(name="a")
    register(Animal, Penguin)
    assert sync_touch(Bird.objects.all()) == 2
    assert touched() == [("animal", str(penguin.pk)), ("penguin", str(penguin.pk))]
    assert sync_touch(Animal.objects.all()) == 3
    expected = [("animal", str(penguin.pk)), ("animal", str(other.pk)), ("penguin", str(penguin.pk))]
    assert touched() == sorted(expected)


def test_it_goes_with_a_rolled_back_transaction(register: Callable[..., None]) -> None:
    Keeper.objects.create(name="a")
    register(Keeper)
    savepoint = transaction.savepoint()
    sync_touch(Keeper.objects.all())
    transaction.savepoint_rollback(savepoint)
    assert touched() == []


@pytest.mark.django_db(transaction=True)
def test_it_rings_once_after_the_commit(register: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    rings: list[list[int]] = []
    monkeypatch.setattr(doorbell, "ring", lambda ids, **_: rings.append(list(ids)))
    monkeypatch.setattr(doorbell, "is_muted", lambda: False)
    Penguin.objects.create(name="p")
    register(Animal, Penguin)
    with transaction.atomic():
        sync_touch(Penguin.objects.all())
        assert rings == []
    assert len(rings) == 1


def test_a_model_that_nobody_registered_is_refused(register: Callable[..., None]) -> None:
    with pytest.raises(NotSyncable, match=r"zoo\.enclosure is not registered"):
        sync_touch(Enclosure.objects.all())
