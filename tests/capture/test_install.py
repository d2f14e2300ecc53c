"""Saves and deletes: the Change is in the row's own transaction, and nothing else is different."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from django.core import serializers
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.models.signals import ModelSignal, post_save, pre_save
from django.test.utils import CaptureQueriesContext

from sync import capture, registry
from sync.capture import no_sync
from sync.models import Change
from tests.capture.conftest import Register
from tests.zoo.models import Animal, Enclosure, Feeding, Keeper, Note, Pet, Ticket
from tests.zoo.registration import integrator

Changes = Callable[[], list[tuple[str, Any, str]]]
autocommit = pytest.mark.django_db(transaction=True)
pytestmark = pytest.mark.django_db


@contextmanager
def listening(signal: ModelSignal, sender: type[models.Model], receiver: Callable[..., None]) -> Iterator[None]:
    signal.connect(receiver, sender=sender, weak=False)
    yield
    signal.disconnect(receiver, sender=sender)


def queries(work: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        work()
    return [query["sql"] for query in captured.captured_queries]


# --- the private signature -------------------------------------------------------------------------------------------


def test_django_saves_a_table_by_the_method_that_capture_wraps() -> None:
    parameters = inspect.signature(models.Model._save_table).parameters
    assert {name: parameter.default for name, parameter in parameters.items()} == {
        "self": inspect.Parameter.empty,
        "raw": False,
        "cls": None,
        "force_insert": False,
        "force_update": False,
        "using": None,
        "update_fields": None,
    }


def test_the_wrapper_has_the_signature_that_it_wraps(register: Register) -> None:
    register(Note)
    assert Note._save_table is not models.Model._save_table
    original = list(inspect.signature(models.Model._save_table).parameters)
    assert list(inspect.signature(Note._save_table, follow_wrapped=False).parameters) == original


def test_the_wrapper_hands_on_every_argument(register: Register) -> None:
    seen = {}

    class Spy:
        pass

    def original(self: Any, *args: Any) -> bool:
        seen["args"] = args
        return True

    from sync.capture.install import _capturing

    assert _capturing(original)(Spy(), True, Note, False, True, None, ["text"])
    assert seen["args"] == (True, Note, False, True, None, ["text"])


# --- saves -----------------------------------------------------------------------------------------------------------


def test_an_insert_and_an_update_are_captured(register: Register, changes: Changes) -> None:
    register(Note)
    note = Note.objects.create(text="a")
    note.text = "b"
    note.save()
    assert changes() == [("note", note.pk, "save")] * 2


def test_a_model_that_nobody_registered_is_not_captured(register: Register, changes: Changes) -> None:
    register(Note)
    Ticket.objects.create(code="x")
    assert changes() == []


def test_a_save_costs_one_query_more(register: Register) -> None:
    register(Note)
    plain, captured = Note(text="a"), Note(text="b")
    with no_sync("to compare"):
        without = queries(plain.save)
        without_update = queries(plain.save)
    assert len(queries(captured.save)) == len(without) + 1
    update = queries(captured.save)
    assert len(update) == len(without_update) + 1
    assert "crudsync_change" in update[-1]


@autocommit
def test_under_autocommit_the_row_and_its_change_are_one_transaction(register: Register, changes: Changes) -> None:
    register(Note)
    Note.objects.create(text="a")
    assert len(changes()) == 1
    assert not connection.in_atomic_block


@autocommit
def test_a_change_that_cannot_be_recorded_leaves_no_row(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    register(Note)
    monkeypatch.setattr("sync.capture.record.point", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Note.objects.create(text="a")
    assert (Note.objects.count(), Change.objects.count()) == (0, 0)


@autocommit
def test_the_hosts_own_receivers_keep_their_autocommit(register: Register) -> None:
    register(Note)
    seen: list[tuple[bool, int]] = []

    def receiver(**kwargs: Any) -> None:
        seen.append((connection.in_atomic_block, Change.objects.count()))

    with listening(pre_save, Note, receiver), listening(post_save, Note, receiver):
        Note.objects.create(text="a")
    assert seen == [(False, 0), (False, 1)]


@autocommit
def test_a_receiver_that_raises_undoes_nothing(register: Register) -> None:
    register(Note)

    def receiver(**kwargs: Any) -> None:
        raise ValueError("the host's")

    with listening(post_save, Note, receiver), pytest.raises(ValueError, match="the host's"):
        Note.objects.create(text="a")
    assert (Note.objects.count(), Change.objects.count()) == (1, 1)


def test_saving_some_fields_is_captured(register: Register, changes: Changes) -> None:
    note = Note.objects.create(text="a")
    register(Note)
    note.save(update_fields=["text"])
    note.save(update_fields=[])
    assert changes() == [("note", note.pk, "save")]


def test_getting_or_creating_is_captured_once_something_is_written(register: Register, changes: Changes) -> None:
    register(Ticket)
    Ticket.objects.get_or_create(code="a")
    Ticket.objects.get_or_create(code="a")
    assert changes() == [("ticket", "a", "save")]
    Ticket.objects.update_or_create(code="a", defaults={"price": 5})
    Ticket.objects.update_or_create(code="b", defaults={"price": 5})
    assert changes() == [("ticket", "a", "save"), ("ticket", "b", "save")]


def test_a_row_read_for_update_and_saved_is_captured(register: Register, changes: Changes) -> None:
    note = Note.objects.create(text="a")
    register(Note)
    with transaction.atomic():
        Note.objects.select_for_update().get(pk=note.pk).save()
    assert changes() == [("note", note.pk, "save")]


def test_a_loaded_fixture_is_captured(register: Register, changes: Changes) -> None:
    register(Note)
    text = '[{"model": "zoo.note", "pk": 77, "fields": {"text": "from a fixture"}}]'
    for row in serializers.deserialize("json", text):
        row.save()
    assert changes() == [("note", 77, "save")]


def test_a_key_of_two_columns_is_a_list_of_texts(register: Register, changes: Changes) -> None:
    register(Feeding)
    feeding = Feeding.objects.create(animal=3, day=date(2026, 1, 2))
    feeding.delete()
    assert changes() == [("feeding", '["3","2026-01-02"]', "save"), ("feeding", '["3","2026-01-02"]', "delete")]


def test_a_proxy_is_captured_as_the_model_it_stands_for(register: Register, changes: Changes) -> None:
    register(Animal)
    pet = Pet.objects.create(name="Rex")
    pet.delete()
    assert [(model, kind) for model, _, kind in changes()] == [("animal", "save"), ("animal", "delete")]


def test_a_registered_proxy_captures_the_model_it_stands_for(register: Register, changes: Changes) -> None:
    register(Pet)
    animal = Animal.objects.create(name="Rex")
    animal.delete()
    assert [(model, kind) for model, _, kind in changes()] == [("animal", "save"), ("animal", "delete")]


# --- errors are those of plain Django --------------------------------------------------------------------------------


def failing_insert() -> None:
    Ticket(code="taken").save(force_insert=True)


def failing_update() -> None:
    Ticket(code="missing").save(force_update=True)


@pytest.mark.parametrize("captured", [True, False])
@pytest.mark.parametrize(("work", "error"), [(failing_insert, IntegrityError), (failing_update, DatabaseError)])
def test_a_failing_save_leaves_the_outer_transaction_as_plain_django_does(
    register: Register, changes: Changes, work: Callable[[], None], error: type[Exception], captured: bool
) -> None:
    Ticket.objects.create(code="taken")
    if captured:
        register(Ticket)
    with pytest.raises(error), transaction.atomic():
        work()
    assert not connection.needs_rollback
    with transaction.atomic():
        with pytest.raises(error):
            work()
        assert connection.needs_rollback
        transaction.set_rollback(True)
    Ticket.objects.create(code="next")
    assert changes() == ([("ticket", "next", "save")] if captured else [])


@autocommit
def test_a_failing_save_under_autocommit_leaves_the_connection_usable(register: Register, changes: Changes) -> None:
    register(Ticket)
    Ticket.objects.create(code="taken")
    with pytest.raises(IntegrityError):
        failing_insert()
    Ticket.objects.create(code="next")
    assert [key for _, key, _ in changes()] == ["taken", "next"]


# --- transactions ----------------------------------------------------------------------------------------------------


@autocommit
def test_a_rolled_back_transaction_leaves_no_change_and_no_ring(
    register: Register, changes: Changes, rung: list[list[int]]
) -> None:
    register(Note)
    with transaction.atomic():
        Note.objects.create(text="a")
        transaction.set_rollback(True)
    assert changes() == []
    assert rung == []


@autocommit
def test_a_rolled_back_savepoint_leaves_no_change_and_no_ring(
    register: Register, changes: Changes, rung: list[list[int]]
) -> None:
    register(Note)
    with transaction.atomic():
        with transaction.atomic():
            Note.objects.create(text="lost")
            transaction.set_rollback(True)
        Enclosure.objects.create(name="of nobody's interest")
    assert changes() == []
    assert rung == []


@autocommit
def test_what_is_kept_beside_a_rolled_back_savepoint_rings_once(
    register: Register, changes: Changes, rung: list[list[int]]
) -> None:
    register(Note)
    with transaction.atomic():
        with transaction.atomic():
            Note.objects.create(text="lost")
            transaction.set_rollback(True)
        kept = Note.objects.create(text="kept")
        kept_too = Note.objects.create(text="kept too")
    assert [key for _, key, _ in changes()] == [kept.pk, kept_too.pk]
    assert rung == [[registry.connection("zoo").pk]]


@autocommit
def test_a_transaction_rings_once_after_its_commit(register: Register, rung: list[list[int]]) -> None:
    register(Note, Ticket)
    with transaction.atomic():
        Note.objects.create(text="a")
        Ticket.objects.create(code="a").delete()
        Note.objects.bulk_create([Note(text="b")])
        Note.objects.update(text="c")
        assert rung == []
    assert rung == [[registry.connection("zoo").pk]]


@autocommit
def test_every_integrator_of_a_model_is_rung_for(register: Register, rung: list[list[int]]) -> None:
    register(Note, named="one")
    register(Note, named="two")
    Note.objects.create(text="a")
    assert rung == [[registry.connection("one").pk, registry.connection("two").pk]]


# --- deletes ---------------------------------------------------------------------------------------------------------


def test_a_delete_is_captured_with_what_the_row_was(register: Register, changes: Changes) -> None:
    register(Ticket)
    ticket = Ticket.objects.create(code="a", access_token="s3cret", extra={"vip": True})
    changes()
    ticket.delete()
    (change,) = Change.objects.all()
    assert (change.object_id, change.kind) == ("a", "delete")
    assert '"vip": true' in str(change.snapshot)
    assert "s3cret" not in str(change.snapshot)


def test_a_row_of_which_only_a_part_was_read_can_be_deleted(register: Register, changes: Changes) -> None:
    register(Ticket)
    Ticket.objects.create(code="a")
    Ticket.objects.create(code="b")
    changes()
    Ticket.objects.only("code").get(code="a").delete()
    Ticket.objects.defer("price").delete()
    assert changes() == [("ticket", "a", "delete"), ("ticket", "b", "delete")]


def test_deleting_a_queryset_captures_every_row(register: Register, changes: Changes) -> None:
    register(Note)
    notes = [Note.objects.create(text=str(number)) for number in range(3)]
    changes()
    assert Note.objects.filter(text__in=["0", "2"]).delete() == (2, {"zoo.Note": 2})
    assert sorted(changes()) == [("note", notes[0].pk, "delete"), ("note", notes[2].pk, "delete")]


def test_rows_that_go_with_another_are_captured(register: Register, changes: Changes) -> None:
    register(Enclosure)
    keeper = Keeper.objects.create(name="Ann")
    enclosures = [Enclosure.objects.create(name=name, head=keeper) for name in "ab"]
    changes()
    keeper.delete()
    assert sorted(changes()) == [("enclosure", enclosure.pk, "delete") for enclosure in enclosures]


@autocommit
def test_a_delete_under_autocommit_that_fails_leaves_row_and_no_change(
    register: Register, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(Note)
    note = Note.objects.create(text="a")
    changes()
    monkeypatch.setattr("sync.capture.record.point", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        note.delete()
    assert (Note.objects.count(), changes()) == (1, [])


# --- where capture is off --------------------------------------------------------------------------------------------


def test_nothing_is_captured_where_the_settings_say_so(register: Register, changes: Changes, settings: Any) -> None:
    register(Note)
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    note = Note.objects.create(text="a")
    Note.objects.update(text="b")
    note.delete()
    assert changes() == []


def test_a_late_registration_hooks_in_and_an_earlier_one_stops(register: Register, changes: Changes) -> None:
    register(Ticket)
    registry.subscribe(capture.install)
    registry.register(integrator("late", Note))
    Note.objects.create(text="a")
    assert len(changes()) == 1
    registry.unregister("late")
    Note.objects.create(text="b").delete()
    assert changes() == []


def test_installing_twice_records_once(register: Register, changes: Changes) -> None:
    register(Note)
    capture.install()
    capture.install()
    note = Note.objects.create(text="a")
    note.delete()
    assert [kind for _, _, kind in changes()] == ["save", "delete"]
