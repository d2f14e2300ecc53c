from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError
from django.utils import timezone

from sync import bindings, faults
from sync.drain import Report, drain
from sync.models import Connection, State
from sync.types import Wanted
from tests.drain.conftest import armed
from tests.drain.memory import MemoryIntegrator, MemoryRemote, row

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db


def edited_under_way(integrator: type[MemoryIntegrator], name: str) -> None:
    """Save another name while the answer is on its way."""
    original = integrator.read_answer

    def read(self: Any, call: Any, answer: Any) -> Any:
        Group.objects.filter(pk=call.object_id).update(name=name)
        return original(self, call, answer)

    integrator.read_answer = read  # type: ignore[method-assign]


def test_a_newer_local_edit_is_not_eaten_and_is_looked_at_a_little_later(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver
) -> None:
    integrator.written = {"name": "from the remote"}
    edited_under_way(integrator, "edited")
    group = Group.objects.create(name="a")
    deliver()
    group.refresh_from_db()
    assert group.name == "edited"
    found = row(connection, group)
    assert found.wanted == Wanted.VERIFY
    assert found.due_at is not None
    assert 3 < (found.due_at - timezone.now()).total_seconds() <= 5


def test_a_row_that_never_comes_free_is_no_storm_of_reads(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "slice_s": 0.3}
    integrator.written = {"name": "from the remote"}
    names = iter(range(1000))
    original = integrator.read_answer

    def read(self: Any, call: Any, answer: Any) -> Any:
        Group.objects.filter(pk=call.object_id).update(name=f"edited {next(names)}")
        return original(self, call, answer)

    integrator.read_answer = read  # type: ignore[method-assign]
    Group.objects.create(name="a")
    drain(connection.pk)
    assert len(remote.journal) == 1


def test_values_that_are_there_already_are_not_written(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver
) -> None:
    integrator.written = {"name": "a"}
    edited_under_way(integrator, "edited")
    group = Group.objects.create(name="a")
    deliver()
    assert row(connection, group).wanted == Wanted.AUTO


def test_a_hook_that_fails_after_the_agreement_changes_nothing_of_it(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver, caplog: Any
) -> None:
    def failing(self: Any, outcome: Any) -> Any:
        raise ValueError("broken")

    integrator.written = {"name": "from the remote"}
    integrator.write_back_values = failing  # type: ignore[method-assign]
    group = Group.objects.create(name="a")
    deliver()
    assert row(connection, group).state == State.SYNCED
    assert "what follows at home failed" in caplog.text


def test_a_database_that_is_away_leaves_what_follows_for_later(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver
) -> None:
    original = integrator.delete_row
    failures = [OperationalError("gone")]

    def away(self: Any) -> None:
        if failures:
            raise failures.pop()
        original(self)

    integrator.delete_row = away  # type: ignore[method-assign]
    group = Group.objects.create(name="a")
    deliver()
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.DELETE)
    deliver()
    assert row(connection, group).state == State.PENDING
    deliver(2)
    assert not Group.objects.exists()


def test_a_write_back_whose_process_ended_before_it_is_made_good_by_a_read(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.written = {"name": "from the remote"}
    group = Group.objects.create(name="a")
    with armed("settled"), pytest.raises(faults.Ended):
        drain(connection.pk, wait=False)
    found = row(connection, group)
    assert (found.state, found.dirty_since, found.wanted) == (State.SYNCED, None, Wanted.VERIFY)
    group.refresh_from_db()
    assert group.name == "a"
    deliver()
    group.refresh_from_db()
    assert group.name == "from the remote"


def test_a_write_back_that_is_made_at_once_leaves_nothing_due(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.written = {"name": "from the remote"}
    group = Group.objects.create(name="a")
    deliver()
    found = row(connection, group)
    assert (found.state, found.wanted, found.due_at) == (State.SYNCED, Wanted.AUTO, None)
    assert [entry[0] for entry in remote.journal] == ["create"]


def test_where_nothing_can_be_read_a_write_back_asks_for_no_look(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.can_read, integrator.written = False, {"name": "from the remote"}
    group = Group.objects.create(name="a")
    with armed("settled"), pytest.raises(faults.Ended):
        drain(connection.pk, wait=False)
    assert row(connection, group).due_at is None
