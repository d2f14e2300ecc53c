"""A drain that raises gives its leases back, the gate says why, and no object ends as if it had crashed a worker."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError
from django.utils import timezone

from sync import bindings, faults
from sync.drain import Report, drain, run_now
from sync.drain.intake import intake
from sync.models import Binding, Connection, Gate, Operation, State, Status
from sync.types import RetryPolicy, Verb
from tests.drain.conftest import armed, hurry
from tests.drain.memory import MemoryIntegrator, MemoryRemote, row

pytestmark = pytest.mark.django_db
Deliver = Callable[..., Report]


class BadDeployment(Exception):
    """What a class of the host's raises once it was deployed in a broken state."""


def broken(self: Any, *given: Any) -> Any:
    raise BadDeployment("a secret may be in here")


def fail(connection: Connection, times: int = 1) -> None:
    for _ in range(times):
        hurry(connection)
        with pytest.raises(BadDeployment):
            drain(connection.pk, wait=False)


def test_a_bad_deployment_makes_no_object_dead_and_all_arrives_once_it_is_mended(
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    deliver: Deliver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in "abc":
        Group.objects.create(name=name)
    monkeypatch.setattr(integrator, "overrides", broken)
    fail(connection, 12)
    assert set(Binding.objects.values_list("state", "code", "leased", "attempts")) == {
        (State.RETRYING, "drain_failed", False, 0)
    }
    assert all(claims <= 1 for claims in Binding.objects.values_list("claims", flat=True))
    monkeypatch.undo()
    deliver(4)
    assert remote.names() == ["a", "b", "c"]
    assert set(Binding.objects.values_list("state", "code", "claims")) == {(State.SYNCED, "", 0)}


def test_the_gate_says_why_and_a_drain_that_follows_sends_nothing(
    integrator: type[MemoryIntegrator], connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Group.objects.create(name="a")
    Group.objects.create(name="b")
    monkeypatch.setattr(integrator, "overrides", broken)
    with pytest.raises(BadDeployment):
        drain(connection.pk, wait=False)
    gate = Gate.objects.get()
    assert gate.blocked_until > timezone.now()
    assert gate.reason == "The drain failed: BadDeployment, see the worker's log"
    assert "secret" not in Binding.objects.values_list("detail", flat=True)[0]
    assert drain(connection.pk, wait=False).shut == "gate"


def test_the_gate_stays_shut_longer_each_time(
    integrator: type[MemoryIntegrator], connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Group.objects.create(name="a")
    Group.objects.create(name="b")
    monkeypatch.setattr(integrator, "overrides", broken)
    fail(connection, 5)
    assert Gate.objects.get().closures == 5


def test_a_failure_before_the_claim_shows_at_the_gate_too(
    integrator: type[MemoryIntegrator], connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Group.objects.create(name="a")
    monkeypatch.setattr(integrator, "threads", broken)
    with pytest.raises(BadDeployment):
        drain(connection.pk, wait=False)
    assert "BadDeployment" in Gate.objects.get().reason


def test_one_object_that_our_own_code_fails_on_is_found_and_the_others_arrive(
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    integrator.workers = 8
    groups = [Group.objects.create(name=f"g{number}") for number in range(6)]
    first = integrator.overrides

    def overrides(self: Any, verb: Verb) -> bool:
        if self.instance.name == "g3":
            raise BadDeployment
        return first(self, verb)

    monkeypatch.setattr(integrator, "overrides", overrides)
    fail(connection)
    for _ in range(12):
        Gate.objects.update(blocked_until=None)
        Binding.objects.filter(due_at__lt=timezone.now() + dt.timedelta(seconds=30)).update(due_at=timezone.now())
        try:
            drain(connection.pk, wait=False)
        except BadDeployment:
            continue
    assert remote.names() == ["g0", "g1", "g2", "g4", "g5"]
    poison = row(connection, groups[3])
    assert (poison.state, poison.code) == (State.RETRYING, "drain_failed")
    assert "BadDeployment" in poison.detail
    assert poison.due_at > timezone.now() + dt.timedelta(seconds=30)


def test_what_was_journaled_keeps_its_lease_and_is_not_counted_as_a_crash(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    with armed("journaled", "raise"), pytest.raises(faults.Fault):
        drain(connection.pk, wait=False)
    binding = row(connection, group)
    assert (binding.leased, binding.claims, binding.uncertain) == (True, 0, "create")
    assert binding.due_at > timezone.now()
    Binding.objects.update(due_at=timezone.now())
    deliver(2)
    assert remote.names() == ["a"]
    assert set(Operation.objects.values_list("status", flat=True)) == {Status.UNKNOWN, Status.SUCCEEDED}


def test_answers_that_are_there_are_settled_although_another_cannot_be_judged(
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    integrator.workers = 1
    good, bad = (Group.objects.create(name=name) for name in ("good", "bad"))

    def retry_policy(self: Any) -> RetryPolicy:
        if self.instance is not None and self.instance.name == "bad":
            raise BadDeployment
        return self.policy

    monkeypatch.setattr(integrator, "retry_policy", retry_policy)
    fail(connection)
    assert row(connection, good).state == State.SYNCED
    assert row(connection, bad).leased is True


def test_where_our_own_database_was_away_the_gate_stays_open_and_the_objects_come_soon(
    integrator: type[MemoryIntegrator], connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Any, verb: Verb) -> bool:
        raise OperationalError("the connection is lost")

    Group.objects.create(name="a")
    Group.objects.create(name="b")
    monkeypatch.setattr(integrator, "overrides", away)
    with pytest.raises(OperationalError):
        drain(connection.pk, wait=False)
    assert Gate.objects.get().blocked_until is None
    assert set(Binding.objects.values_list("claims", "leased")) == {(0, False)}
    assert all(at < timezone.now() + dt.timedelta(seconds=6) for at in Binding.objects.values_list("due_at", flat=True))


def test_a_process_that_ends_gives_nothing_back(connection: Connection) -> None:
    Group.objects.create(name="a")
    with armed("planned"), pytest.raises(faults.Ended):
        drain(connection.pk, wait=False)
    assert set(Binding.objects.values_list("claims", "leased")) == {(1, True)}


def test_a_lease_that_another_worker_has_is_left_alone(connection: Connection) -> None:
    Group.objects.create(name="a")
    intake()
    (claim,) = bindings.claim(connection.pk, 1, 60.0)
    Binding.objects.update(lease_token=claim.lease_token + 1)
    assert bindings.let_go([claim], (), claims_kept=0, after_s=0.0, code="x", detail="") == 0
    assert Binding.objects.get().leased is True


def test_a_verb_called_directly_gives_its_lease_back_too(
    integrator: type[MemoryIntegrator], connection: Connection, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": True}
    group = Group.objects.create(name="a")
    monkeypatch.setattr(integrator, "overrides", broken)
    unit = integrator("group", group, connection)
    with pytest.raises(BadDeployment):
        run_now(unit, Verb.CREATE, str(group.pk))
    binding = row(connection, group)
    assert (binding.leased, binding.claims, binding.code) == (False, 0, "drain_failed")
    assert binding.due_at is not None
