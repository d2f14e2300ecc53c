from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DataError, InterfaceError, InternalError, OperationalError, connections
from django.db.models import F

from sync import bindings
from sync.drain import Report, recorder
from sync.models import Binding, Connection, Operation, State, Status
from sync.models.database import alias, is_postgres
from sync.types import OutcomeKind, ParentSpec, Wanted
from tests.drain.memory import MemoryIntegrator, MemoryRemote, lost, row, status

Deliver = Callable[..., Report]

pytestmark = pytest.mark.django_db


def stealing(integrator: type[MemoryIntegrator], then: Callable[[], Any] = lambda: None) -> None:
    """Let another worker have the lease while the first answer is on its way."""
    original = integrator.read_answer
    stolen: list[bool] = []

    def read(self: Any, call: Any, answer: Any) -> Any:
        if not stolen:
            stolen.append(True)
            Binding.objects.filter(object_id=call.object_id).update(lease_token=F("lease_token") + 1)
            then()
        return original(self, call, answer)

    integrator.read_answer = read  # type: ignore[method-assign]


def free() -> None:
    Binding.objects.update(leased=False)


# --- an answer that comes too late -----------------------------------------------------------------------------------


def test_a_late_answer_to_a_replayed_create_is_no_double(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, caplog: Any
) -> None:
    def replay() -> None:
        binding = Binding.objects.get()
        binding.intent = (binding.intent or "").replace('"times":1', '"times":2')  # journaled once more, the same key
        binding.save()

    stealing(integrator, replay)
    group = Group.objects.create(name="a")
    deliver()
    assert row(connection, group).remote_id == "r1"
    assert "duplicate_remote" not in caplog.text


def test_a_late_create_beside_a_newer_one_is_named_on_both(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver, caplog: Any
) -> None:
    def newer() -> None:
        remote.objects["r9"] = {"name": "a"}
        Binding.objects.update(remote_id="r9", intent=None, uncertain="", sent='{"name":"a"}')

    stealing(integrator, newer)
    group = Group.objects.create(name="a")
    deliver()
    free()
    assert "duplicate_remote" in caplog.text
    operation = Operation.objects.get(verb="create")
    assert (operation.status, operation.remote_id) == (Status.STALE, "r1")
    deliver()
    found = row(connection, group)
    assert (found.state, found.code, found.remote_id, found.due_at) == (State.DEAD, "duplicate_remote", "r9", None)
    assert "r1" in found.detail


@pytest.mark.parametrize("pruned", [False, True])
def test_an_object_that_was_deleted_before_its_create_landed_is_deleted_there_again(
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    deliver: Deliver,
    caplog: Any,
    pruned: bool,
) -> None:
    integrator.spec.client_id = True
    group = Group.objects.create(name="a")

    def gone() -> None:  # another worker has replayed it, deleted it, and the late one is applied after that
        group.delete()
        Binding.objects.update(
            remote_id=None, intent=None, uncertain="", state=State.ABSENT, due_at=None, dirty_since=None, leased=False
        )
        if pruned:
            Binding.objects.all().delete()

    stealing(integrator, gone)
    deliver(3)
    assert (remote.objects, remote.calls("create"), remote.calls("delete")) == ({}, 1, 1)
    found = Binding.objects.get()
    assert (found.state, found.remote_id, found.due_at) == (State.ABSENT, None, None)
    assert "duplicate_remote" not in caplog.text


def test_a_double_that_was_named_is_not_named_again(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    Operation.objects.update(status=Status.STALE, remote_id="r7")
    for expected in (State.DEAD, State.SYNCED):
        bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
        deliver(2)
        assert row(connection, group).state == expected


def test_a_double_is_not_named_over_an_edit_made_meanwhile(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    Operation.objects.update(status=Status.STALE, remote_id="r7")
    original = integrator.read_answer

    def read(self: Any, call: Any, answer: Any) -> Any:
        Binding.objects.update(seq=F("seq") + 1)
        return original(self, call, answer)

    integrator.read_answer = read  # type: ignore[method-assign]
    bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
    deliver()
    assert row(connection, group).due_at is not None
    integrator.read_answer = original  # type: ignore[method-assign]
    deliver()
    assert row(connection, group).code == "duplicate_remote"


def test_what_follows_at_home_is_left_to_whoever_has_the_lease(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.written = {"name": "from the remote"}
    stealing(integrator)
    group = Group.objects.create(name="a")
    deliver()
    group.refresh_from_db()
    assert group.name == "a"


def test_a_request_whose_lease_was_lost_before_the_send_is_not_sent(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    original = integrator.build_request

    def build(self: Any, call: Any) -> Any:
        Binding.objects.update(lease_token=F("lease_token") + 1)
        return original(self, call)

    integrator.build_request = build  # type: ignore[method-assign]
    Group.objects.create(name="a")
    deliver()
    assert remote.journal == []
    assert Operation.objects.get().status == Status.STALE


# --- a batch that cannot be written as a whole -----------------------------------------------------------------------


def test_two_rows_that_find_one_object_in_one_batch_are_settled_one_by_one(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    original = integrator.read_answer

    def same(self: Any, call: Any, answer: Any) -> Any:
        return replace(original(self, call, answer), remote_id="one")

    integrator.read_answer = same  # type: ignore[method-assign]
    for name in ("a", "b"):
        Group.objects.create(name=name)
    deliver()
    states = dict(Binding.objects.values_list("remote_id", "code"))
    assert states == {"one": "", None: "duplicate_remote"}
    assert set(Operation.objects.values_list("code", flat=True)) == {"", "duplicate_remote"}


def test_an_answer_that_the_database_does_not_take_is_recorded_without_what_it_shows(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, finish = bindings.settle, recorder.operations.finish

    def refusing(rows: Any) -> Any:
        if any(each.seen and "bad" in each.seen for each in rows):
            raise DataError("no such character")
        return settle(rows)

    def refusing_too(rows: Any) -> None:
        if any("bad" in each.response for each in rows):
            raise DataError("no such character")
        finish(rows)

    monkeypatch.setattr(bindings, "settle", refusing)
    monkeypatch.setattr(recorder.operations, "finish", refusing_too)
    bad, good = Group.objects.create(name="bad"), Group.objects.create(name="good")
    deliver()
    assert (row(connection, bad).state, row(connection, bad).seen) == (State.SYNCED, None)
    assert row(connection, bad).remote_id is not None
    assert row(connection, good).seen is not None
    assert set(Operation.objects.values_list("status", flat=True)) == {Status.SUCCEEDED}
    assert min(Operation.objects.values_list("response", flat=True)) == ""


def test_a_parent_whose_hook_failed_after_the_create_wakes_its_children_all_the_same(
    integrator: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    integrator.spec.parents = (ParentSpec(field="x", attname="x", via="group", target="x", nullable=False),)
    original = integrator.read_answer

    def hooked(self: Any, call: Any, answer: Any) -> Any:
        return replace(original(self, call, answer), kind=OutcomeKind.HOOK_ERROR)

    integrator.read_answer = hooked  # type: ignore[method-assign]
    parent, child = Group.objects.create(name="p"), Group.objects.create(name="c")
    integrator.parent_ids = lambda self: {"x": str(parent.pk)} if self.instance.pk == child.pk else {}  # type: ignore[method-assign]
    deliver()
    assert (row(connection, parent).state, row(connection, parent).remote_id) == (State.HELD, "r1")
    assert row(connection, child).waits_for == ""
    assert remote.names() == ["c", "p"]


# --- a database that is away -----------------------------------------------------------------------------------------


class Away:
    """A step that fails a few times."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "written"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A connection outside any transaction, and how often it was closed."""
    calls: list[bool] = []
    monkeypatch.setattr(recorder, "RECONNECT_S", 0.001)
    monkeypatch.setattr(connections["default"], "in_atomic_block", False)
    monkeypatch.setattr(connections["default"], "close", lambda: calls.append(True))
    return calls


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError, InternalError])
def test_results_are_kept_and_written_again_while_the_database_is_away(
    kind: type[Exception], closed: list[bool]
) -> None:
    step = Away(kind("gone"), kind("gone"))
    assert recorder._repeated(step, time.monotonic() + 5) == "written"
    assert (step.calls, len(closed)) == (3, 2)


def test_what_the_database_asks_to_repeat_keeps_its_connection(closed: list[bool]) -> None:
    assert recorder._repeated(Away(OperationalError("database is locked")), time.monotonic() + 5) == "written"
    assert closed == []


def test_after_the_leases_have_ended_a_lost_database_is_an_error(closed: list[bool]) -> None:
    with pytest.raises(OperationalError):
        recorder._repeated(Away(OperationalError("gone")), time.monotonic() - 1)


def test_inside_an_open_transaction_nothing_is_repeated() -> None:
    with pytest.raises(OperationalError):
        recorder._persist(Away(OperationalError("gone")), time.monotonic() + 5)


@pytest.mark.django_db(transaction=True)
def test_a_journal_whose_commit_was_not_heard_of_leaves_no_attempt_open(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    unheard = [OperationalError("the connection broke after the commit")]
    name = "_journal_at_once" if is_postgres(alias()) else "in_transaction"
    original = getattr(recorder, name)

    def committed(*args: Any) -> Any:
        written = original(*args)
        if unheard:
            raise unheard.pop()
        return written

    monkeypatch.setattr(recorder, name, committed)
    Group.objects.create(name="a")
    assert deliver().succeeded == 1
    assert remote.calls("create") == 1
    first, second = Operation.objects.order_by("pk")
    assert (first.status, first.code, second.status) == (Status.NOT_SENT, "not_sent", Status.SUCCEEDED)
    assert first.finished_at is not None


@pytest.mark.parametrize("answer", [None, status(500), lost(applied=True)])
def test_every_request_leaves_one_finished_record(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, answer: Any
) -> None:
    remote.faults = [answer]
    Group.objects.create(name="a")
    deliver()
    operation = Operation.objects.get()
    assert operation.finished_at is not None
    assert operation.status in (Status.SUCCEEDED, Status.UNKNOWN)
