"""What the checks say of triggers, and of writes that capture does not see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from django.core.checks import CheckMessage
from django.db import connection

from sync import Map, registry
from sync.capture.triggers import installation
from sync.checks import check_bypass, check_triggers
from tests.zoo.models import Animal, Feeding, Keeper, Member, Note, Seat, Ticket
from tests.zoo.registration import Kind, empty_registry, integrator

Register = Callable[..., None]
off_postgres = pytest.mark.skipif(connection.vendor == "postgresql", reason="there it can be")


@pytest.fixture
def register() -> Iterator[Register]:
    with empty_registry():
        yield lambda *models: registry.register(integrator("zoo", *models))


def said(found: list[CheckMessage]) -> list[tuple[str | None, str]]:
    return [(one.id, one.msg) for one in found]


def test_where_nobody_asks_for_triggers_nothing_is_said(register: Register) -> None:
    register(Note)
    assert check_triggers() == []


@off_postgres
def test_triggers_on_another_database_are_an_error(register: Register) -> None:
    register(Kind("note", Note, capture="trigger"))
    (found,) = check_triggers()
    assert (found.id, found.level) == ("crudsync.E020", 40)
    assert found.msg == "zoo.Note cannot be captured by trigger: the database is not PostgreSQL."


@pytest.mark.pg
def test_triggers_without_pgtrigger_are_an_error(register: Register, settings: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        from django.apps import apps

        there = apps.is_installed
        patch.setattr(apps, "is_installed", lambda name: name != "pgtrigger" and there(name))
        register(Kind("note", Note, capture="trigger"))
        (found,) = check_triggers()
    assert found.msg == "zoo.Note cannot be captured by trigger: 'pgtrigger' is not in INSTALLED_APPS."


@pytest.mark.pg
def test_a_key_that_sql_cannot_render_is_an_error(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Note._meta.pk, "from_db_value", lambda *given: given[0], raising=False)
    register(Kind("note", Note, capture="trigger"), Kind("feeding", Feeding, capture="trigger"))
    (found,) = check_triggers()
    assert found.msg == "zoo.Note cannot be captured by trigger: the key of zoo.Note has no text form in SQL."


@pytest.mark.pg
@pytest.mark.django_db
def test_triggers_that_are_not_in_their_place_are_named_where_the_database_may_be_asked(register: Register) -> None:
    register(Kind("note", Note, capture="trigger"))
    assert check_triggers() == []
    missing = said(check_triggers(databases=["default"]))
    assert len(missing) == 4
    assert all(id_ == "crudsync.W022" and text.endswith("of zoo_note is missing.") for id_, text in missing)
    installation.install()
    assert check_triggers(databases=["default"]) == []
    registry.clear()
    register(Note)
    assert {text.rpartition(" of ")[2] for _, text in said(check_triggers(databases=["default"]))} == {
        "zoo_note is left over."
    }


def test_ordinary_managers_are_named_once_a_model(register: Register) -> None:
    register(Keeper, Note)
    assert said(check_bypass()) == [
        ("crudsync.I020", "zoo.Keeper changes unseen by bulk writes through Keeper.objects.")
    ]


def test_a_relation_s_own_model_is_named_until_it_is_registered(register: Register) -> None:
    register(Ticket, Member)
    assert [text for _, text in said(check_bypass())] == [
        "zoo.Member changes unseen by rows of zoo.Membership.",
        "zoo.Ticket changes unseen by rows of zoo.Seat.",
    ]
    registry.clear()
    register(Ticket, Seat)
    assert [text for _, text in said(check_bypass())] == [
        "zoo.Seat changes unseen by bulk writes through Seat.objects."
    ]


def test_a_cascade_of_the_database_is_named(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    class DatabaseOnDelete:
        """What Django 6.1 calls it."""

    monkeypatch.setattr(Animal._meta.get_field("enclosure").remote_field, "on_delete", DatabaseOnDelete())
    register(Note)
    from sync.checks.capture import _cascades

    assert list(_cascades(Animal)) == ["the database's own cascade along enclosure"]


def test_what_the_payload_reads_of_other_rows_is_named(register: Register) -> None:
    nested = SimpleNamespace(child=SimpleNamespace(Meta=SimpleNamespace(model=Keeper)))
    serializer = SimpleNamespace(_declared_fields={"keepers": nested, "name": SimpleNamespace()})
    kind = Kind("animal", Animal)
    kind.fields = [Map("name"), Map("enclosure.name", "cage")]  # type: ignore[attr-defined]
    kind.serializer = serializer  # type: ignore[attr-defined]
    register(kind)
    (found,) = check_bypass()
    assert found.msg == (
        "zoo.Animal changes unseen by an edit of what enclosure.name leads to; "
        "by an edit of zoo.Keeper, shown as keepers."
    )


@pytest.mark.pg
def test_triggers_silence_what_they_see(register: Register) -> None:
    register(*(Kind(model.__name__, model, capture="trigger") for model in (Keeper, Ticket, Member)))
    assert check_bypass() == []


def test_the_shop_bypasses_nothing() -> None:
    assert check_bypass() == []
