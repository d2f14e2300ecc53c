"""Upgrades while workers run: no migration locks a hot table for long, and code of an older version can go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections, migrations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from sync.models import Binding, Change, Operation, State

APP = "crudsync"
FIRST = "0001_initial"
HOT = ("crudsync_binding", "crudsync_change", "crudsync_operation")
MODELS = ("binding", "change", "operation")

HARMLESS = (
    migrations.CreateModel,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
    migrations.RunPython,
)
"""What touches no row of a hot table, or is written by hand and shown by the test under writers."""


def ours() -> list[migrations.Migration]:
    """The migrations after the first, in order."""
    loader = MigrationLoader(connection)
    names = sorted(name for app, name in loader.disk_migrations if app == APP and name != FIRST)
    return [loader.disk_migrations[APP, name] for name in names]


def state_of(name: str) -> Any:
    return MigrationLoader(connection).project_state((APP, name)).apps


BESIDE = ("AddIndexBesideWriters", "RemoveIndexBesideWriters")


# --- what a migration may do -----------------------------------------------------------------------------------------


def hot(operation: Any) -> bool:
    return str(getattr(operation, "model_name", getattr(operation, "name", ""))).lower() in MODELS


@pytest.mark.django_db
def test_no_migration_after_the_first_rewrites_or_scans_a_hot_table() -> None:
    for migration in ours():
        for operation in migration.operations:
            if isinstance(operation, HARMLESS) or not hot(operation):
                continue
            where = f"{migration.name}: {operation.describe()}"
            if isinstance(operation, migrations.AddField):
                field = operation.field
                assert field.null or field.has_db_default(), f"{where}: old code cannot insert"
                assert not getattr(field, "db_constraint", False), f"{where}: a constraint is checked for every row"
            else:
                assert type(operation).__name__ in BESIDE, where


@pytest.mark.django_db
def test_code_of_the_first_version_can_insert_into_the_tables_of_this_one() -> None:
    apps = state_of(FIRST)
    account = apps.get_model(APP, "connection").objects.create(integrator="shop")
    at = timezone.now()
    apps.get_model(APP, "change").objects.create(model="shop.product", object_id="1", created_at=at)
    old = apps.get_model(APP, "binding").objects.create(
        connection=account, object_type="product", object_id="1", model="shop.product"
    )
    apps.get_model(APP, "operation").objects.create(
        connection=account, binding_id=old.pk, object_type="product", object_id="1", verb="create", started_at=at
    )
    binding = Binding.objects.get()
    assert (binding.state, binding.cause_id, binding.ignored) == (State.PENDING, None, "")
    assert (Change.objects.count(), Operation.objects.count()) == (1, 1)


# --- broken off ------------------------------------------------------------------------------------------------------

IN_STEPS = sorted(
    name for (app, name), each in MigrationLoader(None).disk_migrations.items() if app == APP and not each.atomic
)


class BrokenOff(Exception):
    """A lock timeout, Ctrl-C, a lost connection."""


def break_off(*_: Any) -> None:
    raise BrokenOff


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", IN_STEPS)
def test_a_migration_in_steps_that_was_broken_off_after_any_of_them_is_simply_run_again(
    name: str, backwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = next(each for each in ours() if each.name == name)
    here, there = [(APP, name)], list(migration.dependencies)
    if backwards:
        here, there = there, here
    steps = migration.operations[::-1] if backwards else migration.operations
    try:
        for step in steps:
            MigrationExecutor(connection).migrate(there)
            with monkeypatch.context() as patch:
                patch.setattr(step, "database_backwards" if backwards else "database_forwards", break_off)
                with pytest.raises(BrokenOff):
                    MigrationExecutor(connection).migrate(here)
            MigrationExecutor(connection).migrate(here)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


# --- under writers ---------------------------------------------------------------------------------------------------

WRITES = (
    (
        "INSERT INTO crudsync_change (model, object_id, kind, lane, actor, reason, created_at) "
        "VALUES ('shop.product', '1', 'save', 0, '', '', now())"
    ),
    "UPDATE crudsync_binding SET seq = seq + 1 WHERE object_id = '7'",
    "UPDATE crudsync_operation SET attempt = attempt + 1 WHERE object_id = '7'",
)


class Writer(threading.Thread):
    """Writes to the hot tables in short transactions, and never waits for a lock longer than some seconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self.first = threading.Event()
        self.rounds = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '10s'")
                while not self.done.is_set():
                    cursor.execute(f"BEGIN; {'; '.join(WRITES)}; COMMIT")
                    self.rounds += 1
                    self.first.set()
        except Exception as error:  # noqa: BLE001 - shown by the test
            self.error = error
        finally:
            self.first.set()
            connections.close_all()


@contextmanager
def writing() -> Iterator[Writer]:
    writer = Writer()
    writer.start()
    assert writer.first.wait(30)
    try:
        yield writer
    finally:
        writer.done.set()
        writer.join(30)


def files() -> dict[str, int]:
    """The file that each hot table is stored in: another one after a rewrite."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, relfilenode FROM pg_class WHERE relname = ANY(%s)", [list(HOT)])
        return dict(cursor.fetchall())


def populate(apps: Any, rows: int) -> None:
    account = apps.get_model(APP, "connection").objects.create(integrator="shop")
    at = timezone.now()
    binding, operation = apps.get_model(APP, "binding"), apps.get_model(APP, "operation")
    named = {"object_type": "product"}
    binding.objects.bulk_create(
        [binding(connection=account, object_id=str(n), model="shop.product", **named) for n in range(rows)]
    )
    operation.objects.bulk_create(
        [operation(connection=account, object_id=str(n), verb="update", started_at=at, **named) for n in range(rows)]
    )


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_every_migration_after_the_first_runs_beside_writers() -> None:
    MigrationExecutor(connection).migrate([(APP, FIRST)])
    try:
        populate(state_of(FIRST), 5000)
        for migration in ours():
            before = files()
            with writing() as writer:
                MigrationExecutor(connection).migrate([(APP, migration.name)])
                after = writer.rounds
                while writer.rounds < after + 3 and writer.is_alive():  # they go on after it
                    writer.done.wait(0.01)
            assert writer.error is None, f"{migration.name}: a writer waited too long: {writer.error}"
            assert files() == before, f"{migration.name} rewrites a hot table"
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
