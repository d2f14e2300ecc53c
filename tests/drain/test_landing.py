"""A write that was given up lands late, over the one that came after it: a look finds it, and ours is sent again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from sync import bindings
from sync.drain import Report, direct, drain
from sync.exceptions import DeliveryUnknown
from sync.models import Binding, Connection, State
from sync.types import Lane, Verb, Wanted
from tests.drain.memory import MemoryIntegrator, MemoryRemote, late, lost, row, status

pytestmark = pytest.mark.django_db
Deliver = Callable[..., Report]


def renamed(group: Group, name: str) -> None:
    group.name = name
    group.save()


def updated_after_a_doubt(remote: MemoryRemote, deliver: Deliver) -> Group:
    """A group "c" at the remote; the answer to its update to "b" was lost, and that update has not arrived."""
    group = Group.objects.create(name="a")
    deliver()
    remote.faults = [lost(applied=False)]
    renamed(group, "b")
    deliver()
    renamed(group, "c")
    deliver()
    return group


def test_a_write_that_was_never_in_doubt_is_not_looked_at_again(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    renamed(group, "b")
    deliver(3)
    assert [entry[0] for entry in remote.journal] == ["create", "update"]
    assert row(connection, group).due_at is None


def test_an_update_that_lands_late_is_found_and_overwritten(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = updated_after_a_doubt(remote, deliver)
    assert remote.names() == ["c"]
    remote.objects["r1"]["name"] = "b"  # the lost one lands
    deliver(3)
    assert remote.names() == ["c"]
    assert (row(connection, group).state, row(connection, group).uncertain) == (State.SYNCED, "")


def test_the_look_waits_until_nothing_can_be_under_way_and_comes_once(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = updated_after_a_doubt(remote, deliver)
    binding = row(connection, group)
    assert (binding.state, binding.dirty_since) == (State.SYNCED, None)
    assert binding.due_at > timezone.now() + dt.timedelta(seconds=5)
    deliver(5)
    assert remote.calls("read") == 1
    assert row(connection, group).due_at is None


def test_an_edit_does_not_wait_for_the_look(remote: MemoryRemote, connection: Connection, deliver: Deliver) -> None:
    group = updated_after_a_doubt(remote, deliver)
    renamed(group, "d")
    drain(connection.pk, wait=False)
    assert remote.names() == ["d"]
    assert remote.calls("read") == 0
    remote.objects["r1"]["name"] = "b"
    deliver(3)
    assert remote.names() == ["d"]


def test_an_equal_save_does_not_bring_the_look_forward(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = updated_after_a_doubt(remote, deliver)
    for _ in range(3):
        group.save()
        drain(connection.pk, wait=False)
    assert remote.calls("read") == 0
    binding = row(connection, group)
    assert (binding.state, binding.code, binding.dirty_since) == (State.SYNCED, "", None)
    assert binding.due_at > timezone.now() + dt.timedelta(seconds=5)
    remote.objects["r1"]["name"] = "b"
    deliver(3)
    assert remote.names() == ["c"]


def test_a_change_of_a_deleted_row_does_not_bring_its_second_delete_forward(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.client_id = True
    group = Group.objects.create(name="a")
    deliver()
    remote.faults = [lost(applied=False)]
    renamed(group, "b")
    deliver()
    pk = group.pk
    group.delete()
    deliver()
    bindings.ask(connection.pk, "group", [str(pk)], wanted=Wanted.AUTO, lane=Lane.LIVE)
    drain(connection.pk, wait=False)
    binding = Binding.objects.get()
    assert (binding.state, remote.calls("delete")) == (State.ABSENT, 1)
    remote.objects[str(binding.remote_id)] = {"name": "b"}  # the lost update lands, and makes it anew
    deliver(3)
    assert remote.objects == {}


def test_a_doubt_outlives_the_absence_of_its_object_where_it_is_created_anew(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed, integrator.spec.client_id, remote.upserts = False, True, True
    group = Group.objects.create(name="a")
    deliver()
    remote.faults = [late()]
    renamed(group, "b")
    deliver()
    remote.objects.clear()  # somebody removes it there
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
    renamed(group, "c")
    deliver()
    assert remote.names() == ["c"]
    remote.land()
    assert remote.names() == ["b"]
    deliver(3)
    assert remote.names() == ["c"]


@pytest.mark.parametrize("code", [403, 422, 500])
def test_a_look_that_is_never_answered_gives_nothing_up(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, code: int
) -> None:
    group = updated_after_a_doubt(remote, deliver)
    remote.faults = [status(code) for _ in range(20)]
    deliver(8)
    binding = row(connection, group)
    assert (binding.state, binding.code, binding.due_at, binding.uncertain) == (State.SYNCED, "", None, "")
    assert len(remote.faults) >= 17  # no more looks than attempts


def test_what_cannot_be_read_is_not_looked_at(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.can_read = False
    group = updated_after_a_doubt(remote, deliver)
    assert row(connection, group).due_at is None


def test_a_delete_that_lands_late_is_found_and_the_row_created_again_whatever_the_policy_says(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.on_gone = "hold"
    group = Group.objects.create(name="a")
    deliver()
    remote.faults = [lost(applied=False)]
    pk = group.pk
    group.delete()
    deliver()
    Group.objects.create(pk=pk, name="b")
    deliver()
    assert remote.names() == ["b"]
    remote.objects.clear()
    deliver(4)
    assert remote.names() == ["b"]


def test_where_a_late_write_makes_what_is_missing_a_delete_after_a_doubt_is_sent_twice(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.client_id = True
    group = Group.objects.create(name="a")
    deliver()
    remote.faults = [lost(applied=False)]
    renamed(group, "b")
    deliver()
    (remote_id,) = remote.objects
    group.delete()
    deliver()
    remote.objects[remote_id] = {"name": "b"}  # the lost update lands, and makes it anew
    deliver(3)
    assert remote.objects == {}
    assert set(Binding.objects.values_list("state", "remote_id", "due_at")) == {(State.ABSENT, None, None)}


def test_a_verifying_read_that_agrees_in_the_middle_of_a_doubt_is_no_end_of_it(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group: Any = Group.objects.create(name="a")
    deliver()
    remote.faults = [lost(applied=False)]
    renamed(group, "b")
    deliver()
    renamed(group, "a")
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
    deliver()
    remote.objects["r1"]["name"] = "b"
    deliver(3)
    assert remote.names() == ["a"]


# --- verbs called directly -------------------------------------------------------------------------------------------


def directly(integrator: type[MemoryIntegrator], connection: Connection, settings: Any, verb: Verb, model: Any) -> Any:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": True, "wait_s": 0.0}
    name = str(model.pk) if isinstance(model, Group) else str(model)
    return direct.run(integrator("group", model, connection), verb, name)


def test_a_verb_that_succeeds_after_a_doubt_is_looked_at_too(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, settings: Any
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    remote.faults = [lost(applied=False)]
    group.name = "b"
    with pytest.raises(DeliveryUnknown):
        directly(integrator, connection, settings, Verb.UPDATE, group)
    renamed(group, "c")
    assert directly(integrator, connection, settings, Verb.UPDATE, group).ok
    assert row(connection, group).due_at > timezone.now() + dt.timedelta(seconds=5)
    remote.objects["r1"]["name"] = "b"  # the lost one lands
    deliver(3)
    assert remote.names() == ["c"]
    assert (row(connection, group).state, row(connection, group).uncertain) == (State.SYNCED, "")


def test_a_create_that_a_verb_replays_is_looked_at_too(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, settings: Any
) -> None:
    group = Group.objects.create(name="a")
    remote.faults = [lost(applied=True)]
    with pytest.raises(DeliveryUnknown):
        directly(integrator, connection, settings, Verb.CREATE, group)
    assert directly(integrator, connection, settings, Verb.CREATE, group).ok
    deliver(3)
    assert remote.calls("read") == 1
    assert (row(connection, group).state, row(connection, group).due_at) == (State.SYNCED, None)


def test_an_object_created_at_the_remote_first_is_looked_at_once_its_row_is_there(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, settings: Any
) -> None:
    remote.faults = [lost(applied=True)]
    with pytest.raises(DeliveryUnknown):
        directly(integrator, connection, settings, Verb.CREATE, {"name": "a"})
    deliver(2)
    assert Group.objects.get().name == "a"
    deliver(3)
    assert remote.calls("read") == 1
    found = row(connection, Group.objects.get())
    assert (found.state, found.uncertain, found.due_at) == (State.SYNCED, "", None)
