"""Capture by the database itself: every way to write a row is seen, once, with who and why."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from examples.shop.models import Customer
from sync import IN, CrudIntegrator, Map, ObjectType, outbox, registry
from sync.capture import actor, disabled, no_sync
from sync.capture.context import asked
from sync.capture.triggers import installation, installed
from sync.capture.triggers.connection import around, follow
from sync.correlation import correlated
from sync.models import Change
from sync.testing import Remote, SandboxServer, deliver, redirected
from sync.types import Lane
from tests.capture.conftest import Register
from tests.zoo.models import (
    Animal,
    Bird,
    Enclosure,
    Feeding,
    Keeper,
    Member,
    Membership,
    Note,
    Penguin,
    Pet,
    Seat,
    Ticket,
)
from tests.zoo.registration import Kind

psycopg: Any = pytest.importorskip("psycopg")

Changes = Callable[[], list[tuple[str, Any, str]]]
ByTrigger = Callable[..., None]
autocommit = pytest.mark.django_db(transaction=True)
pytestmark = [pytest.mark.pg, pytest.mark.django_db]


@pytest.fixture
def by_trigger(register: Register, request: pytest.FixtureRequest) -> Iterator[ByTrigger]:
    """A function that registers models to be captured by trigger, and installs their triggers."""

    def installed_for(*models: type[models.Model]) -> None:
        register(*(Kind(model.__name__.lower(), model, capture="trigger") for model in models))
        settle()
        installation.install()
        Change.objects.all().delete()

    yield installed_for
    if not connection.in_atomic_block:
        installation.uninstall(wait_s=0)


def settle() -> None:
    """Have deferred foreign keys checked: a table with some open cannot be altered in the same transaction."""
    execute("SET CONSTRAINTS ALL IMMEDIATE")


def execute(sql: str, *params: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)


def copy(table: str, columns: str, rows: list[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as stream:
        for row in rows:
            stream.write_row(row)


# --- ways to write ---------------------------------------------------------------------------------------------------


def test_saves_and_deletes_are_captured_once(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Note)
    note = Note.objects.create(text="a")
    note.text = "b"
    note.save()
    pk = note.pk
    note.delete()
    assert changes() == [("note", pk, "save"), ("note", pk, "save"), ("note", pk, "delete")]


def test_a_save_costs_no_query_more(by_trigger: ByTrigger) -> None:
    by_trigger(Note)
    with CaptureQueriesContext(connection) as insert:
        note = Note.objects.create(text="a")
    with CaptureQueriesContext(connection) as update:
        note.save()
    assert (len(insert), len(update)) == (1, 1)


def test_raw_sql_is_captured(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Note)
    execute("INSERT INTO zoo_note (id, text) VALUES (7, 'a'), (8, 'b')")
    execute("UPDATE zoo_note SET text = 'c' WHERE id = 7")
    execute("DELETE FROM zoo_note WHERE id = 8")
    assert changes() == [("note", 7, "save"), ("note", 8, "save"), ("note", 7, "save"), ("note", 8, "delete")]


def test_copy_is_captured_and_more_than_a_hundred_rows_go_as_bulk(by_trigger: ByTrigger) -> None:
    by_trigger(Note)
    copy("zoo_note", "text", [("few",)] * 100)
    assert set(Change.objects.values_list("lane", flat=True)) == {Lane.LIVE}
    Change.objects.all().delete()
    copy("zoo_note", "text", [("many",)] * 10_000)
    assert Change.objects.filter(lane=Lane.BULK).count() == Change.objects.count() == 10_000
    ids = Note.objects.filter(text="many").values_list("pk", flat=True)
    assert set(Change.objects.values_list("object_id", flat=True)) == {str(pk) for pk in ids}


def test_bulk_writes_are_captured_once(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Note)
    notes = Note.objects.bulk_create([Note(text="a"), Note(text="b")])
    expected = [("note", note.pk, "save") for note in notes]
    assert changes() == expected
    Note.objects.update(text="c")
    assert sorted(changes()) == expected
    for note in notes:
        note.text = "d"
    Note.objects.bulk_update(notes, ["text"])
    assert sorted(changes()) == expected


def test_an_ordinary_manager_is_as_good(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Keeper)
    keepers = Keeper.objects.bulk_create([Keeper(name="a"), Keeper(name="b")])
    Keeper.objects.update(name="c")
    assert sorted(changes()) == sorted([("keeper", keeper.pk, "save") for keeper in keepers] * 2)


def test_inserting_over_a_conflict_is_captured_either_way(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Ticket)
    Ticket.objects.create(code="a")
    changes()
    rows = [Ticket(code="a", price=5), Ticket(code="b", price=6)]
    Ticket.objects.bulk_create(rows, update_conflicts=True, unique_fields=["code"], update_fields=["price"])
    assert sorted(changes()) == [("ticket", "a", "save"), ("ticket", "b", "save")]
    Ticket.objects.bulk_create([Ticket(code="a"), Ticket(code="c")], ignore_conflicts=True)
    assert changes() == [("ticket", "c", "save")]


def test_a_write_that_changes_nothing_is_none(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Note)
    note = Note.objects.create(text="a")
    changes()
    note.save()
    Note.objects.update(text="a")
    Note.objects.filter(pk=0).update(text="b")
    assert changes() == []


def test_a_row_that_gets_another_key_is_two_objects(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Ticket)
    Ticket.objects.create(code="a")
    changes()
    execute("UPDATE zoo_ticket SET code = 'b'")
    assert sorted(changes()) == [("ticket", "a", "save"), ("ticket", "b", "save")]


def test_columns_without_equality_are_compared_as_they_are(by_trigger: ByTrigger, changes: Changes) -> None:
    execute("ALTER TABLE zoo_note ADD COLUMN plain json DEFAULT '{}'")
    by_trigger(Note)
    note = Note.objects.create(text="a")
    execute("""UPDATE zoo_note SET plain = '{"a": 1}'""")
    execute("""UPDATE zoo_note SET plain = '{"a": 1}'""")
    assert changes() == [("note", note.pk, "save")] * 2


def test_a_truncated_table_is_a_delete_of_each_row(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Note)
    note = Note.objects.create(text="a")
    changes()
    execute("TRUNCATE zoo_note")
    change = Change.objects.get()
    assert (change.object_id, change.kind) == (str(note.pk), "delete")
    assert json.loads(change.snapshot or "") == {"id": note.pk, "text": "a"}


def test_what_the_database_cascades_is_captured(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Seat, Animal)
    for table, column, action in (("zoo_seat", "enclosure_id", "CASCADE"), ("zoo_animal", "enclosure_id", "SET NULL")):
        execute(f"ALTER TABLE {table} ADD FOREIGN KEY ({column}) REFERENCES zoo_enclosure (id) ON DELETE {action}")
        _drop_constraint(table, column)
    enclosure = Enclosure.objects.create(name="e")
    seat = Seat.objects.create(ticket=Ticket.objects.create(code="a"), enclosure=enclosure)
    animal = Animal.objects.create(name="a", enclosure=enclosure)
    changes()
    execute("DELETE FROM zoo_enclosure")
    assert sorted(changes()) == [("animal", animal.pk, "save"), ("seat", seat.pk, "delete")]


def _drop_constraint(table: str, column: str) -> None:
    """Drop Django's own foreign key, which would refuse the delete."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    for name, about in found.items():
        if about["foreign_key"] and about["columns"] == [column] and "_fk_" in name:
            execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


def test_what_django_cascades_is_captured_once(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Seat, Animal)
    enclosure = Enclosure.objects.create(name="e")
    seat = Seat.objects.create(ticket=Ticket.objects.create(code="a"), enclosure=enclosure)
    animal = Animal.objects.create(name="a", enclosure=enclosure)
    changes()
    enclosure.delete()
    assert sorted(changes()) == [("animal", animal.pk, "save"), ("seat", seat.pk, "delete")]


# --- keys and values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["it's", 'a "b"', "ä ✓ 😀", "100%s", "back\\slash", " spaces ", "{}", "$$", ""])
def test_odd_keys_come_through_as_they_are(by_trigger: ByTrigger, code: str) -> None:
    by_trigger(Ticket)
    ticket = Ticket.objects.create(code=code)
    with actor(code, reason=code):
        ticket.price = 5
        ticket.save()
    ticket.delete()
    assert list(Change.objects.order_by("pk").values_list("object_id", "actor", "reason")) == [
        (code, "", ""),
        (code, code, code),
        (code, "", ""),
    ]


def test_a_composite_key_is_rendered_as_python_does(by_trigger: ByTrigger, register: Register) -> None:
    register(Feeding)
    fed = Feeding.objects.create(animal=7, day=date(2026, 5, 1))
    by_python = Change.objects.get().object_id
    registry.unregister("zoo")
    by_trigger(Feeding)
    Feeding.objects.filter(pk=fed.pk).update(grams=5)
    execute("SET LOCAL datestyle = 'German'")
    execute("DELETE FROM zoo_feeding")
    assert list(Change.objects.order_by("pk").values_list("object_id", flat=True)) == [by_python] * 2


def test_a_snapshot_says_what_python_would_and_no_secret(by_trigger: ByTrigger, register: Register) -> None:
    values = {"price": "12.50", "access_token": "hush", "extra": {"a": [1, None, "ä"]}, "serial": uuid.uuid4()}
    register(Ticket)
    Ticket.objects.create(code="a", **values)
    Ticket.objects.get().delete()
    by_python = json.loads(Change.objects.get(kind="delete").snapshot or "")
    registry.unregister("zoo")
    by_trigger(Ticket)
    Ticket.objects.create(code="a", **values)
    Ticket.objects.get().delete()
    text = Change.objects.get(kind="delete").snapshot or ""
    assert "hush" not in text
    # Python has the JSON as the object holds it, the trigger as the column does: the same.
    assert json.loads(text) == by_python


def test_a_column_that_a_migration_takes_away_breaks_no_delete(by_trigger: ByTrigger) -> None:
    by_trigger(Animal)
    Animal.objects.create(name="a")
    settle()
    execute("ALTER TABLE zoo_animal DROP COLUMN legs")
    execute("DELETE FROM zoo_animal")
    shot = json.loads(Change.objects.get(kind="delete").snapshot or "")
    assert shot["name"] == "a"
    assert "legs" not in shot


# --- families and relations ------------------------------------------------------------------------------------------


def test_a_proxy_is_the_model_that_it_stands_for(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Pet)
    pet = Pet.objects.create(name="a")
    Animal.objects.get().delete()
    assert changes() == [("animal", pet.pk, "save"), ("animal", pet.pk, "delete")]


def test_a_write_to_any_table_of_a_family_is_one_of_whoever_shows_it(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Penguin, Animal)
    penguin = Penguin.objects.create(name="p")
    pk = penguin.pk
    assert changes() == [("animal", pk, "save"), ("penguin", pk, "save")]
    execute("UPDATE zoo_animal SET name = 'q'")
    assert sorted(changes()) == [("animal", pk, "save"), ("penguin", pk, "save")]
    execute("UPDATE zoo_bird SET wingspan = 3")
    execute("UPDATE zoo_penguin SET height = 3")
    assert changes() == [("penguin", pk, "save")] * 2
    penguin.refresh_from_db()
    penguin.height = 4
    penguin.save()
    assert changes() == [("penguin", pk, "save")]
    penguin.delete()
    assert changes() == [("penguin", pk, "delete"), ("animal", pk, "delete")]


def test_one_of_a_family_takes_all_of_it_along(by_trigger: ByTrigger, register: Register, changes: Changes) -> None:
    register(Animal, named="other")
    by_trigger(Bird)
    bird = Bird.objects.create(name="b")
    assert sorted(changes()) == [("animal", bird.pk, "save"), ("bird", bird.pk, "save")]
    Bird.objects.update(name="c", wingspan=2)
    assert ("animal", bird.pk, "save") in changes()


def test_a_child_s_snapshot_holds_its_parents_values(by_trigger: ByTrigger) -> None:
    by_trigger(Penguin)
    Penguin.objects.create(name="p", wingspan=2, height=3)
    Penguin.objects.get().delete()
    shot = json.loads(Change.objects.get(kind="delete").snapshot or "")
    assert (shot["name"], shot["wingspan"], shot["height"]) == ("p", 2, 3)


def test_relations_are_captured_however_they_are_written(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Animal)
    animal, keeper = Animal.objects.create(name="a"), Keeper.objects.create(name="k")
    changes()
    animal.keepers.add(keeper)
    animal.keepers.clear()
    keeper.animals.set([animal])
    execute("DELETE FROM zoo_animal_keepers")
    animal.keepers.add(keeper)
    keeper.delete()
    assert changes() == [("animal", animal.pk, "relation")] * 6


def test_both_sides_of_a_symmetrical_relation_are_captured(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Animal)
    one, other = Animal.objects.create(name="a"), Animal.objects.create(name="b")
    changes()
    one.friends.add(other)
    assert sorted(changes()) == [("animal", one.pk, "relation"), ("animal", other.pk, "relation")]


def test_rows_of_a_through_model_are_captured_by_the_column_they_refer_to(
    by_trigger: ByTrigger, changes: Changes
) -> None:
    by_trigger(Member)
    member, club = Member.objects.create(number="m-1"), Enclosure.objects.create(name="e")
    changes()
    Membership.objects.create(member=member, club=club)
    Membership.objects.all().delete()
    assert changes() == [("member", member.pk, "relation")] * 2


def test_two_integrators_with_one_trigger_have_one_change(
    by_trigger: ByTrigger, register: Register, changes: Changes
) -> None:
    register(Note, named="other")
    by_trigger(Note)
    note = Note.objects.create(text="a")
    assert changes() == [("note", note.pk, "save")]


# --- transactions, who, and no_sync() --------------------------------------------------------------------------------


def test_a_rolled_back_savepoint_takes_its_changes_along(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Note)
    kept = Note.objects.create(text="a")
    savepoint = transaction.savepoint()
    Note.objects.create(text="b")
    transaction.savepoint_rollback(savepoint)
    assert changes() == [("note", kept.pk, "save")]


def test_who_and_why_are_recorded_within_their_block_alone(by_trigger: ByTrigger) -> None:
    by_trigger(Keeper)
    with actor("ann", reason="a correction"):
        Keeper.objects.create(name="orm")
        Keeper.objects.update(name="bulk")
        execute("UPDATE zoo_keeper SET name = '100%'")
    Keeper.objects.update(name="after")
    said = list(Change.objects.order_by("pk").values_list("actor", "reason"))
    assert said == [("ann", "a correction")] * 3 + [("", "")]


def test_who_writes_is_asked_for_a_watched_table_alone(by_trigger: ByTrigger) -> None:
    by_trigger(Keeper)
    asking: list[str] = []

    def ask() -> str:
        asking.append("asked")
        Enclosure.objects.create(name="asking may write")
        Keeper.objects.filter(name="asking may write").update(name="x")
        return "ann"

    with asked(ask):
        list(Keeper.objects.all())
        Enclosure.objects.create(name="e")
        assert asking == []
        Keeper.objects.create(name="k")
    assert asking == ["asked"]
    assert Change.objects.get().actor == "ann"


@pytest.mark.parametrize("ending", ["plainly", "with an error", "with a rollback"])
def test_no_sync_holds_within_its_block_alone(by_trigger: ByTrigger, changes: Changes, ending: str) -> None:
    by_trigger(Keeper)
    with suppress(ZeroDivisionError), no_sync("an import"):
        Keeper.objects.create(name="a")
        execute("INSERT INTO zoo_keeper (name) VALUES ('100%')")
        if ending == "with a rollback":
            savepoint = transaction.savepoint()
            Keeper.objects.create(name="a")
            transaction.savepoint_rollback(savepoint)
        assert 1 / (ending != "with an error")
    assert changes() == []
    copy("zoo_keeper", "name", [("b",)])
    assert [kind for _, _, kind in changes()] == ["save"]


def test_a_failed_statement_inside_no_sync_silences_nothing_after_it(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Ticket)
    Ticket.objects.create(code="a")
    changes()
    with pytest.raises(IntegrityError), transaction.atomic(), no_sync("an import"):
        Ticket.objects.bulk_create([Ticket(code="b"), Ticket(code="a")])
    Ticket.objects.update(price=3)
    assert changes() == [("ticket", "a", "save")]


def test_an_actor_inside_no_sync_records_nothing(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Note)
    with no_sync("an import"), actor("ann"):
        Note.objects.create(text="a")
    with actor("ann"), no_sync("an import"):
        Note.objects.create(text="a")
    assert changes() == []


def test_no_sync_reaches_what_the_database_cascades(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Seat)
    execute("ALTER TABLE zoo_seat ADD FOREIGN KEY (enclosure_id) REFERENCES zoo_enclosure (id) ON DELETE CASCADE")
    _drop_constraint("zoo_seat", "enclosure_id")
    enclosure = Enclosure.objects.create(name="e")
    Seat.objects.create(ticket=Ticket.objects.create(code="a"), enclosure=enclosure)
    changes()
    with no_sync("an import"):
        execute("DELETE FROM zoo_enclosure")
    assert changes() == []


def test_what_is_switched_off_records_nothing(by_trigger: ByTrigger, changes: Changes, settings: Any) -> None:
    by_trigger(Keeper)
    with disabled():
        Keeper.objects.create(name="a")
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    Keeper.objects.create(name="b")
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": True}
    assert changes() == []
    Keeper.objects.create(name="c")
    assert len(changes()) == 1


@pytest.mark.parametrize("row", ["one", "many"])
def test_the_request_is_told_to_the_triggers(by_trigger: ByTrigger, row: str) -> None:
    by_trigger(Note)
    with correlated("request-7"):
        if row == "one":
            Note.objects.create(text="a")
        else:
            execute("INSERT INTO zoo_note (text) VALUES ('a')")
    execute("INSERT INTO zoo_note (text) VALUES ('b')")
    execute("SET LOCAL crudsync.origin = 'erp-7'")
    execute("INSERT INTO zoo_note (text) VALUES ('c')")
    assert [change.correlation_id for change in Change.objects.order_by("pk")] == ["request-7", "", "erp-7"]


def test_another_program_may_name_itself(by_trigger: ByTrigger) -> None:
    by_trigger(Note)
    execute("SET LOCAL crudsync.actor = 'erp'")
    execute("INSERT INTO zoo_note (text) VALUES ('a')")
    assert Change.objects.get().actor == "erp"


@autocommit
def test_under_autocommit_nothing_that_was_said_is_left_behind(by_trigger: ByTrigger) -> None:
    by_trigger(Note)
    with actor("ann"):
        Note.objects.create(text="a")
        copy("zoo_note", "text", [("b",)])
    with no_sync("an import"):
        Note.objects.create(text="c")
    copy("zoo_note", "text", [("d",)])
    assert list(Change.objects.order_by("pk").values_list("actor", flat=True)) == ["ann", "", ""]


@autocommit
def test_another_connection_is_captured_and_its_role_needs_no_right_on_our_tables(by_trigger: ByTrigger) -> None:
    by_trigger(Note)
    execute("DO $$ BEGIN CREATE ROLE erp LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    execute("GRANT INSERT, SELECT ON zoo_note TO erp")
    try:
        parameters = {**connection.get_connection_params(), "user": "erp"}
        names = ("dbname", "host", "port", "user")
        with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}) as other:
            other.execute("INSERT INTO zoo_note (text) OVERRIDING USER VALUE VALUES ('from the ERP')")
        assert Change.objects.get().object_id == str(Note.objects.get().pk)
    finally:
        execute("REVOKE ALL ON zoo_note FROM erp")
        execute("DROP ROLE erp")


@autocommit
def test_each_write_rings_once_after_its_commit(by_trigger: ByTrigger, rung: list[list[int]]) -> None:
    by_trigger(Keeper)
    keeper = Keeper.objects.create(name="a")
    assert len(rung) == 1
    with transaction.atomic():
        Keeper.objects.update(name="b")
        keeper.delete()
        assert len(rung) == 1
    assert len(rung) == 2
    with no_sync("an import"):
        Keeper.objects.create(name="c")
    assert len(rung) == 2
    assert rung[0] == rung[1] != []


def in_one_call(cursor: Any) -> None:
    cursor.execute("INSERT INTO zoo_keeper (name) VALUES (%s)", ["a"])


def by_name(cursor: Any) -> None:
    cursor.execute("INSERT INTO zoo_keeper (name) VALUES (%(name)s)", {"name": "a"})


def several(cursor: Any) -> None:
    cursor.executemany("INSERT INTO zoo_keeper (name) VALUES (%s)", [["a"]])


def composed(cursor: Any) -> None:
    cursor.execute(
        psycopg.sql.SQL("INSERT INTO {} (name) VALUES (%s)").format(psycopg.sql.Identifier("zoo_keeper")), ["a"]
    )


def after_a_comment(cursor: Any) -> None:
    cursor.execute("/* of a tracer */ -- two\n insert into zoo_keeper (name) values ('a')")


def returning(cursor: Any) -> None:
    cursor.execute("INSERT INTO zoo_keeper (name) VALUES ('a') RETURNING name")
    assert (cursor.rowcount, cursor.fetchall()) == (1, [("a",)])


@autocommit
@pytest.mark.parametrize("write", [in_one_call, by_name, several, composed, after_a_comment, returning])
@pytest.mark.parametrize("bound_by_the_server", [False, True])
def test_the_triggers_are_told_however_a_statement_is_sent(
    by_trigger: ByTrigger, write: Callable[[Any], None], bound_by_the_server: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_trigger(Keeper)
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "server_side_binding", bound_by_the_server)
    with actor("ann"), connection.cursor() as cursor:
        write(cursor)
        with no_sync("an import"):
            write(cursor)
    with connection.cursor() as cursor:
        write(cursor)
    assert list(Change.objects.order_by("pk").values_list("actor", flat=True)) == ["ann", ""]


def test_a_wrapper_that_others_add_and_take_away_leaves_ours(by_trigger: ByTrigger) -> None:
    with connection.execute_wrapper(lambda execute, *given: execute(*given)):
        by_trigger(Keeper)
        connection.execute_wrappers.remove(around)
        follow()
    with actor("ann"):
        Keeper.objects.create(name="a")
    assert Change.objects.get().actor == "ann"


# --- installed, missing, outdated ------------------------------------------------------------------------------------


def test_until_they_are_installed_capture_in_python_goes_on(
    register: Register, changes: Changes, caplog: pytest.LogCaptureFixture
) -> None:
    register(Kind("note", Note, capture="trigger"))
    note = Note.objects.create(text="a")
    assert changes() == [("note", note.pk, "save")]
    assert "triggers of zoo.note are missing or outdated" in caplog.text


@pytest.mark.parametrize(
    "spoilt",
    [
        "DROP TRIGGER {name} ON zoo_note",
        "ALTER TABLE zoo_note DISABLE TRIGGER {name}",
        "COMMENT ON TRIGGER {name} ON zoo_note IS 'of another version'",
    ],
)
def test_where_one_is_missing_disabled_or_outdated_nothing_is_lost(
    by_trigger: ByTrigger, changes: Changes, spoilt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_trigger(Note)
    for one in installation.standing():
        execute(spoilt.format(name=one.name))
    assert "installed" not in {one.state for one in installation.standing()}
    monkeypatch.setattr(installed, "KNOWN_FOR_S", 0.0)  # as some seconds later
    note = Note.objects.create(text="a")
    assert ("note", note.pk, "save") in changes()
    installation.install()
    assert {one.state for one in installation.standing()} == {"installed"}
    note.text = "b"
    note.save()
    assert changes() == [("note", note.pk, "save")]


def test_installing_again_does_nothing(by_trigger: ByTrigger) -> None:
    by_trigger(Note)
    with CaptureQueriesContext(connection) as queries:
        assert installation.install() == []
    assert not [query for query in queries if "CREATE" in query["sql"]]


def test_what_is_left_over_is_named_and_removed(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Note)
    registry.clear()
    by_trigger(Ticket)
    assert {one.state for one in installation.standing()} == {"installed"}
    execute("INSERT INTO zoo_note (text) VALUES ('a')")
    assert changes() == []


@autocommit
def test_uninstalled_in_order_no_write_goes_uncaptured(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Note)
    Note.objects.create(text="a")
    changes()
    assert {one.state for one in installation.uninstall(wait_s=0)} == {"installed"}
    assert {one.state for one in installation.standing()} == {"missing"}
    note = Note.objects.create(text="a")
    assert changes() == [("note", note.pk, "save")]


@autocommit
def test_a_table_in_use_is_waited_for_briefly_and_then_left(by_trigger: ByTrigger) -> None:
    parameters = connection.get_connection_params()
    names = ("dbname", "host", "port", "user")
    with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}) as other:
        other.execute("INSERT INTO zoo_note (text) VALUES ('open')")
        with pytest.raises(OperationalError, match="lock timeout"):
            by_trigger_now(by_trigger)
    installation.install()
    assert {one.state for one in installation.standing()} == {"installed"}


def by_trigger_now(by_trigger: ByTrigger) -> None:
    attempts, installation.ATTEMPTS = installation.ATTEMPTS, 1
    try:
        by_trigger(Note)
    finally:
        installation.ATTEMPTS = attempts


def test_no_migration_is_made_for_them(by_trigger: ByTrigger) -> None:
    by_trigger(Note)
    assert "triggers" not in Note._meta.original_attrs
    assert not getattr(Note._meta, "triggers", [])


def test_what_its_writer_records_itself_is_left_alone(by_trigger: ByTrigger, changes: Changes) -> None:
    by_trigger(Keeper)
    Keeper.objects.create(name="a")
    changes()
    with outbox.quiet():
        Keeper.objects.update(name="from the remote")
    assert changes() == []
    Keeper.objects.update(name="b")
    assert len(changes()) == 1


# --- to the remote ---------------------------------------------------------------------------------------------------


class Crm(CrudIntegrator):
    name = "crm"

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        fields = [Map("email"), Map("name"), Map("credit", "score", direction=IN)]
        kind = ObjectType(model=Customer, endpoint="customers", fields=fields, idempotency="Idempotency-Key", rest_s=0)
        return {"customer": replace(kind, capture="trigger")}


def test_what_another_program_writes_arrives_at_the_remote(by_trigger: ByTrigger) -> None:
    registry.register(Crm)
    installation.install()
    with SandboxServer() as server, redirected(server.url):
        remote = Remote(server.url)
        columns = "email, name, country, is_active, credit"
        execute(f"INSERT INTO shop_customer ({columns}) VALUES ('erp@example.test', 'From the ERP', 'CH', true, 0)")
        deliver()
        (made,) = remote.objects("customers")
        assert (made["email"], made["name"]) == ("erp@example.test", "From the ERP")
        execute("UPDATE shop_customer SET name = 'Renamed'")
        deliver()
        assert remote.objects("customers")[0]["name"] == "Renamed"
        execute("DELETE FROM shop_customer")
        deliver()
        assert remote.objects("customers") == []
    assert not Change.objects.exists()
