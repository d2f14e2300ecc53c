"""Loops: an echo is no call, an object that answers itself is held with the reason, and edits never are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from sync import bindings, capture
from sync.drain import Report
from sync.drain.pingpong import in_a_row
from sync.models import Binding, Connection, State
from sync.operations import Past
from sync.types import OURSELVES, Wanted
from tests.drain.memory import MemoryIntegrator, MemoryRemote, row

pytestmark = pytest.mark.django_db
Deliver = Callable[..., Report]

LIMIT = 10


@pytest.fixture
def saving(integrator: type[MemoryIntegrator], monkeypatch: pytest.MonkeyPatch) -> type[MemoryIntegrator]:
    """A hook saves the row whenever the remote has answered, as validate_response() or write_back() may."""
    first = integrator.read_answer

    def read_answer(self: Any, call: Any, answer: Any) -> Any:
        outcome = first(self, call, answer)
        if self.instance is not None:
            self.instance.save()
        return outcome

    monkeypatch.setattr(integrator, "read_answer", read_answer)
    return integrator


@pytest.fixture
def restless(saving: type[MemoryIntegrator], monkeypatch: pytest.MonkeyPatch) -> None:
    """And the payload is another one each time."""
    ticks = itertools.count()
    first = saving.build_payload

    def build_payload(self: Any, remote_ids: Any) -> dict[str, Any]:
        return {**first(self, remote_ids), "at": next(ticks)}

    monkeypatch.setattr(saving, "build_payload", build_payload)


def edited(group: Group, name: str) -> None:
    with capture.actor("ann"):
        group.name = name
        group.save()


# --- echoes ----------------------------------------------------------------------------------------------------------


def test_what_an_import_writes_is_captured_and_found_equal(remote: MemoryRemote, deliver: Deliver) -> None:
    group = Group.objects.create(name="a")
    deliver()
    for _ in range(5):
        with capture.actor("import"):
            group.save()
        assert deliver().taken == 1
    assert [entry[0] for entry in remote.journal] == ["create"]


def test_what_a_hook_saves_after_a_send_is_an_echo_and_no_call(
    saving: type[MemoryIntegrator], remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver(3)
    for number in range(2 * LIMIT):
        edited(group, f"b{number}")
        deliver(2)
    assert remote.calls("create") == 1
    assert remote.calls("update") == 2 * LIMIT
    assert row(connection, group).state == State.SYNCED


# --- ping-pong -------------------------------------------------------------------------------------------------------


def test_a_payload_that_never_settles_is_held_and_the_reason_names_the_field(
    restless: None, remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver(3)
    found = row(connection, group)
    assert (found.state, found.code, found.due_at) == (State.HELD, "ping_pong", None)
    assert "this keeps changing: at." in found.detail
    assert remote.calls("update") == LIMIT


@pytest.mark.parametrize("by", ["an edit", "a replay"])
def test_an_edit_or_a_replay_frees_it(
    restless: None, remote: MemoryRemote, connection: Connection, deliver: Deliver, by: str
) -> None:
    group = Group.objects.create(name="a")
    deliver(3)
    if by == "an edit":
        edited(group, "b")
    else:
        bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.PUSH, actor="ann")
    deliver(3)
    assert remote.calls("update") == LIMIT + 1 + LIMIT  # it goes on where it goes on, and is held again
    assert row(connection, group).code == "ping_pong"


def test_one_that_has_settled_since_stays_free(
    restless: None,
    integrator: type[MemoryIntegrator],
    remote: MemoryRemote,
    connection: Connection,
    deliver: Deliver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = Group.objects.create(name="a")
    deliver(3)
    monkeypatch.setattr(integrator, "build_payload", MemoryIntegrator.build_payload)  # the hook is mended
    edited(group, "b")
    deliver(3)
    assert (row(connection, group).state, row(connection, group).code) == (State.SYNCED, "")
    assert remote.names() == ["b"]


def test_what_somebody_at_the_remote_changes_back_each_time_is_held_in_the_end(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="ours")
    deliver()
    for _ in range(2 * LIMIT):
        remote.objects["r1"]["name"] = "theirs"
        bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY, actor="reconcile")
        deliver()
    found = row(connection, group)
    assert (found.state, found.code) == (State.HELD, "ping_pong")
    assert "this keeps changing: name." in found.detail
    assert remote.calls("update") == LIMIT
    edited(group, "ours again")
    deliver()
    assert remote.names() == ["ours again"]
    assert row(connection, group).state == State.SYNCED


def test_the_limit_and_the_window_are_settings(
    restless: None, remote: MemoryRemote, connection: Connection, deliver: Deliver, settings: Any
) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "ping_pong_limit": 3}
    Group.objects.create(name="a")
    deliver(3)
    assert remote.calls("update") == 3


def test_others_go_on_while_one_is_held(
    restless: None, remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    Group.objects.create(name="a")
    deliver(3)
    Group.objects.create(name="b")
    deliver()
    assert remote.names() == ["a", "b"]


# --- what is no ping-pong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [["on", "off"], [f"v{number}" for number in range(40)]])
def test_edits_are_edits_however_many_and_however_alike(
    remote: MemoryRemote, connection: Connection, deliver: Deliver, values: list[str]
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    for value in itertools.islice(itertools.cycle(values), 4 * LIMIT):
        edited(group, value)
        deliver()
    assert remote.calls("update") == 4 * LIMIT
    assert row(connection, group).state == State.SYNCED


def test_edits_between_differing_reads_start_the_count_anew(
    remote: MemoryRemote, connection: Connection, deliver: Deliver
) -> None:
    group = Group.objects.create(name="a")
    deliver()
    for number in range(3 * LIMIT):
        remote.objects["r1"]["name"] = "theirs"
        bindings.ask(connection.pk, "group", [str(group.pk)], wanted=Wanted.VERIFY)
        deliver()
        if number % 5 == 4:
            edited(group, f"b{number}")
            deliver()
    assert row(connection, group).state == State.SYNCED


def test_an_edit_outranks_what_a_hook_saves_beside_it(connection: Connection) -> None:
    values = {"connection_id": connection.pk, "object_type": "group", "object_id": "1", "model": "auth.group"}
    bindings.fold([bindings.Fold(**values, actor="ann"), bindings.Fold(**values, actor=OURSELVES)])
    assert Binding.objects.get().actor == "ann"


def past(*operations: tuple[str, int, str]) -> list[Past]:
    made = [Past(verb=verb, status="succeeded", seq=seq, actor=actor) for verb, seq, actor in operations]
    return made[::-1]


@pytest.mark.parametrize(
    ("operations", "count"),
    [
        ([], 0),
        ([("create", 1, ""), ("update", 2, OURSELVES), ("update", 3, OURSELVES)], 2),
        ([("update", 2, OURSELVES), ("update", 3, "ann"), ("update", 4, OURSELVES)], 1),
        ([("update", 4, "ann"), ("read", 4, "ann"), ("update", 4, "ann")], 1),
        ([("read", 4, ""), ("update", 5, "ann")], 0),
        ([("update", 1, OURSELVES), ("create", 2, "")], 0),
        ([("update", 1, OURSELVES), ("lookup", 1, ""), ("read", 1, "")], 1),
    ],
)
def test_sends_are_counted_back_to_the_last_that_had_a_cause_of_its_own(
    operations: list[tuple[str, int, str]], count: int
) -> None:
    assert in_a_row(past(*operations), 9, OURSELVES) == count


def test_a_send_that_has_a_cause_of_its_own_is_never_one_of_them() -> None:
    echoes = past(*[("update", number, OURSELVES) for number in range(20)])
    assert in_a_row(echoes, 21, "ann") == 0
    assert in_a_row([*past(("read", 21, "")), *echoes], 21, "ann") == 20
