from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from sync import bindings
from sync.drain import Report, direct, gate
from sync.exceptions import (
    CrudSyncError,
    DeliveryUnknown,
    InTransaction,
    ObjectBusy,
    PayloadError,
    RateLimitExceeded,
    Refused,
    Unauthorized,
)
from sync.models import Binding, Connection, Gate, Operation, State, Status
from sync.types import BulkSpec, OutcomeKind, RateLimit, Verb
from tests.drain.conftest import hurry
from tests.drain.memory import MemoryIntegrator, MemoryRemote, lost, row, status

Deliver = Callable[..., Report]
Unit = Callable[..., Any]

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit(integrator: type[MemoryIntegrator], connection: Connection, settings: Any) -> Unit:
    """Make the integrator's instance for a row, a payload, or nothing; sending is allowed inside the test."""
    settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": True, "wait_s": 0.0}
    return lambda model=None: integrator("group", model, connection)


def saved(name: str = "a") -> Group:
    return Group.objects.create(name=name)


def send(unit: Any, verb: Verb) -> Any:
    return direct.run(unit, verb, str(unit.instance.pk))


# --- the three verbs -------------------------------------------------------------------------------------------------


def test_a_row_is_created_and_recorded_as_the_worker_would(
    unit: Unit, remote: MemoryRemote, connection: Connection
) -> None:
    group = saved()
    assert send(unit(group), Verb.CREATE).remote_id == "r1"
    assert (row(connection, group).state, row(connection, group).due_at) == (State.SYNCED, None)
    assert Operation.objects.get().status == Status.SUCCEEDED


def test_a_row_that_is_there_already_is_updated_whole(unit: Unit, remote: MemoryRemote) -> None:
    group = saved()
    send(unit(group), Verb.CREATE)
    assert send(unit(group), Verb.UPDATE).ok
    assert [entry[0] for entry in remote.journal] == ["create", "update"]


def test_a_delete_takes_the_row_along(unit: Unit, remote: MemoryRemote, deliver: Deliver) -> None:
    group = saved()
    send(unit(group), Verb.CREATE)
    assert send(unit(group), Verb.DELETE).ok
    assert (remote.objects, Group.objects.count()) == ({}, 0)
    assert (Binding.objects.get().state, Binding.objects.get().due_at) == (State.ABSENT, None)
    deliver()
    assert Binding.objects.get().state == State.ABSENT


def test_a_delete_of_what_was_never_sent_removes_the_row_without_a_call(unit: Unit, remote: MemoryRemote) -> None:
    assert send(unit(saved()), Verb.DELETE).code == "nothing_to_do"
    assert (remote.journal, Group.objects.count()) == ([], 0)


def test_a_delete_of_what_may_have_been_created_finds_out_first(
    unit: Unit, remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [lost(applied=True)]
    group = saved()
    deliver()
    assert send(unit(group), Verb.DELETE).ok
    assert [entry[0] for entry in remote.journal] == ["create", "create", "delete"]
    assert remote.objects == {}


def test_a_look_up_is_a_step_on_the_way(
    unit: Unit, integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection
) -> None:
    integrator.spec.can_lookup = True
    remote.objects["r7"] = {"name": "a"}
    remote.faults = [status(409)]
    group = saved()
    with pytest.raises(CrudSyncError):
        send(unit(group), Verb.CREATE)
    assert row(connection, group).uncertain == "create"
    binding = row(connection, group)
    binding.intent = binding.intent.replace(f'"until":{_until(binding)}', '"until":0')
    binding.save()
    assert send(unit(group), Verb.CREATE).ok
    assert row(connection, group).remote_id == "r7"


def _until(binding: Binding) -> str:
    return repr(json.loads(binding.intent or "")["until"])


# --- at the remote first ---------------------------------------------------------------------------------------------


def test_an_object_created_at_the_remote_first_gets_its_row(unit: Unit, remote: MemoryRemote) -> None:
    outcome = direct.run(unit({"name": "first"}), Verb.CREATE, "")
    group = Group.objects.get()
    assert (group.name, outcome.remote_id) == ("first", "r1")
    binding = Binding.objects.get()
    assert (binding.object_id, binding.state, binding.due_at) == (str(group.pk), State.SYNCED, None)


def test_a_first_create_that_was_refused_leaves_nothing_behind(unit: Unit, remote: MemoryRemote) -> None:
    remote.faults = [status(422)]
    with pytest.raises(Refused):
        direct.run(unit({"name": "first"}), Verb.CREATE, "")
    assert not Binding.objects.exists()
    assert not Group.objects.exists()


def test_a_first_create_whose_answer_was_lost_is_replayed_by_the_worker_and_gets_its_row(
    unit: Unit, remote: MemoryRemote, deliver: Deliver
) -> None:
    remote.faults = [lost(applied=True)]
    with pytest.raises(DeliveryUnknown):
        direct.run(unit({"name": "first"}), Verb.CREATE, "")
    assert Binding.objects.get().object_id.startswith(bindings.FIRST)
    deliver()
    assert len(remote.objects) == 1
    assert Binding.objects.get().object_id == str(Group.objects.get().pk)


def test_a_row_that_its_worker_did_not_live_to_insert_is_inserted_by_the_next(
    unit: Unit, integrator: type[MemoryIntegrator], remote: MemoryRemote, deliver: Deliver
) -> None:
    original = integrator.create_row

    def dying(self: Any, outcome: Any) -> Any:
        raise KeyboardInterrupt

    integrator.create_row = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        direct.run(unit({"name": "first"}), Verb.CREATE, "")
    assert Binding.objects.get().due_at is not None
    integrator.create_row = original  # type: ignore[method-assign]
    deliver()
    assert Group.objects.get().name == "first"
    assert remote.calls("create") == 1
    assert Binding.objects.get().object_id == str(Group.objects.get().pk)


def test_a_row_that_cannot_be_inserted_is_held_and_says_so(
    unit: Unit, integrator: type[MemoryIntegrator], deliver: Deliver
) -> None:
    def refusing(self: Any, outcome: Any) -> Any:
        raise ValueError("no such row")

    integrator.create_row = refusing  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="no such row"):
        direct.run(unit({"name": "first"}), Verb.CREATE, "")
    found = Binding.objects.get()
    assert (found.state, found.code, found.due_at, found.remote_id) == (State.HELD, "row_not_inserted", None, "r1")


def test_two_workers_insert_one_row(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "name_row", lambda binding_id, object_id: False)  # the other one was faster
    with pytest.raises(ObjectBusy):
        direct.run(unit({"name": "first"}), Verb.CREATE, "")
    assert not Group.objects.exists()


def test_a_first_object_without_payload_or_intent_is_held(connection: Connection, deliver: Deliver) -> None:
    bindings.ask(connection.pk, "group", [f"{bindings.FIRST}1"], model="auth.group")
    deliver()
    assert Binding.objects.get().state == State.HELD


# --- without a row ---------------------------------------------------------------------------------------------------


def test_what_has_no_row_is_updated_and_deleted_by_its_remote_id(unit: Unit, remote: MemoryRemote) -> None:
    remote.objects["r5"] = {"name": "old"}
    assert direct.run(unit({"name": "new"}), Verb.UPDATE, "r5").ok
    assert remote.objects["r5"] == {"name": "new"}
    assert direct.run(unit(), Verb.DELETE, "r5").ok
    assert remote.objects == {}
    assert Binding.objects.get().state == State.ABSENT


def test_the_worker_does_nothing_on_its_own_for_what_has_no_row(
    unit: Unit, remote: MemoryRemote, deliver: Deliver
) -> None:
    remote.objects["r5"] = {"name": "old"}
    remote.faults = [status(500)]
    with pytest.raises(CrudSyncError):
        direct.run(unit({"name": "new"}), Verb.UPDATE, "r5")
    deliver()
    assert remote.calls("update") == 1
    assert (Binding.objects.get().state, Binding.objects.get().due_at) == (State.SYNCED, None)


def test_a_delete_without_a_row_that_failed_is_done_by_the_worker(
    unit: Unit, remote: MemoryRemote, deliver: Deliver
) -> None:
    remote.objects["r5"] = {"name": "old"}
    remote.faults = [status(500)]
    with pytest.raises(CrudSyncError):
        direct.run(unit(), Verb.DELETE, "r5")
    deliver()
    assert remote.objects == {}


def test_two_long_remote_ids_with_one_beginning_are_two_objects(connection: Connection) -> None:
    names = {bindings.by_remote_id(connection.pk, "group", "x" * 300 + end, "auth.group") for end in "ab"}
    assert len(names) == 2
    assert max(map(len, names)) <= 200


# --- what stands in the way ------------------------------------------------------------------------------------------


def test_inside_an_open_transaction_a_verb_refuses(unit: Unit, settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": False}
    with pytest.raises(InTransaction):
        send(unit(saved()), Verb.CREATE)


def test_a_paused_connection_is_busy(unit: Unit, integrator: type[MemoryIntegrator]) -> None:
    Connection.objects.update(paused=True)
    with pytest.raises(ObjectBusy):
        send(unit(saved()), Verb.CREATE)


def test_an_object_that_a_worker_holds_is_busy(unit: Unit, connection: Connection) -> None:
    group = saved()
    bindings.ask(connection.pk, "group", [str(group.pk)], model="auth.group")
    bindings.claim(connection.pk, 10, 60.0)
    with pytest.raises(ObjectBusy):
        send(unit(group), Verb.UPDATE)


def test_an_object_in_doubt_is_busy_and_stays_in_doubt(
    unit: Unit, integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.keyed = False
    remote.faults = [lost(applied=True)]
    group = saved()
    deliver()
    with pytest.raises(ObjectBusy, match="in_doubt"):
        send(unit(group), Verb.UPDATE)
    assert row(connection, group).state == State.IN_DOUBT


def test_a_payload_that_cannot_be_built_is_raised_and_held(
    unit: Unit, integrator: type[MemoryIntegrator], connection: Connection
) -> None:
    integrator.poison = {"bad"}
    group = saved("bad")
    with pytest.raises(PayloadError):
        send(unit(group), Verb.CREATE)
    assert row(connection, group).state == State.HELD


def test_a_refused_verb_raises_what_the_remote_said(unit: Unit, remote: MemoryRemote, connection: Connection) -> None:
    remote.faults = [status(422)]
    group = saved()
    with pytest.raises(Refused):
        send(unit(group), Verb.CREATE)
    assert (row(connection, group).state, row(connection, group).code) == (State.HELD, "422")


def test_without_a_free_token_a_verb_raises_and_leaves_the_object_to_the_worker(
    unit: Unit, integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection
) -> None:
    integrator.rate_limits = (RateLimit(1, per=60),)  # and no Redis to ask: closed
    group = saved()
    with pytest.raises(RateLimitExceeded) as caught:
        send(unit(group), Verb.CREATE)
    assert caught.value.retry_after_s > 0
    found = row(connection, group)
    assert (found.leased, found.claims, found.attempts) == (False, 0, 0)
    assert found.due_at is not None
    assert remote.journal == []
    assert not Operation.objects.exists()


def test_a_verb_waits_for_a_token_for_as_long_as_it_may(
    unit: Unit, integrator: type[MemoryIntegrator], settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "wait_s": 5.0}
    integrator.rate_limits = (RateLimit(1, per=60),)
    tries: list[int] = []

    def limits(self: Any, verb: Verb) -> Any:
        tries.append(1)
        return self.rate_limits if len(tries) < 2 else ()

    integrator.limits = limits  # type: ignore[method-assign]
    assert send(unit(saved()), Verb.CREATE).ok


def test_what_a_verb_leaves_to_do_is_rung_for(
    unit: Unit, integrator: type[MemoryIntegrator], connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(direct.wake, "ring", rung.extend)
    group = saved()
    send(unit(group), Verb.CREATE)
    assert rung == []
    original = integrator.read_answer

    def edited(self: Any, call: Any, answer: Any) -> Any:
        bindings.ask(connection.pk, "group", [str(group.pk)])
        return original(self, call, answer)

    integrator.read_answer = edited  # type: ignore[method-assign]
    send(unit(group), Verb.UPDATE)
    assert rung == [connection.pk]


# --- credentials and the gate ----------------------------------------------------------------------------------------


def test_a_verb_whose_credentials_were_renewed_is_sent_again(
    unit: Unit, integrator: type[MemoryIntegrator], remote: MemoryRemote
) -> None:
    integrator.renewals = [True]
    remote.faults = [status(401)]
    assert send(unit(saved()), Verb.CREATE).ok


def test_credentials_that_stay_refused_are_raised_and_shut_the_gate(
    unit: Unit, integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection
) -> None:
    integrator.renewals = [True] * 9
    remote.faults = [status(401)] * 9
    with pytest.raises(Unauthorized):
        send(unit(saved()), Verb.CREATE)
    assert len(remote.journal) == 2
    assert Gate.objects.get(connection=connection).blocked_until is not None


def test_a_verb_that_won_the_probe_and_sent_nothing_gives_it_back(
    unit: Unit, integrator: type[MemoryIntegrator], connection: Connection
) -> None:
    gate.shut(connection.pk, 30.0, "for a test")
    hurry(connection)
    integrator.poison = {"bad"}
    with pytest.raises(PayloadError):
        send(unit(saved("bad")), Verb.CREATE)
    assert Gate.objects.get(connection=connection).probe_until is None
    assert send(unit(saved()), Verb.CREATE).ok
    assert Gate.objects.get(connection=connection).blocked_until is None


def test_a_hook_error_after_the_answer_is_raised(unit: Unit, integrator: type[MemoryIntegrator]) -> None:
    original = integrator.read_answer
    integrator.read_answer = lambda self, call, answer: replace(  # type: ignore[method-assign]
        original(self, call, answer), kind=OutcomeKind.HOOK_ERROR, code="hook_error"
    )
    with pytest.raises(CrudSyncError):
        send(unit(saved()), Verb.CREATE)
    assert Binding.objects.get().remote_id == "r1"


# --- several ---------------------------------------------------------------------------------------------------------


def test_several_rows_go_at_once_in_a_batch_where_there_is_one(
    unit: Unit, integrator: type[MemoryIntegrator], remote: MemoryRemote
) -> None:
    integrator.spec.bulk = BulkSpec(key="name", create="groups/bulk", size=10)
    groups = [saved(f"g{number}") for number in range(3)]
    outcomes = direct.run_many([unit(group) for group in groups], Verb.CREATE)
    assert [remote.objects[outcome.remote_id]["name"] for outcome in outcomes] == ["g0", "g1", "g2"]
    assert remote.calls("bulk") == 1
    assert direct.run_many([], Verb.CREATE) == []


def test_several_rows_of_which_a_worker_holds_one_are_let_go_again(unit: Unit, connection: Connection) -> None:
    first, held = saved("first"), saved("held")
    bindings.ask(connection.pk, "group", [str(held.pk)], model="auth.group")
    bindings.claim(connection.pk, 10, 60.0)
    with pytest.raises(ObjectBusy):
        direct.run_many([unit(first), unit(held)], Verb.CREATE)
    found = row(connection, first)
    assert (found.leased, found.claims) == (False, 0)
    assert found.due_at is not None
    assert found.due_at <= timezone.now() + dt.timedelta(seconds=1)


def test_one_of_several_that_is_not_sent_says_so(
    unit: Unit, integrator: type[MemoryIntegrator], remote: MemoryRemote
) -> None:
    integrator.poison = {"bad"}
    outcomes = direct.run_many([unit(saved("good")), unit(saved("bad"))], Verb.CREATE)
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.OK, OutcomeKind.NO_TOKEN]


def test_a_leftover_of_a_lost_worker_is_closed_by_a_verb_too(unit: Unit, connection: Connection) -> None:
    group = saved()
    send(unit(group), Verb.CREATE)
    Operation.objects.update(status=Status.STARTED)
    past = timezone.now() - dt.timedelta(seconds=1)
    Binding.objects.update(leased=True, due_at=past, claims=1)
    send(unit(group), Verb.UPDATE)
    assert Operation.objects.order_by("pk")[0].code == "worker_lost"
