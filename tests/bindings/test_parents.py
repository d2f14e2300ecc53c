from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from sync import bindings
from sync.bindings import parents
from sync.bindings.parents import Parent
from sync.models import Binding, Connection, State
from sync.models.clock import now

pytestmark = pytest.mark.django_db


def child(connection: Connection, object_id: str, **values: Any) -> Binding:
    given: dict[str, Any] = {
        "object_type": "coin",
        "model": "vault.coin",
        "state": State.WAITING,
        "waits_for": "box:1",
        "code": "waits_for_parent",
        "detail": "box 1",
        "due_at": now() + dt.timedelta(hours=1),
        **values,
    }
    return Binding.objects.create(connection=connection, object_id=object_id, **given)


def is_due(binding: Binding) -> bool:
    binding.refresh_from_db()
    return binding.due_at is not None and binding.due_at <= now()


def test_parents_are_looked_up_by_type_and_key(connection: Connection) -> None:
    child(connection, "1", remote_id="r1", state=State.SYNCED, waits_for="")
    child(connection, "2", object_type="box", waits_for="box:9")
    child(Connection.objects.create(integrator="other"), "3", remote_id="r3")
    assert bindings.remote_ids(connection.pk, {"coin": ["1", "3"], "box": ["2", "1"]}) == {
        "coin:1": Parent(remote_id="r1", waits_for="", state=State.SYNCED),
        "box:2": Parent(remote_id=None, waits_for="box:9", state=State.WAITING),
    }
    assert bindings.remote_ids(connection.pk, {}) == {}


def test_children_of_many_types_are_looked_up_in_a_query_each(
    connection: Connection, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):
        bindings.remote_ids(connection.pk, {"coin": [str(number) for number in range(500)], "box": ["1"]})


@pytest.mark.parametrize("state", [State.WAITING, State.HELD])
def test_whatever_waits_or_is_held_for_a_parent_becomes_due(connection: Connection, state: State) -> None:
    waiting = child(connection, "1", state=state, due_at=None)
    assert bindings.wake_children(connection.pk, ["box:1"]) == 1
    assert is_due(waiting)
    assert (waiting.state, waiting.waits_for, waiting.code, waiting.detail) == (State.PENDING, "", "", "")


def test_others_are_left_as_they_are(connection: Connection) -> None:
    others = [
        child(connection, "1", waits_for="box:11"),
        child(connection, "2", state=State.DEAD),
        child(connection, "3", state=State.IN_DOUBT, due_at=None),
        child(connection, "4", leased=True),
        child(Connection.objects.create(integrator="other"), "5"),
    ]
    assert bindings.wake_children(connection.pk, ["box:1"]) == 0
    assert bindings.wake_children(connection.pk, []) == 0
    assert not any(is_due(other) for other in others)


@pytest.mark.parametrize("atomic", [True, False])
def test_many_children_are_woken_in_turns(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    monkeypatch.setattr(parents, "CHUNK", 3)
    for number in range(7):
        child(connection, str(number), waits_for=f"box:{number % 2}")
    if atomic:
        with transaction.atomic():
            assert bindings.wake_children(connection.pk, ["box:0", "box:1"]) == 7
    else:
        assert bindings.wake_children(connection.pk, iter(["box:0", "box:1"])) == 7
    assert not Binding.objects.exclude(state=State.PENDING).exists()
