"""Dead letters, end to end: a refusal opens one, a success closes it, and a replay sends today's state."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, InterfaceError
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from sync import bindings, capture, deadletters
from sync.drain import Report, drain
from sync.models import Binding, Cause, Connection, Operation, State, Status
from sync.models.clock import now
from sync.types import Answer, Lane, RateLimit, Request, RetryPolicy, Wanted
from tests.drain.memory import MemoryIntegrator, MemoryRemote, answered, row, status

pytestmark = pytest.mark.django_db
Deliver = Callable[..., Report]


def too_long(n: int) -> dict[str, Any]:
    return {"errors": [{"field": "name", "message": f"group {n} has a name with {n * 7} characters"}]}


@pytest.fixture
def refused(remote: MemoryRemote, connection: Connection, deliver: Deliver) -> Callable[[int], list[Group]]:
    """Save so many groups and have each refused, for its name."""

    def saved(count: int) -> list[Group]:
        groups = [Group.objects.create(name=f"g{n}") for n in range(count)]
        remote.faults = [status(422, body=too_long(n)) for n in range(count)]
        deliver()
        return groups

    return saved


def test_refusals_of_one_field_are_one_group_whatever_ids_they_name(refused: Callable[[int], list[Group]]) -> None:
    first, second = refused(2)
    (group,) = deadletters.groups()
    assert (group.integrator, group.code, group.status_code, group.field) == ("memory", "422", 422, "name")
    assert group.message == "group # has a name with # characters"
    assert (group.count, group.open, group.ignored) == (2, 2, 0)
    assert {letter.object_id for letter in deadletters.letters(group)} == {str(first.pk), str(second.pk)}


def test_a_replay_sends_todays_state_and_its_success_closes_the_letter(
    refused: Callable[[int], list[Group]], remote: MemoryRemote, deliver: Deliver, connection: Connection
) -> None:
    groups = refused(2)
    with capture.disabled():
        Group.objects.filter(pk=groups[0].pk).update(name="today")  # past capture: only a replay can know
    assert deadletters.replay(actor="ann") == deadletters.Replayed(asked=2)
    letter = row(connection, groups[0])
    assert (letter.state, letter.lane, letter.wanted, letter.attempts) == (State.PENDING, Lane.BULK, Wanted.PUSH, 0)
    assert letter.actor == "ann (replay)"
    deliver()
    assert remote.names() == ["g1", "today"]
    assert deadletters.groups(ignored=None) == []
    assert not Binding.objects.filter(cause__isnull=False).exists()
    assert Cause.objects.get().count == 2


def test_an_edit_that_succeeds_closes_the_letter(
    refused: Callable[[int], list[Group]], deliver: Deliver, connection: Connection
) -> None:
    (group,) = refused(1)
    group.name = "shorter"
    group.save()
    deliver()
    assert row(connection, group).cause is None
    assert deadletters.groups() == []


def test_an_object_that_is_gone_closes_its_letter(
    refused: Callable[[int], list[Group]], deliver: Deliver, connection: Connection
) -> None:
    (group,) = refused(1)
    pk = group.pk
    group.delete()
    deliver()
    letter = Binding.objects.get(object_id=str(pk))
    assert (letter.state, letter.cause) == (State.ABSENT, None)


def test_ignoring_survives_an_edit_that_fails_the_same_way_and_ends_with_another_cause(
    refused: Callable[[int], list[Group]], remote: MemoryRemote, deliver: Deliver, connection: Connection
) -> None:
    (group,) = refused(1)
    assert deadletters.ignore(deadletters.groups()[0], reason="known to shop", actor="ann") == 1
    assert deadletters.groups() == []

    remote.faults = [status(422, body=too_long(99))]
    group.save()
    deliver()
    assert row(connection, group).ignored == "known to shop (ann)"
    (hidden,) = deadletters.groups(ignored=True)
    assert (hidden.open, hidden.ignored, hidden.count) == (0, 1, 2)

    remote.faults = [status(400, body={"detail": "no such tenant"})]
    group.save()
    deliver()
    (other,) = deadletters.groups()
    assert (other.code, other.message, other.open) == ("400", "no such tenant", 1)
    assert row(connection, group).ignored == ""


def test_an_object_whose_attempts_are_used_up_opens_a_letter_by_its_last_failure(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, deliver: Deliver
) -> None:
    integrator.policy = RetryPolicy(attempts=2, base_delay=1.0, max_age=0.0)
    Group.objects.create(name="a")
    remote.faults = [status(500, body={"message": "boom at 12:01"})] * 2
    deliver()
    assert deadletters.groups() == []  # it is tried again: nobody need look
    deliver()
    (group,) = deadletters.groups()
    assert (group.status_code, group.message) == (500, "boom at #")


def test_a_payload_that_cannot_be_built_opens_a_letter(integrator: type[MemoryIntegrator], deliver: Deliver) -> None:
    Group.objects.create(name="bad")
    integrator.poison = {"bad"}
    deliver()
    (group,) = deadletters.groups()
    assert (group.code, group.status_code, group.message, group.open) == ("hook_error", 0, "poison", 1)


def test_a_doubt_opens_a_letter_and_is_left_by_a_replay(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, deliver: Deliver, connection: Connection
) -> None:
    integrator.spec.keyed = False
    group = Group.objects.create(name="a")
    remote.faults = [status(502, applied=True)]
    deliver()
    assert row(connection, group).state == State.IN_DOUBT
    (found,) = deadletters.groups()
    assert found.code == "in_doubt"
    before = row(connection, group).seq
    done = deadletters.replay(found)
    assert (done.asked, done.in_doubt, done.left) == (0, 1, 1)
    deliver()
    assert (row(connection, group).seq, remote.calls("create")) == (before, 1)


def test_a_crash_loop_opens_a_letter(connection: Connection, deliver: Deliver) -> None:
    group = Group.objects.create(name="a")
    deliver()
    Binding.objects.update(leased=True, claims=4, due_at=now() - dt.timedelta(seconds=1))
    deliver()
    assert row(connection, group).state == State.DEAD
    assert [found.code for found in deadletters.groups()] == ["crash_loop"]


def test_two_objects_of_one_remote_id_open_a_letter_for_the_second(
    remote: MemoryRemote, deliver: Deliver, connection: Connection
) -> None:
    Group.objects.create(name="a")
    deliver()
    second = Group.objects.create(name="b")
    remote.faults = [lambda remote, request: answered(201, {"id": "r1", "name": "b"})]
    deliver()
    assert row(connection, second).state == State.DEAD
    (found,) = deadletters.groups()
    assert (found.code, found.message) == ("duplicate_remote", "The remote object # already belongs to group:#.")


def test_an_object_that_was_created_twice_opens_a_letter_by_name(deliver: Deliver, connection: Connection) -> None:
    group = Group.objects.create(name="a")
    deliver()
    binding = row(connection, group)
    Operation.objects.create(
        connection=connection,
        binding=binding,
        object_type="group",
        object_id=binding.object_id,
        verb="create",
        status=Status.STALE,
        remote_id="r77",
        started_at=now(),
    )
    Binding.objects.update(uncertain="update", due_at=now() - dt.timedelta(seconds=1))
    deliver()
    assert row(connection, group).state == State.DEAD
    (found,) = deadletters.groups()
    assert (found.code, found.message) == ("duplicate_remote", "Also created at the remote as #.")


def test_a_row_that_cannot_be_removed_after_the_remote_agreed_opens_a_letter(
    integrator: type[MemoryIntegrator], monkeypatch: pytest.MonkeyPatch, deliver: Deliver, connection: Connection
) -> None:
    group = Group.objects.create(name="a")
    deliver()

    def protected(self: Any) -> None:
        raise RuntimeError("it is needed")

    monkeypatch.setattr(integrator, "delete_row", protected)
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.DELETE)
    deliver()
    assert [found.code for found in deadletters.groups()] == ["row_not_removed"]


def test_a_child_that_only_waits_is_no_letter(deliver: Deliver, connection: Connection) -> None:
    group = Group.objects.create(name="a")
    deliver()
    Binding.objects.update(state=State.WAITING, waits_for="group:9", due_at=None)
    assert deadletters.adopt() == 0
    assert row(connection, group).cause is None


def test_a_success_asks_nothing_of_causes(deliver: Deliver) -> None:
    for n in range(5):
        Group.objects.create(name=f"g{n}")
    with CaptureQueriesContext(database) as queries:
        assert deliver().succeeded == 5
    assert not [query["sql"] for query in queries if "crudsync_cause" in query["sql"]]


@pytest.mark.parametrize("error", [DatabaseError("gone"), InterfaceError("closed"), ValueError("NUL")])
def test_a_cause_that_cannot_be_recorded_changes_no_outcome(
    error: Exception,
    refused: Callable[[int], list[Group]],
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*args: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("sync.deadletters.causes._record", broken)
        (group,) = refused(1)
    letter = row(connection, group)
    assert (letter.state, letter.code, letter.cause) == (State.HELD, "422", None)
    assert Operation.objects.get().code == "422"
    assert "could not be recorded" in caplog.text
    assert deadletters.adopt() == 1  # what nobody could note is noted later
    assert [found.code for found in deadletters.groups()] == ["422"]


@pytest.mark.django_db(transaction=True)
def test_a_dropped_table_of_causes_changes_no_outcome(
    refused: Callable[[int], list[Group]], connection: Connection
) -> None:
    with database.schema_editor() as editor:
        editor.alter_db_table(Cause, "crudsync_cause", "crudsync_cause_away")
    try:
        (group,) = refused(1)
        letter = row(connection, group)
        assert (letter.state, letter.code, letter.cause_id) == (State.HELD, "422", None)
        assert Operation.objects.get().code == "422"
    finally:
        with database.schema_editor() as editor:
            editor.alter_db_table(Cause, "crudsync_cause_away", "crudsync_cause")
    assert deadletters.adopt() == 1


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_locked_cause_keeps_no_settlement_waiting_and_the_letter_is_opened_all_the_same(
    refused: Callable[[int], list[Group]], remote: MemoryRemote, deliver: Deliver, connection: Connection
) -> None:
    (group,) = refused(1)
    with lock_on(Cause.objects.get().pk):
        remote.faults = [status(422, body=too_long(8))]
        group.save()
        deliver()
        letter = row(connection, group)
        assert letter.state == State.HELD
        assert letter.cause_id is not None
        other = Group.objects.create(name="b")
        remote.faults = [status(422, body=too_long(9))]
        deliver()
        assert row(connection, other).cause_id == letter.cause_id
    assert Cause.objects.get().count == 1  # those two went uncounted


def test_whatever_is_stuck_names_a_cause(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, deliver: Deliver
) -> None:
    """The rule behind all of this, over a mixed run."""
    integrator.policy = RetryPolicy(attempts=1, max_age=0.0)
    integrator.poison = {"g3"}
    for n in range(8):
        Group.objects.create(name=f"g{n}")
    remote.faults = [status(422), None, status(500), status(404), status(400), None, status(409)]
    deliver(3)
    stuck = Binding.objects.filter(state__in=(State.HELD, State.IN_DOUBT, State.DEAD))
    assert stuck.count() >= 4
    assert not stuck.filter(cause__isnull=True).exists()
    assert not Binding.objects.filter(state=State.SYNCED, cause__isnull=False).exists()


def test_a_thousand_letters_are_replayed_within_the_limit(
    redis_server: Any, integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection
) -> None:
    limit, per = 400, 1.0
    groups = Group.objects.bulk_create([Group(name=f"g{n:04}") for n in range(1000)])
    at = now()
    cause = Cause.objects.create(fingerprint="x", integrator="memory", first_seen=at, last_seen=at)
    Binding.objects.bulk_create(
        Binding(
            connection=connection,
            object_type="group",
            object_id=str(group.pk),
            model="auth.group",
            state=State.HELD,
            cause=cause,
            dirty_since=at,
        )
        for group in groups
    )
    integrator.rate_limits = (RateLimit(limit, per=per),)
    arrived: list[float] = []
    serve = remote.serve

    def timed(request: Request) -> Answer:
        arrived.append(time.monotonic())
        return serve(request)

    integrator.transmit = lambda self, request: timed(request)  # type: ignore[method-assign,assignment]
    assert deadletters.replay(cause).asked == 1000
    until = time.monotonic() + 120
    while len(remote.objects) < 1000 and time.monotonic() < until:
        drain(connection.pk, slice_s=5)
    assert (len(remote.objects), len(arrived)) == (1000, 1000)
    assert not Binding.objects.filter(cause__isnull=False).exists()
    arrived.sort()
    over = [n for n in range(len(arrived) - limit) if arrived[n + limit] - arrived[n] < per]
    assert over == []


# --- helpers ---------------------------------------------------------------------------------------------------------


class lock_on:  # noqa: N801 - reads as a verb
    """Hold the lock of a cause, from another connection."""

    def __init__(self, pk: int) -> None:
        self.pk = pk
        self.held, self.done = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._hold)

    def __enter__(self) -> None:
        self.thread.start()
        assert self.held.wait(30)

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def _hold(self) -> None:
        other = database.copy()
        try:
            with other.cursor() as cursor:
                other.set_autocommit(False)
                cursor.execute("SELECT 1 FROM crudsync_cause WHERE id = %s FOR UPDATE", [self.pk])
                self.held.set()
                self.done.wait(60)
                other.rollback()
        finally:
            other.close()
