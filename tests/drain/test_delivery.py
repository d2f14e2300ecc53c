from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from sync import bindings, ratelimit
from sync.drain import Report, gate, loop
from sync.drain.parcels import parcels, split
from sync.exceptions import PayloadError
from sync.models import Binding, Connection, Gate, Operation, State, Status
from sync.types import Answer, BulkSpec, Grant, Grants, Outcome, OutcomeKind, RateLimit, Verb, Wanted
from tests.drain.memory import MemoryIntegrator, MemoryRemote, row, status

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db

CLOSED = (RateLimit(1, per=3600.0, name="far away"),)
"""A limit that grants nothing: there is no Redis in these tests, and the limiter is closed then."""


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_what_gets_no_token_is_as_before_its_claim(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.rate_limits = CLOSED
    group = Group.objects.create(name="a")
    report = deliver()
    assert (report.calls, report.released, report.more) == (0, 1, False)
    found = row(connection, group)
    assert (found.leased, found.claims, found.attempts, found.uncertain) == (False, 0, 0, "")
    assert found.due_at is not None
    assert not Operation.objects.exists()
    assert Gate.objects.get(connection=connection).next_token_at is not None


def test_an_endpoint_without_tokens_does_not_stand_in_the_way_of_another(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "limiter_when_down": "local", "limiter_local_share": 1.0}
    integrator.limits = lambda self, verb: CLOSED if verb is Verb.UPDATE else ()  # type: ignore[method-assign]
    for number in range(3):
        Group.objects.create(name=f"g{number}")
    deliver()
    for group in Group.objects.all():
        group.name += " edited"
        group.save()
    deliver()
    Group.objects.create(name="new")
    report = deliver()
    assert "new" in remote.names()
    assert report.released == 3
    waiting = Binding.objects.filter(state=State.PENDING)
    assert waiting.count() == 3
    assert bindings.next_due_s(connection.pk)


def test_tokens_are_shared_by_all_that_count_against_the_same_limits(
    integrator: type[MemoryIntegrator], deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def take(connection_id: int, limits: Any, n: int, **_: Any) -> Grants:
        asked.append(n)
        now = time.monotonic()
        return Grants(granted=[Grant(at=now, until=now + 60.0)] * n)

    for number in range(4):
        Group.objects.create(name=f"g{number}")
    deliver()
    monkeypatch.setattr(ratelimit, "take", take)
    integrator.rate_limits = (RateLimit(1000),)
    for group in list(Group.objects.order_by("pk")):
        group.name += " edited"
        group.save()
        Group.objects.create(name=f"{group.name} beside it")
    deliver()
    assert sum(asked) == 8


# --- verbs of their own ----------------------------------------------------------------------------------------------


def own_verb(integrator: type[MemoryIntegrator], perform: Callable[..., Outcome]) -> None:
    integrator.overrides = lambda self, verb: verb is Verb.CREATE  # type: ignore[method-assign]
    integrator.perform = perform  # type: ignore[attr-defined]


def test_an_overridden_verb_sends_the_claimed_attempt(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    own_verb(integrator, lambda self, verb, object_id, attempt: attempt())
    group = Group.objects.create(name="a")
    deliver()
    assert (row(connection, group).state, remote.names()) == (State.SYNCED, ["a"])


def test_an_overridden_verb_that_sends_for_itself_is_recorded(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver
) -> None:
    own_verb(integrator, lambda self, verb, object_id, attempt: Outcome(kind=OutcomeKind.OK, remote_id="mine"))
    group = Group.objects.create(name="a")
    deliver()
    assert row(connection, group).remote_id == "mine"
    assert Operation.objects.get().status == Status.SUCCEEDED


def test_an_overridden_verb_that_says_no_holds_its_own_object_only(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    def perform(self: Any, verb: Verb, object_id: str, attempt: Callable[[], Outcome]) -> Outcome:
        if self.instance.name == "bad":
            raise PayloadError("not this one")
        return attempt()

    own_verb(integrator, perform)
    bad = Group.objects.create(name="bad")
    Group.objects.create(name="good")
    deliver()
    assert remote.names() == ["good"]
    found = row(connection, bad)
    assert (found.state, found.uncertain, found.intent) == (State.HELD, "", None)
    assert Operation.objects.get(object_id=str(bad.pk)).status == Status.NOT_SENT


def test_an_overridden_verb_is_not_called_once_the_gate_is_shut(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    called: list[str] = []

    def perform(self: Any, verb: Verb, object_id: str, attempt: Callable[[], Outcome]) -> Outcome:
        called.append(object_id)
        return attempt()

    own_verb(integrator, perform)
    remote.faults = [status(429)]
    for number in range(3):
        Group.objects.create(name=f"g{number}")
    deliver()
    assert len(called) == 1
    assert Operation.objects.filter(status=Status.NOT_SENT).count() == 2


# --- requests that cannot be built, answers that cannot be read ------------------------------------------------------


@pytest.mark.parametrize("raised", [PayloadError("no header"), ZeroDivisionError()])
def test_a_request_that_cannot_be_built_holds_its_own_object_only(
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    deliver: Deliver,
    raised: Exception,
) -> None:
    original = integrator.build_request

    def build(self: Any, call: Any) -> Any:
        if self.instance.name == "bad":
            raise raised
        return original(self, call)

    integrator.build_request = build  # type: ignore[method-assign]
    bad = Group.objects.create(name="bad")
    Group.objects.create(name="good")
    deliver()
    assert remote.names() == ["good"]
    found = row(connection, bad)
    assert (found.state, found.code, found.uncertain) == (State.HELD, "hook_error", "")


def test_an_answer_that_cannot_be_read_leaves_its_own_object_in_doubt_only(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    original = integrator.read_answer

    def read(self: Any, call: Any, answer: Answer) -> Any:
        if self.instance.name == "bad":
            raise ZeroDivisionError
        return original(self, call, answer)

    integrator.read_answer = read  # type: ignore[method-assign]
    bad, good = Group.objects.create(name="bad"), Group.objects.create(name="good")
    deliver()
    assert row(connection, good).state == State.SYNCED
    assert (row(connection, bad).state, row(connection, bad).uncertain) == (State.RETRYING, "create")


# --- time ------------------------------------------------------------------------------------------------------------


def test_hooks_that_are_slow_make_the_claims_smaller_until_they_are_sent(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, deliver: Deliver, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "window_s": 0.2, "slice_s": 3.0}
    original = integrator.build_payload

    def build(self: Any, remote_ids: Any) -> Any:
        time.sleep(0.02)
        return original(self, remote_ids)

    integrator.build_payload = build  # type: ignore[method-assign]
    for number in range(20):
        Group.objects.create(name=f"g{number}")
    deliver()
    assert len(remote.objects) == 20


def test_an_object_whose_hooks_alone_take_too_long_is_counted_and_named(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "window_s": 0.01}

    def build(self: Any, remote_ids: Any) -> Any:
        time.sleep(0.02)
        return {"name": "slow"}

    integrator.build_payload = build  # type: ignore[method-assign]
    group = Group.objects.create(name="slow")
    deliver()
    found = row(connection, group)
    assert (found.state, found.code, found.attempts) == (State.RETRYING, "hook_too_slow", 1)
    deliver(2)
    assert row(connection, group).state == State.DEAD
    assert remote.journal == []


def test_the_send_window_counts_from_before_the_claim(
    integrator: type[MemoryIntegrator], deliver: Deliver, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    claim = bindings.claim

    def stopped(*args: Any, **options: Any) -> Any:
        found = claim(*args, **options)
        if found:
            time.sleep(0.3)  # the process is suspended right after its claim
        return found

    monkeypatch.setattr(loop.bindings, "claim", stopped)
    settings.CRUDSYNC = {**settings.CRUDSYNC, "window_s": 0.2, "slice_s": 0.25}
    Group.objects.create(name="a")
    Group.objects.create(name="b")
    report = deliver()
    assert (report.calls, report.released) == (0, 2)


def test_a_lease_outlasts_the_longest_deadline_of_its_calls(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    integrator.deadline_s = lambda self: 90.0  # type: ignore[method-assign]
    leases: list[float] = []
    claim = bindings.claim

    def noting(connection_id: int, limit: int, lease_s: float, **options: Any) -> Any:
        leases.append(lease_s)
        return claim(connection_id, limit, lease_s, **options)

    monkeypatch.setattr(loop.bindings, "claim", noting)
    Group.objects.create(name="a")
    deliver()
    assert min(leases) == 100.0


def test_an_object_whose_hook_is_too_slow_is_counted_and_named_among_others_which_follow_without_it(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "window_s": 0.3, "slice_s": 0.3}
    original = integrator.build_payload
    built: list[str] = []

    def build(self: Any, remote_ids: Any) -> Any:
        built.append(self.instance.name)
        if self.instance.name == "slow":
            time.sleep(0.4)
        return original(self, remote_ids)

    integrator.build_payload = build  # type: ignore[method-assign]
    groups = {name: Group.objects.create(name=name) for name in ("a", "slow", "b")}
    deliver()
    found = row(connection, groups["slow"])
    assert (found.state, found.code, found.attempts) == (State.RETRYING, "hook_too_slow", 1)
    assert {row(connection, groups[name]).attempts for name in ("a", "b")} == {0}
    Binding.objects.filter(pk=found.pk).update(due_at=None)
    settings.CRUDSYNC = {**settings.CRUDSYNC, "window_s": 5.0, "slice_s": 5.0}
    deliver()
    assert remote.names() == ["a", "b"]
    assert built.count("slow") == 1


# --- batches ---------------------------------------------------------------------------------------------------------


def test_a_batch_that_is_refused_while_the_gate_shuts_leaves_its_rows_as_they_were(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.bulk = BulkSpec(key="name", create="groups/bulk", size=4)
    remote.bulk_refuses = {"g0", "g2"}
    for number in range(4):
        Group.objects.create(name=f"g{number}")
    remote.faults = [None, status(422), status(429)]
    deliver()
    assert not Binding.objects.exclude(uncertain="").exists()
    assert not Operation.objects.filter(status=Status.STARTED).exists()
    deliver(4)
    assert len(remote.objects) == 4


def test_halves_of_a_batch_hold_all_of_it() -> None:
    assert [len(parcel.attempts) for parcel in split([object()] * 5)] == [2, 3]  # type: ignore[list-item]
    assert [len(parcel.attempts) for parcel in split([object()])] == [1]  # type: ignore[list-item]
    assert parcels([]) == []


def test_a_shut_gate_in_mid_slice_ends_the_drain(
    integrator: type[MemoryIntegrator], connection: Connection, deliver: Deliver
) -> None:
    original = integrator.read_answer

    def read(self: Any, call: Any, answer: Any) -> Any:
        gate.shut(connection.pk, 60.0, "another drain's answer")
        return original(self, call, answer)

    integrator.read_answer = read  # type: ignore[method-assign]
    Group.objects.create(name="a")
    bindings.ask(connection.pk, "group", ["999"], wanted=Wanted.PUSH)
    assert deliver().calls == 1
    assert gate.ask(connection.pk, 1.0).let is gate.Pass.SHUT  # type: ignore[union-attr]
