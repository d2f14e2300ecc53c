from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from project.servers import wait_until
from sync.drain import Report, gate, slots
from sync.drain.breaker import Breaker
from sync.drain.gate import Pass
from sync.drain.intake import intake
from sync.exceptions import ConnectFailed
from sync.models import Binding, Connection, Gate, State
from sync.types import RetryPolicy
from tests.drain.conftest import hurry
from tests.drain.memory import MemoryIntegrator, MemoryRemote, error, row, status

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db


def there(connection: Connection) -> Gate:
    return Gate.objects.get(connection=connection)


def probe(connection: Connection) -> gate.Passage:
    """Shut the gate, let its time pass, and win the probe."""
    gate.shut(connection.pk, 30.0, "for a test")
    hurry(connection)
    passage = gate.ask(connection.pk, 20.0)
    assert passage is not None
    assert passage.let is Pass.PROBE
    return passage


def throttled(seconds: int) -> Any:
    def fault(remote: MemoryRemote, request: Any) -> Any:
        answer = status(429)(remote, request)
        assert answer is not None
        assert answer.response is not None
        answer.response.headers["Retry-After"] = str(seconds)
        return answer

    return fault


# --- shutting --------------------------------------------------------------------------------------------------------


def test_one_outage_is_one_closure_however_many_drains_see_it(connection: Connection) -> None:
    waits = [gate.shut(connection.pk, None, "away") for _ in range(8)]
    assert there(connection).closures == 1
    assert max(waits) <= 1.0


def test_a_longer_pause_that_the_remote_asks_for_outlasts_a_shorter_one(connection: Connection) -> None:
    gate.shut(connection.pk, None, "away")
    gate.shut(connection.pk, 60.0, "Retry-After")
    assert gate.shut(connection.pk, 5.0, "Retry-After") > 50
    found = there(connection)
    assert found.blocked_until is not None
    assert found.blocked_until > timezone.now() + dt.timedelta(seconds=50)
    assert found.closures == 1


def test_each_probe_that_fails_doubles_the_bound_of_the_pause(connection: Connection) -> None:
    for closures in range(1, 12):
        bound = min(300.0, 2.0 ** (closures - 1))
        assert bound / 2 <= gate.shut(connection.pk, None, "away") <= bound
        assert there(connection).closures == closures
        hurry(connection)


def test_an_unknown_connection_has_no_passage_and_one_without_a_gate_gets_one(connection: Connection) -> None:
    assert gate.ask(10**9, 1.0) is None
    Gate.objects.all().delete()
    assert gate.ask(connection.pk, 1.0).let is Pass.OPEN  # type: ignore[union-attr]
    assert there(connection).closures == 0


# --- the probe -------------------------------------------------------------------------------------------------------


def test_one_drain_wins_the_probe_and_another_after_its_expiry(connection: Connection) -> None:
    probe(connection)
    assert gate.ask(connection.pk, 20.0).let is Pass.SHUT  # type: ignore[union-attr]
    Gate.objects.update(probe_until=timezone.now() - dt.timedelta(seconds=1))
    assert gate.ask(connection.pk, 20.0).let is Pass.PROBE  # type: ignore[union-attr]


def test_only_the_holder_of_the_probe_opens_the_gate(connection: Connection) -> None:
    passage = probe(connection)
    gate.shut(connection.pk, 60.0, "Retry-After, to another drain's request")
    assert not gate.open_(connection.pk, passage.probe_token)
    assert there(connection).blocked_until is not None
    hurry(connection)
    again = gate.ask(connection.pk, 20.0)
    assert again is not None
    assert gate.open_(connection.pk, again.probe_token)
    assert there(connection).blocked_until is None


def test_a_probe_that_is_given_back_can_be_won_at_once(connection: Connection) -> None:
    gate.give_back(probe(connection))
    assert gate.ask(connection.pk, 20.0).let is Pass.PROBE  # type: ignore[union-attr]


def test_a_probe_with_nothing_to_send_does_not_keep_the_connection_shut(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    gate.shut(connection.pk, 30.0, "for a test")
    deliver()
    assert there(connection).probe_until is None
    Group.objects.create(name="a")
    deliver()
    assert remote.names() == ["a"]
    assert there(connection).blocked_until is None


def test_a_probe_whose_object_needs_no_call_goes_to_the_next_one(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    groups = [Group.objects.create(name=f"g{number}") for number in range(4)]
    deliver()
    gate.shut(connection.pk, 30.0, "for a test")
    for group in groups[:3]:
        group.save()
    groups[3].name = "new"
    groups[3].save()
    deliver()
    assert "new" in remote.names()


def test_a_drain_that_gets_no_slot_gives_the_probe_back(connection: Connection, deliver: Deliver) -> None:
    held = slots.take(connection, 60.0)
    gate.shut(connection.pk, 30.0, "for a test")
    assert deliver().shut == "slot"
    assert there(connection).probe_until is None
    assert held is not None
    slots.give_back(held)


def test_a_failing_probe_is_not_counted_against_its_object(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.policy = RetryPolicy(attempts=2, base_delay=5000.0, max_delay=9000.0, max_age=0.0)
    group = Group.objects.create(name="a")
    gate.shut(connection.pk, 30.0, "for a test")
    remote.faults = [status(500)] * 6
    deliver(6)
    binding = row(connection, group)
    assert (binding.state, binding.attempts) == (State.RETRYING, 0)
    assert there(connection).closures == 7
    deliver()
    assert remote.names() == ["a"]


def test_the_probe_goes_to_an_object_that_has_not_failed_by_itself(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    bad = Group.objects.create(name="bad")
    deliver()
    bad.name = "worse"
    bad.save()
    intake()
    Binding.objects.update(attempts=3, state=State.RETRYING)
    Group.objects.create(name="good")
    gate.shut(connection.pk, 30.0, "for a test")
    remote.faults = [lambda remote, request: status(500)(remote, request) if b"worse" in request.body else None]
    hurry(connection)
    deliver()
    assert "good" in remote.names()
    assert there(connection).blocked_until is None


def test_a_probe_has_to_do_with_what_has_failed_where_nothing_else_is_due(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    intake()
    Binding.objects.update(attempts=3, state=State.RETRYING)
    gate.shut(connection.pk, 30.0, "for a test")
    deliver()
    assert remote.names() == [group.name]


def test_a_probe_by_what_often_fails_keeps_a_sound_object_waiting_for_a_moment_only(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.policy = RetryPolicy(attempts=2, base_delay=5000.0, max_delay=9000.0, max_age=0.0)
    group = Group.objects.create(name="a")
    intake()
    Binding.objects.update(attempts=3, state=State.RETRYING)
    gate.shut(connection.pk, 30.0, "for a test")
    Gate.objects.update(closures=9)
    hurry(connection)
    remote.faults = [status(500)]
    assert deliver().shut == "gate"
    found, binding = there(connection), row(connection, group)
    assert found.blocked_until is not None
    assert found.blocked_until < timezone.now() + dt.timedelta(seconds=2)
    assert found.closures == 10
    assert binding.attempts == 3  # perhaps it was the connection after all
    assert binding.due_at is not None
    assert binding.due_at > timezone.now() + dt.timedelta(seconds=60)
    Group.objects.create(name="sound")
    Gate.objects.update(blocked_until=timezone.now())
    deliver()
    assert "sound" in remote.names()
    assert there(connection).blocked_until is None


# --- what opens it ---------------------------------------------------------------------------------------------------


def test_a_late_success_does_not_end_the_pause_that_the_remote_asked_for(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.workers = 1
    remote.faults = [status(500), throttled(60)]
    for number in range(3):
        Group.objects.create(name=f"g{number}")
    first = integrator.read_answer
    late: list[bool] = []

    def read(self: Any, call: Any, answer: Any) -> Any:
        found = first(self, call, answer)
        if found.status_code == 429:  # beside it, another request of this round was answered well
            late.append(True)
        return found

    integrator.read_answer = read  # type: ignore[method-assign]
    integrator.workers = 3
    deliver()
    assert late
    found = there(connection)
    assert found.blocked_until is not None
    assert found.blocked_until > timezone.now() + dt.timedelta(seconds=30)


def test_a_success_between_ends_a_streak(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.workers = 1
    remote.faults = [status(500)] * 4 + [None] + [status(500)] * 4
    for number in range(9):
        Group.objects.create(name=f"g{number}")
    assert deliver().shut == ""
    assert len(there(connection).streak) == 4
    deliver()
    assert there(connection).streak == []


def test_objects_that_failed_by_themselves_before_shut_no_gate_for_the_others(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    for number in range(6):
        Group.objects.create(name=f"g{number}")
    intake()
    Binding.objects.update(attempts=2, state=State.RETRYING)
    remote.faults = [status(500)] * 6
    assert deliver().shut == ""
    assert there(connection).streak == []
    assert set(Binding.objects.values_list("attempts", flat=True)) == {3}


# --- the breaker -----------------------------------------------------------------------------------------------------


def test_the_streak_of_objects_that_fail_for_ever_stays_short() -> None:
    breaker = Breaker()
    assert not any(breaker.failed(number % 2) for number in range(1000))
    assert len(breaker.streak) == 10
    assert breaker.failed(7)


def test_failures_that_were_under_way_when_the_gate_shut_are_not_counted(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [status(500)] * 8
    for number in range(8):
        Group.objects.create(name=f"g{number}")
    assert deliver().shut == "gate"
    assert not Binding.objects.exclude(attempts=0).exists()


def test_objects_that_an_outage_has_made_dead_before_it_was_recognised_are_tried_again(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.workers = 1
    integrator.policy = RetryPolicy(attempts=1, base_delay=5000.0, max_delay=9000.0, max_age=0.0)
    remote.faults = [status(500)] * 5
    for number in range(5):
        Group.objects.create(name=f"g{number}")
    assert deliver().shut == "gate"
    assert set(Binding.objects.values_list("state", "attempts")) == {(State.RETRYING, 0)}

    def arrived() -> bool:
        deliver()  # a slow machine takes fewer at a time
        return len(remote.objects) == 5

    assert wait_until(arrived, 30)


# --- credentials -----------------------------------------------------------------------------------------------------


def test_credentials_that_are_refused_although_they_were_renewed_shut_the_gate(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.renewals = [True] * 50
    remote.faults = [status(401)] * 50
    Group.objects.create(name="a")
    report = deliver()
    assert report.shut == "gate"
    assert report.calls == 2


def test_credentials_that_live_shortly_are_renewed_as_often_as_it_takes(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.workers = 1
    integrator.renewals = [True, True]
    remote.faults = [status(401), None, status(401)]
    Group.objects.create(name="a")
    Group.objects.create(name="b")
    assert deliver(2).shut == ""
    assert remote.names() == ["a", "b"]


def test_an_answer_to_credentials_that_are_outdated_by_now_renews_nothing(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    seen: list[bool] = []

    def outdated(self: Any, request: Any) -> bool:
        seen.append(True)
        return len(seen) == 1

    integrator.outdated = outdated  # type: ignore[method-assign]
    remote.faults = [status(401)]
    Group.objects.create(name="a")
    assert deliver(2).shut == ""
    assert remote.names() == ["a"]


def test_a_request_that_was_never_sent_puts_the_doubt_back_as_it_was(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    remote.faults = [error(ConnectFailed("refused"))]
    group = Group.objects.create(name="a")
    deliver()
    binding = row(connection, group)
    assert (binding.uncertain, binding.intent, binding.attempts) == ("", None, 0)
