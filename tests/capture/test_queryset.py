"""Bulk writes, of which Django says nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Value
from django.db.models.functions import Concat, Upper

from sync.capture import SyncQuerySet, no_sync
from sync.models import Change
from sync.types import Lane
from tests.capture.conftest import Register
from tests.zoo.models import Animal, Enclosure, Feeding, Keeper, Note, Ticket

Changes = Callable[[], list[tuple[str, Any, str]]]
pytestmark = pytest.mark.django_db


@pytest.fixture
def animals(register: Register) -> list[Animal]:
    made = [Animal.objects.create(name=name, legs=legs) for name, legs in (("Rex", 4), ("Leo", 4), ("Kim", 2))]
    register(Animal)
    return made


def saved(*animals: Animal) -> list[tuple[str, Any, str]]:
    return sorted(("animal", animal.pk, "save") for animal in animals)


# --- update ----------------------------------------------------------------------------------------------------------


def test_an_update_captures_the_rows_that_it_changes(animals: list[Animal], changes: Changes) -> None:
    assert Animal.objects.filter(legs=4).update(legs=3) == 2
    assert sorted(changes()) == saved(*animals[:2])


def test_an_update_of_nothing_captures_nothing(animals: list[Animal], changes: Changes) -> None:
    assert Animal.objects.filter(legs=100).update(legs=3) == 0
    assert Animal.objects.none().update(legs=3) == 0
    assert changes() == []


def test_an_update_takes_f_expressions_and_annotations(animals: list[Animal], changes: Changes) -> None:
    loud = Animal.objects.annotate(loud=Concat(Upper("name"), Value("!")))
    assert loud.filter(legs__gt=2).update(name=F("loud"), legs=F("legs") + 1) == 2
    assert set(Animal.objects.values_list("name", "legs")) == {("REX!", 5), ("LEO!", 5), ("Kim", 2)}
    assert sorted(changes()) == saved(*animals[:2])


def test_an_update_of_rows_drawn_by_chance_changes_none_that_it_does_not_capture(
    register: Register, changes: Changes
) -> None:
    Animal.objects.bulk_create([Animal(name=str(number), legs=4) for number in range(200)])
    register(Animal)
    Animal.objects.filter(pk__in=Animal.objects.order_by("?").values_list("pk", flat=True)[:100]).update(legs=3)
    captured = {pk for _, pk, _ in changes()}
    assert set(Animal.objects.filter(legs=3).values_list("pk", flat=True)) <= captured


def test_an_update_takes_conditions_over_relations(animals: list[Animal], changes: Changes) -> None:
    keeper = Keeper.objects.create(name="Ann")
    enclosure = Enclosure.objects.create(name="A", head=keeper)
    with no_sync("to begin with"):
        keeper.animals.set(animals[:2])
        enclosure.animals.set(animals[1:])
    assert Animal.objects.filter(keepers__name="Ann", enclosure__head__name="Ann").update(legs=1) == 1
    assert changes() == saved(animals[1])
    assert Animal.objects.exclude(keepers=keeper).update(legs=1) == 1
    assert changes() == saved(animals[2])


def test_an_update_takes_ordered_distinct_and_aggregated_querysets(animals: list[Animal], changes: Changes) -> None:
    rows = Animal.objects.order_by("-name")
    assert rows.update(legs=1) == 3
    assert rows.distinct().update(legs=1) == 3
    assert rows.select_for_update().select_related("enclosure").update(legs=1) == 3
    assert len(changes()) == 9
    assert Animal.objects.annotate(cared=Count("keepers")).filter(cared=0).update(legs=2) == 3
    assert Animal.objects.values("legs").annotate(many=Count("pk")).update(legs=2) == 3
    assert Animal.objects.only("name").defer("legs").update(legs=2) == 3
    assert len(changes()) == 9


def test_a_row_that_a_join_finds_twice_is_captured_once(animals: list[Animal], changes: Changes) -> None:
    with no_sync("to begin with"):
        animals[0].keepers.set([Keeper.objects.create(name=name) for name in "ab"])
    Animal.objects.filter(keepers__isnull=False).update(legs=1)
    assert changes() == saved(animals[0])


@pytest.mark.parametrize(
    "work",
    [
        lambda: Animal.objects.all()[:1].update(legs=1),
        lambda: Animal.objects.all().union(Animal.objects.all()).update(legs=1),
        lambda: Animal.objects.update(wings=1),
        lambda: Animal.objects.update(keepers=1),
        lambda: Animal.objects.bulk_update([Animal(name="unsaved")], ["name"]),
        lambda: Animal.objects.bulk_update([], []),
        lambda: Animal.objects.bulk_create([], batch_size=-1),
    ],
    ids=["sliced", "union", "unknown", "relation", "unsaved", "no-fields", "batch-size"],
)
def test_what_django_refuses_is_refused_the_same_way(
    animals: list[Animal], changes: Changes, work: Callable[[], None]
) -> None:
    with no_sync("to compare"), pytest.raises(Exception) as plain, transaction.atomic():  # noqa: PT011 - any
        work()
    with pytest.raises(plain.type):
        work()
    assert not connection.needs_rollback
    assert changes() == []


def test_a_mistaken_update_does_not_break_the_transaction(animals: list[Animal]) -> None:
    with pytest.raises(FieldDoesNotExist):
        Animal.objects.update(wings=1)
    assert Animal.objects.count() == 3


def test_an_update_forgets_what_the_queryset_had_read(animals: list[Animal]) -> None:
    rows = Animal.objects.filter(legs=4)
    assert len(rows) == 2
    rows.update(legs=5)
    assert list(rows) == []


def test_an_update_of_the_key_captures_both_objects(register: Register, changes: Changes) -> None:
    Ticket.objects.create(code="old")
    register(Ticket)
    Ticket.objects.filter(pk="old").update(code="new")
    assert changes() == [("ticket", "old", "save"), ("ticket", "new", "save")]
    Ticket.objects.update(code=Concat("code", Value("er")))
    assert changes() == [("ticket", "new", "save")]


def test_a_key_of_two_columns_can_be_updated_by(register: Register, changes: Changes) -> None:
    Feeding.objects.create(animal=3, day=date(2026, 1, 2))
    register(Feeding)
    assert Feeding.objects.update(grams=5) == 1
    Feeding.objects.bulk_create([Feeding(animal=4, day=date(2026, 1, 2))])
    assert changes() == [("feeding", '["3","2026-01-02"]', "save"), ("feeding", '["4","2026-01-02"]', "save")]


def test_writes_of_async_code_are_captured(animals: list[Animal], changes: Changes) -> None:
    async def work() -> None:
        await Animal.objects.filter(pk=animals[0].pk).aupdate(legs=1)
        await animals[1].asave()
        await Animal.objects.abulk_update([animals[2]], ["legs"])

    async_to_sync(work)()
    assert sorted(changes()) == saved(*animals)


def test_a_model_that_nobody_registered_is_left_to_django(register: Register, changes: Changes) -> None:
    register(Animal)
    Note.objects.bulk_create([Note(text="a")])
    Note.objects.update(text="b")
    Note.objects.bulk_update(Note.objects.all(), ["text"])
    assert changes() == []


def test_more_than_a_hundred_rows_go_into_the_bulk_lane(register: Register) -> None:
    register(Note)
    Note.objects.bulk_create([Note(text=str(number)) for number in range(101)])
    assert set(Change.objects.values_list("lane", flat=True)) == {Lane.BULK}
    Change.objects.all().delete()
    Note.objects.filter(text__in=[str(number) for number in range(100)]).update(text="x")
    assert list(Change.objects.values_list("lane", flat=True)) == [Lane.LIVE] * 100


def test_a_write_of_many_rows_takes_a_few_statements(
    register: Register, django_assert_max_num_queries: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(Note)
    Note.objects.bulk_create([Note(text=str(number)) for number in range(1200)])
    Change.objects.all().delete()
    monkeypatch.setattr("sync.capture.record.CHUNK", 500)
    with django_assert_max_num_queries(20):
        Note.objects.update(text="x")
    assert Change.objects.values("object_id").distinct().count() == 1200


# --- bulk_create -----------------------------------------------------------------------------------------------------


def test_rows_created_in_bulk_are_captured(register: Register, changes: Changes) -> None:
    register(Note)
    made = Note.objects.bulk_create(Note(text=text) for text in "ab")
    assert changes() == [("note", note.pk, "save") for note in made]
    assert Note.objects.bulk_create([]) == []
    assert changes() == []


def test_rows_created_or_updated_in_bulk_are_captured(register: Register, changes: Changes) -> None:
    register(Animal)
    there = Animal.objects.create(chip="a", name="old")
    changes()
    rows = [Animal(chip="a", name="new"), Animal(chip="b", name="new")]
    Animal.objects.bulk_create(rows, update_conflicts=True, update_fields=["name"], unique_fields=["chip"])
    added = Animal.objects.get(chip="b")
    assert sorted(changes()) == saved(there, added)


def test_rows_created_in_bulk_beside_conflicts_are_captured(register: Register, changes: Changes) -> None:
    register(Animal)
    Animal.objects.create(chip="a", name="old")
    changes()
    Animal.objects.bulk_create([Animal(chip=chip, name="new") for chip in "ab"], ignore_conflicts=True)
    added = Animal.objects.get(chip="b")
    assert added.name == "new"
    assert ("animal", added.pk, "save") in changes()


@pytest.mark.django_db(transaction=True)
def test_a_bulk_write_that_fails_leaves_no_change(register: Register, changes: Changes) -> None:
    register(Ticket)
    with pytest.raises(IntegrityError):
        Ticket.objects.bulk_create([Ticket(code="a"), Ticket(code="a")])
    Ticket.objects.bulk_create([Ticket(code="a"), Ticket(code="b")])
    changes()
    with pytest.raises(IntegrityError):
        Ticket.objects.filter(code="a").update(code="b")
    assert changes() == []
    assert not connection.in_atomic_block


# --- bulk_update -----------------------------------------------------------------------------------------------------


def test_rows_updated_in_bulk_are_captured_once(animals: list[Animal], changes: Changes) -> None:
    for animal in animals:
        animal.legs = 7
    assert Animal.objects.bulk_update((animal for animal in animals), ["legs"], batch_size=2) == 3
    assert changes() == saved(*animals)
    assert set(Animal.objects.values_list("legs", flat=True)) == {7}


def test_no_sync_leaves_bulk_writes_to_django(animals: list[Animal], changes: Changes) -> None:
    with no_sync("an import"):
        Animal.objects.update(legs=1)
        Animal.objects.bulk_update(animals, ["legs"])
        Animal.objects.bulk_create([Animal(name="new")])
    assert changes() == []


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_row_that_comes_to_match_in_between_is_not_updated_unseen(
    register: Register, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(Note)
    Note.objects.create(text="a")
    look = SyncQuerySet._pks

    def look_and_wait(self: SyncQuerySet[Note]) -> list[Any]:
        found = look(self)
        thread = threading.Thread(target=lambda: (Note.objects.create(text="a"), connection.close()))
        thread.start()
        thread.join(20)
        return found

    changes()
    monkeypatch.setattr(SyncQuerySet, "_pks", look_and_wait)
    assert Note.objects.filter(text="a").update(text="b") == 1
    recorded = {key for _, key, _ in changes()}
    assert set(Note.objects.filter(text="b").values_list("pk", flat=True)) <= recorded
    assert Note.objects.filter(text="a").count() == 1
