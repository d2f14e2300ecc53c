"""What becomes of a binding, seen through the drain."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from sync import bindings
from sync.drain import Report
from sync.exceptions import ConnectFailed
from sync.models import Binding, Connection, Operation, State, Status
from sync.types import RetryPolicy, Wanted
from tests.drain.memory import MemoryIntegrator, MemoryRemote, error, lost, row, status

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db


def ends(connection: Connection) -> None:
    """The last lease of every intent is over."""
    for binding in connection.bindings.exclude(intent=None):
        binding.intent = json.dumps({**json.loads(binding.intent), "until": 0.0})
        binding.save()


def intent(connection: Connection, group: Group) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row(connection, group).intent)
    return found


# --- a delete that was asked for -------------------------------------------------------------------------------------


def test_a_delete_asked_for_while_the_create_is_in_doubt_is_not_forgotten_by_its_replay(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [lost(applied=True)]
    group = Group.objects.create(name="a")
    deliver()
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.DELETE)
    deliver(4)
    assert remote.objects == {}
    assert not Group.objects.exists()
    assert Binding.objects.get().state == State.ABSENT


def test_an_object_asked_to_go_stays_due_until_its_row_is_gone(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    removals: list[Any] = []
    original = integrator.delete_row

    def dying(self: Any) -> None:
        removals.append(self)
        if len(removals) == 1:
            raise KeyboardInterrupt  # the process ends between the remote's answer and the row's removal
        original(self)

    integrator.delete_row = dying  # type: ignore[method-assign]
    group = Group.objects.create(name="a")
    deliver()
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.DELETE)
    with pytest.raises(KeyboardInterrupt):
        deliver()
    found = row(connection, group)
    assert (found.wanted, found.remote_id) == (Wanted.DELETE, None)
    assert found.due_at is not None
    deliver(2)
    assert not Group.objects.exists()
    assert remote.names() == []
    assert (Binding.objects.get().state, Binding.objects.get().due_at) == (State.ABSENT, None)


def test_a_row_that_cannot_be_removed_is_held_and_says_so(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver
) -> None:
    def protected(self: Any) -> None:
        raise ValueError("protected")

    integrator.delete_row = protected  # type: ignore[method-assign]
    group = Group.objects.create(name="a")
    deliver()
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.DELETE)
    deliver()
    found = row(connection, group)
    assert (found.state, found.code, found.due_at) == (State.HELD, "row_not_removed", None)


# --- intents ---------------------------------------------------------------------------------------------------------


def test_a_replay_that_was_never_sent_does_not_count_as_one(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [lost(applied=False), error(ConnectFailed("refused"))]
    group = Group.objects.create(name="a")
    deliver()
    before = intent(connection, group)
    deliver()
    assert intent(connection, group) == before
    assert row(connection, group).uncertain == "create"


@pytest.mark.parametrize("code", [429, 401, 403])
def test_what_only_a_look_up_can_tell_is_looked_up_also_after_a_refusal_that_says_nothing(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, code: int
) -> None:
    integrator.spec.can_lookup = True
    remote.faults = [status(409), status(code)]
    group = Group.objects.create(name="a")
    deliver()
    ends(connection)
    deliver()
    found = intent(connection, group)
    assert (found["look"], found["conflict"]) == (True, True)


def test_a_conflict_behind_which_nothing_is_found_is_sent_again_with_the_same_key(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.can_lookup = True
    remote.faults = [status(409)]
    Group.objects.create(name="a")
    deliver()
    for _ in range(2):
        ends(connection)
        deliver()
    assert [entry[0] for entry in remote.journal] == ["create", "lookup", "create"]
    assert len(set(Operation.objects.filter(verb="create").values_list("key", flat=True))) == 1
    assert remote.names() == ["a"]


def test_a_replay_refused_for_good_is_looked_up_or_held_for_a_person(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [lost(applied=True), status(422)]
    group = Group.objects.create(name="a")
    deliver(2)
    found = row(connection, group)
    assert (found.state, found.uncertain, found.due_at) == (State.IN_DOUBT, "create", None)
    assert len(remote.objects) == 1


def test_a_look_up_that_finds_several_makes_the_object_dead(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed, integrator.spec.can_lookup = False, True
    remote.objects = {"x1": {"name": "a"}, "x2": {"name": "a"}}
    remote.faults = [lost(applied=False)]
    group = Group.objects.create(name="a")
    deliver()
    ends(connection)
    deliver()
    assert (row(connection, group).state, row(connection, group).code) == (State.DEAD, "ambiguous")


def test_a_key_older_than_its_ttl_is_not_replayed(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.key_ttl = 0.0
    remote.faults = [lost(applied=True)]
    group = Group.objects.create(name="a")
    deliver(2)
    assert row(connection, group).state == State.IN_DOUBT
    assert remote.calls("create") == 1


def test_where_a_duplicate_is_acceptable_a_lost_create_is_simply_sent_again(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed, integrator.spec.on_uncertain, remote.honours_keys = False, "retry", False
    remote.faults = [lost(applied=False)]
    group = Group.objects.create(name="a")
    deliver(2)
    assert (remote.names(), row(connection, group).state) == (["a"], State.SYNCED)


def test_a_lost_create_of_a_vanished_row_ends_where_a_duplicate_is_acceptable(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, deliver: Deliver
) -> None:
    integrator.spec.keyed, integrator.spec.on_uncertain, remote.honours_keys = False, "retry", False
    remote.faults = [lost(applied=False)]
    Group.objects.create(name="a")
    deliver()
    Group.objects.all().delete()
    deliver()
    assert Binding.objects.get().state == State.ABSENT


# --- policies --------------------------------------------------------------------------------------------------------


def test_a_step_that_follows_at_once_is_no_retry(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.policy = RetryPolicy(attempts=1, max_age=0.0)
    group = Group.objects.create(name="a")
    deliver()
    remote.objects.clear()
    group.name = "b"
    group.save()
    deliver(2)
    assert remote.names() == ["b"]
    remote.faults = [status(412)]
    group.name = "c"
    group.save()
    deliver(3)
    assert remote.names() == ["c"]


def test_a_version_that_is_never_the_right_one_ends_in_backoff(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    remote.faults = [status(412), None] * 3
    group.name = "b"
    group.save()
    deliver(6)
    assert row(connection, group).attempts == 3
    assert row(connection, group).state == State.DEAD


def test_one_try_is_all_where_the_policy_says_so(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.policy = RetryPolicy(attempts=1, max_age=0.0)
    remote.faults = [status(500)]
    group = Group.objects.create(name="a")
    deliver()
    assert row(connection, group).state == State.DEAD


def test_until_it_is_old_enough_an_object_is_tried_again_however_often_it_failed(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.policy = RetryPolicy(attempts=1, base_delay=5000.0, max_delay=9000.0, max_age=3600.0)
    remote.faults = [status(500)] * 3
    group = Group.objects.create(name="a")
    deliver(2)
    assert row(connection, group).state == State.RETRYING
    Binding.objects.update(dirty_since=timezone.now() - dt.timedelta(hours=2))
    deliver()
    assert row(connection, group).state == State.DEAD


# --- what came meanwhile ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, status(422), status(500)])
def test_an_edit_while_the_request_is_under_way_is_sent_after_it(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, answer: Any
) -> None:
    group = Group.objects.create(name="a")
    original = integrator.read_answer

    def read(self: Any, call: Any, answer: Any) -> Any:
        if group.name == "a":
            group.name = "b"
            group.save()
            bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.AUTO)
        return original(self, call, answer)

    integrator.read_answer = read  # type: ignore[method-assign]
    remote.faults = [answer]
    deliver(3)
    assert remote.names() == ["b"]
    assert row(connection, group).state == State.SYNCED


def test_a_reference_in_doubt_keeps_its_doubt_while_it_waits_for_the_holder_of_its_id(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed, integrator.spec.can_lookup, remote.honours_keys = False, True, False
    holder = Group.objects.create(name="h")
    deliver()
    remote.objects["r1"]["name"] = "a"
    later = timezone.now() + dt.timedelta(hours=1)
    Binding.objects.filter(object_id=str(holder.pk)).update(leased=True, due_at=later, state=State.PENDING)
    remote.faults = [lost(applied=False)]
    group = Group.objects.create(name="a")
    deliver()
    ends(connection)
    deliver()
    found = row(connection, group)
    assert (found.state, found.code, found.uncertain) == (State.WAITING, "duplicate_remote", "create")
    assert found.due_at is not None
    Binding.objects.filter(object_id=str(holder.pk)).update(remote_id=None, due_at=None, leased=False)
    deliver(2)
    assert row(connection, group).remote_id == "r1"
    assert remote.calls("create") == 1  # the holder's


def test_a_verifying_read_of_what_agrees_with_the_answer_given_before_changes_nothing(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    Binding.objects.update(seen='{"id":"r1","name":"A"}')
    remote.objects["r1"]["name"] = "A"  # how this remote writes it
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
    deliver(2)
    assert remote.calls("update") == 0
    Binding.objects.update(seen='["no object"]')
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
    deliver(2)
    assert remote.names() == ["a"]


def test_what_cannot_be_read_is_pushed_where_it_was_to_be_verified(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.can_read = False
    group = Group.objects.create(name="a")
    deliver()
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
    deliver()
    assert (remote.calls("read"), remote.calls("update")) == (0, 1)


def test_a_delete_in_doubt_is_done_again_and_404_means_done(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    Group.objects.create(name="a")
    deliver()
    Group.objects.all().delete()
    remote.faults = [lost(applied=True)]
    deliver(2)
    assert Binding.objects.get().state == State.ABSENT
    assert Operation.objects.filter(verb="delete").last().status == Status.SUCCEEDED  # type: ignore[union-attr]


def test_an_update_after_a_delete_in_doubt_finds_nothing_and_creates(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.on_gone = "hold"
    integrator.spec.sync_when = lambda group: group.name != "out"
    group = Group.objects.create(name="a")
    deliver()
    group.name = "out"
    group.save()
    remote.faults = [lost(applied=True)]
    deliver()
    assert row(connection, group).uncertain == "delete"
    group.name = "back"
    group.save()
    deliver(2)
    assert remote.names() == ["back"]


# --- what was left at the remote -------------------------------------------------------------------------------------


def left_behind(remote: MemoryRemote, deliver: Deliver) -> Group:
    """A group "a" whose row was deleted, and whose object was left at the remote; and a new row of the same name."""
    group = Group.objects.create(name="a")
    deliver()
    group.delete()
    deliver()
    assert remote.names() == ["a"]
    remote.faults = [status(409)]
    return Group.objects.create(name="a")


def test_a_row_made_anew_takes_over_what_its_deleted_forerunner_left_at_the_remote(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed, integrator.spec.can_lookup, integrator.spec.on_delete = False, True, "keep"
    anew = left_behind(remote, deliver)
    former = Binding.objects.get()
    ends(connection)
    deliver()
    ends(connection)
    deliver(3)
    found = row(connection, anew)
    assert (found.state, found.remote_id, found.code) == (State.SYNCED, "r1", "")
    assert remote.names() == ["a"]
    former.refresh_from_db()
    assert (former.state, former.remote_id, former.due_at) == (State.ABSENT, None, None)
    assert "r1" in former.detail


def test_a_row_that_only_left_the_scope_keeps_its_object_from_another(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed, integrator.spec.can_lookup, integrator.spec.on_leave = False, True, "keep"
    shown = Group.objects.create(name="a")
    deliver()
    integrator.spec.sync_when = lambda group: group.pk != shown.pk
    shown.save()
    deliver()
    Binding.objects.update(code="left")
    shown.name = "renamed here, unseen there"
    shown.save()
    deliver()
    assert row(connection, shown).code == "left"
    remote.faults = [status(409)]
    other = Group.objects.create(name="a")
    for _ in range(4):
        deliver()
        ends(connection)
    assert (row(connection, other).state, row(connection, other).code) == (State.DEAD, "duplicate_remote")
    assert row(connection, shown).remote_id == "r1"


def test_a_row_that_comes_back_under_its_old_key_finds_what_it_left(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.on_delete = "keep"
    group = Group.objects.create(name="a")
    deliver()
    pk = group.pk
    group.delete()
    deliver()
    Group.objects.create(pk=pk, name="restored")
    deliver()
    assert remote.objects == {"r1": {"name": "restored"}}


def test_a_row_that_comes_back_as_it_was_is_sent_whole_since_nobody_watched_what_it_left(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.on_delete = "keep"
    group = Group.objects.create(name="a")
    deliver()
    pk = group.pk
    group.delete()
    deliver()
    remote.objects["r1"]["name"] = "edited there meanwhile"
    Group.objects.create(pk=pk, name="a")
    deliver()
    assert remote.objects == {"r1": {"name": "a"}}
