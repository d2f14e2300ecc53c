"""What changes a row without saving it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from sync.capture import no_sync
from tests.capture.conftest import Register
from tests.zoo.models import Animal, Enclosure, Keeper, Member, Pet, Seat, Ticket

Changes = Callable[[], list[tuple[str, Any, str]]]
pytestmark = pytest.mark.django_db


@pytest.fixture
def keepers() -> list[Keeper]:
    return [Keeper.objects.create(name=name) for name in ("Ann", "Bob")]


@pytest.fixture
def animals(register: Register, changes: Changes) -> list[Animal]:
    made = [Animal.objects.create(name=name) for name in ("Rex", "Leo", "Kim")]
    register(Animal)
    return made


def related(*animals: Animal) -> list[tuple[str, Any, str]]:
    return sorted(("animal", animal.pk, "relation") for animal in animals)


# --- many-to-many, from the row that has the field -------------------------------------------------------------------


@pytest.mark.parametrize(
    "work",
    [
        lambda animal, keepers: animal.keepers.add(keepers[1]),
        lambda animal, keepers: animal.keepers.remove(keepers[0]),
        lambda animal, keepers: animal.keepers.clear(),
        lambda animal, keepers: animal.keepers.set([keepers[0], keepers[1]]),
        lambda animal, keepers: animal.keepers.create(name="Cy"),
    ],
    ids=["add", "remove", "clear", "set", "create"],
)
def test_a_relation_changed_forwards_is_a_change(
    animals: list[Animal], keepers: list[Keeper], changes: Changes, work: Callable[[Animal, list[Keeper]], None]
) -> None:
    animals[0].keepers.add(keepers[0])
    changes()
    work(animals[0], keepers)
    assert changes() == related(animals[0])


def test_adding_what_is_there_already_is_no_change(
    animals: list[Animal], keepers: list[Keeper], changes: Changes
) -> None:
    animals[0].keepers.add(*keepers)
    changes()
    animals[0].keepers.add(keepers[0])
    animals[0].keepers.set(keepers)
    animals[0].keepers.add()
    assert changes() == []


@pytest.mark.django_db(transaction=True)
def test_under_autocommit_the_relation_and_its_change_are_one_transaction(
    animals: list[Animal], keepers: list[Keeper], changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.capture.record.point", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        animals[0].keepers.add(keepers[0])
    assert not connection.in_atomic_block
    assert (animals[0].keepers.count(), changes()) == (0, [])


# --- from the other side ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "which"),
    [
        (lambda keeper, animals: keeper.animals.add(animals[1], animals[2]), (1, 2)),
        (lambda keeper, animals: keeper.animals.remove(animals[0]), (0,)),
        (lambda keeper, animals: keeper.animals.clear(), (0,)),
        (lambda keeper, animals: keeper.animals.set([animals[1]]), (0, 1)),
        (lambda keeper, animals: keeper.animals.set([animals[1]], clear=True), (0, 1)),
    ],
    ids=["add", "remove", "clear", "set", "set-clear"],
)
def test_a_relation_changed_backwards_is_a_change_of_the_rows_that_have_the_field(
    animals: list[Animal],
    keepers: list[Keeper],
    changes: Changes,
    work: Callable[[Keeper, list[Animal]], None],
    which: tuple[int, ...],
) -> None:
    animals[0].keepers.add(keepers[0])
    changes()
    work(keepers[0], animals)
    assert sorted(changes()) == related(*(animals[number] for number in which))


def test_the_other_side_is_no_part_of_the_relation(register: Register, keepers: list[Keeper], changes: Changes) -> None:
    register(Keeper)
    animal = Animal.objects.create(name="Rex")
    animal.keepers.add(*keepers)
    keepers[0].animals.clear()
    assert changes() == []


def test_a_proxy_changes_the_relations_of_the_row_it_stands_for(
    animals: list[Animal], keepers: list[Keeper], changes: Changes
) -> None:
    pet = Pet.objects.get(pk=animals[0].pk)
    pet.keepers.add(keepers[0])
    keepers[0].animals.clear()
    assert changes() == related(animals[0]) * 2


# --- to rows of the same model ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "work",
    [
        lambda animal, other: animal.friends.remove(other),
        lambda animal, other: animal.friends.clear(),
        lambda animal, other: animal.friends.set([]),
    ],
    ids=["remove", "clear", "set"],
)
def test_a_symmetrical_relation_is_a_change_of_both_rows(
    animals: list[Animal], changes: Changes, work: Callable[[Animal, Animal], None]
) -> None:
    animals[0].friends.add(animals[1])
    assert sorted(changes()) == related(*animals[:2])
    work(animals[0], animals[1])
    assert sorted(changes()) == related(*animals[:2])


def test_a_relation_to_the_same_model_is_a_change_of_the_row_that_has_it(
    animals: list[Animal], changes: Changes
) -> None:
    animals[0].rivals.add(animals[1])
    animals[2].rivals.add(animals[1])
    assert changes() == [*related(animals[0]), *related(animals[2])]
    animals[1].rivalled_by.clear()
    assert sorted(changes()) == related(animals[0], animals[2])
    animals[0].rivals.add(animals[1])
    changes()
    animals[0].rivals.clear()
    assert changes() == related(animals[0])


# --- the end of a row that others refer to ---------------------------------------------------------------------------


def test_the_end_of_a_related_row_is_a_change_of_those_that_it_was_related_to(
    animals: list[Animal], keepers: list[Keeper], changes: Changes
) -> None:
    keepers[0].animals.add(animals[0], animals[2])
    changes()
    keepers[0].delete()
    assert sorted(changes()) == related(animals[0], animals[2])
    Keeper.objects.all().delete()
    assert changes() == []


def test_a_reference_that_is_nulled_with_the_row_it_leads_to_is_a_change(
    animals: list[Animal], changes: Changes
) -> None:
    enclosure = Enclosure.objects.create(name="A")
    with no_sync("to begin with"):
        enclosure.animals.set(animals[:2])
    enclosure.delete()
    assert sorted(changes()) == sorted(("animal", animal.pk, "save") for animal in animals[:2])
    assert not Animal.objects.filter(enclosure__isnull=False).exists()


def test_nothing_is_captured_of_relations_where_capture_is_off(
    animals: list[Animal], keepers: list[Keeper], changes: Changes
) -> None:
    enclosure = Enclosure.objects.create(name="A")
    with no_sync("an import"):
        animals[0].keepers.add(keepers[0])
        enclosure.animals.add(animals[0])
        keepers[0].delete()
        enclosure.delete()
    assert changes() == []


# --- related managers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "which"),
    [
        (lambda enclosure, animals: enclosure.animals.add(animals[1], animals[2]), (1, 2)),
        (lambda enclosure, animals: enclosure.animals.add(animals[1], bulk=False), (1,)),
        (lambda enclosure, animals: enclosure.animals.remove(animals[0]), (0,)),
        (lambda enclosure, animals: enclosure.animals.clear(), (0,)),
        (lambda enclosure, animals: enclosure.animals.set([animals[1]]), (0, 1)),
        (lambda enclosure, animals: enclosure.animals.update(legs=3), (0,)),
        (lambda enclosure, animals: enclosure.animals.all().update(legs=3), (0,)),
    ],
    ids=["add", "add-one-by-one", "remove", "clear", "set", "update", "update-all"],
)
def test_what_a_related_manager_writes_is_captured(
    animals: list[Animal],
    changes: Changes,
    work: Callable[[Enclosure, list[Animal]], None],
    which: tuple[int, ...],
) -> None:
    enclosure = Enclosure.objects.create(name="A")
    enclosure.animals.add(animals[0])
    changes()
    work(enclosure, animals)
    assert sorted(changes()) == sorted(("animal", animals[number].pk, "save") for number in which)


def test_a_related_manager_refuses_what_django_refuses(animals: list[Animal], changes: Changes) -> None:
    enclosure = Enclosure.objects.create(name="A")
    with pytest.raises(TypeError, match="instance expected"):
        enclosure.animals.add(enclosure)
    with pytest.raises(ValueError, match="isn't saved"):
        enclosure.animals.add(Animal(name="unsaved"))
    assert not connection.needs_rollback
    assert changes() == []


def test_rows_of_a_relation_with_a_model_of_its_own_are_seen_where_django_says_so(
    register: Register, changes: Changes
) -> None:
    register(Ticket)
    ticket, enclosure = Ticket.objects.create(code="a"), Enclosure.objects.create(name="A")
    changes()
    ticket.seats.add(enclosure, through_defaults={"row": 3})
    assert changes() == [("ticket", "a", "relation")]
    Seat.objects.get().delete()  # a row of another model: register that, or save the ticket
    assert changes() == []


def test_rows_that_are_related_by_another_column_than_their_key_are_found(register: Register, changes: Changes) -> None:
    register(Member)
    member, club = Member.objects.create(number="0815"), Enclosure.objects.create(name="A")
    changes()
    member.clubs.add(club)
    club.members.clear()
    club.members.add(member)
    club.delete()
    assert changes() == [("member", member.pk, "relation")] * 4
