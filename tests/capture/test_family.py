"""Multi-table inheritance: a row that is spread over several tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.capture.conftest import Register
from tests.zoo.models import Animal, Bird, Enclosure, Keeper, Penguin, Pet, Swimmer

Changes = Callable[[], list[tuple[str, Any, str]]]
pytestmark = pytest.mark.django_db


def named(found: list[tuple[str, Any, str]]) -> list[str]:
    return sorted(model for model, _, _ in found)


def test_saving_a_child_captures_its_registered_parents(register: Register, changes: Changes) -> None:
    register(Animal)
    penguin = Penguin.objects.create(name="Pingu")
    assert changes() == [("animal", penguin.pk, "save")]
    penguin.save(update_fields=["name"])
    assert changes() == [("animal", penguin.pk, "save")]


def test_saving_a_child_captures_every_registered_model_of_the_line_once(register: Register, changes: Changes) -> None:
    register(Penguin, Bird, Animal)
    penguin = Penguin.objects.create(name="Pingu")
    assert sorted(changes()) == [(name, penguin.pk, "save") for name in ("animal", "bird", "penguin")]


def test_saving_a_row_as_its_parent_captures_the_child(register: Register, changes: Changes) -> None:
    register(Penguin)
    penguin = Penguin.objects.create(name="Pingu")
    Animal.objects.create(name="no bird")
    changes()
    Animal.objects.get(pk=penguin.pk).save()
    assert changes() == [("penguin", penguin.pk, "save")]
    Pet.objects.get(pk=penguin.pk).save()
    assert changes() == [("penguin", penguin.pk, "save")]


def test_saving_a_parent_that_is_no_such_child_captures_no_child(register: Register, changes: Changes) -> None:
    register(Penguin, Swimmer)
    Animal.objects.create(name="Rex").save()
    assert changes() == []


def test_saving_one_role_captures_the_other(register: Register, changes: Changes) -> None:
    register(Swimmer)
    penguin = Penguin.objects.create(name="Pingu")
    swimmer = Swimmer(animal_ptr=penguin.animal_ptr)
    swimmer.save_base(raw=True)
    changes()
    penguin.save()
    assert changes() == [("swimmer", penguin.pk, "save")]


def test_updating_children_captures_their_parents_and_other_roles(register: Register, changes: Changes) -> None:
    register(Animal, Bird, Penguin, Swimmer)
    penguin, bird = Penguin.objects.create(name="Pingu"), Bird.objects.create(name="Tweety")
    Swimmer(animal_ptr=penguin.animal_ptr).save_base(raw=True)
    changes()
    Bird.objects.update(name="both")
    found = changes()
    assert named(found) == ["animal", "animal", "bird", "bird", "penguin", "swimmer"]
    assert {key for _, key, _ in found} == {penguin.pk, bird.pk}
    assert set(Animal.objects.values_list("name", flat=True)) == {"both"}


def test_updating_parents_captures_children_although_only_those_are_registered(
    register: Register, changes: Changes
) -> None:
    register(Penguin)
    penguin = Penguin.objects.create(name="Pingu")
    Animal.objects.create(name="Rex")
    changes()
    Animal.objects.update(legs=2)
    assert changes() == [("penguin", penguin.pk, "save")]
    Animal.objects.bulk_update(Animal.objects.all(), ["legs"])
    assert changes() == [("penguin", penguin.pk, "save")]


def test_a_relation_of_the_parent_is_one_of_the_child(register: Register, changes: Changes) -> None:
    register(Penguin)
    penguin, keeper = Penguin.objects.create(name="Pingu"), Keeper.objects.create(name="Ann")
    changes()
    penguin.keepers.add(keeper)
    Animal.objects.get(pk=penguin.pk).keepers.clear()
    keeper.animals.add(penguin.animal_ptr)
    keeper.delete()
    assert changes() == [("penguin", penguin.pk, "relation")] * 4


def test_a_reference_of_the_parent_is_one_of_the_child(register: Register, changes: Changes) -> None:
    register(Penguin)
    penguin, enclosure = Penguin.objects.create(name="Pingu"), Enclosure.objects.create(name="A")
    changes()
    enclosure.animals.add(penguin.animal_ptr)
    enclosure.delete()
    assert changes() == [("penguin", penguin.pk, "save")] * 2


def test_deleting_a_row_captures_every_registered_model_of_the_line(register: Register, changes: Changes) -> None:
    register(Animal, Penguin)
    penguins = [Penguin.objects.create(name=name) for name in "ab"]
    keys = [penguin.pk for penguin in penguins]
    changes()
    penguins[0].delete()
    Animal.objects.get(pk=keys[1]).delete()
    assert sorted(changes()) == sorted((name, key, "delete") for name in ("animal", "penguin") for key in keys)


def test_a_child_that_goes_without_its_parent_is_captured_alone(register: Register, changes: Changes) -> None:
    register(Animal, Swimmer)
    swimmer = Swimmer.objects.create(name="Nemo")
    key = swimmer.pk
    changes()
    swimmer.delete(keep_parents=True)
    assert changes() == [("swimmer", key, "delete")]


def test_a_model_that_was_defined_after_the_start_belongs_to_its_family(register: Register, changes: Changes) -> None:
    register(Animal)

    class Guest(Animal):
        class Meta:
            proxy = True
            app_label = "zoo"

    register(Penguin, named="later")
    guest = Guest.objects.create(name="Rex")
    key = guest.pk
    guest.delete()
    assert changes() == [("animal", key, "save"), ("animal", key, "delete")]
