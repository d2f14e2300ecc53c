from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.db.models import F

from sync import bindings
from sync.bindings import Claimed, Mark, stale
from sync.models import Binding, Connection, Operation, State
from sync.models.clock import now
from sync.types import Lane, Wanted

Folder = Callable[..., None]
INTENT = '{"key":"k"}'


@pytest.fixture
def claimed(connection: Connection, fold: Folder) -> Claimed:
    """A create under way, its intent journaled."""
    fold("1", actor="ann")
    (row,) = bindings.claim(connection.pk, 1, 60.0)
    bindings.mark([Mark(claim=row, uncertain="create", intent=INTENT)])
    return row


def later(connection: Connection, **values: Any) -> None:
    Binding.objects.filter(connection=connection).update(**values)


# --- an id that comes after its lease --------------------------------------------------------------------------------


def test_a_late_id_of_my_own_intent_is_kept(claimed: Claimed, connection: Connection) -> None:
    later(connection, lease_token=99, sent="{}")
    assert bindings.learn(claimed, INTENT, "r1")
    row = Binding.objects.get()
    assert (row.remote_id, row.sent, row.intent, row.uncertain) == ("r1", None, None, "")


def test_a_late_id_ends_the_doubt_that_a_person_was_asked_to_end(claimed: Claimed, connection: Connection) -> None:
    later(
        connection,
        lease_token=99,
        leased=False,
        state=State.IN_DOUBT,
        code="in_doubt",
        detail="Who knows?",
        due_at=None,
    )
    assert bindings.learn(claimed, INTENT, "r1")
    bindings.verify(claimed)
    row = Binding.objects.get()
    assert (row.remote_id, row.uncertain, row.state, row.code, row.detail) == ("r1", "", State.PENDING, "", "")
    assert row.due_at is not None


def test_a_late_id_that_is_known_by_now_is_no_double(claimed: Claimed, connection: Connection) -> None:
    later(connection, remote_id="r1", intent=None)
    assert bindings.learn(claimed, INTENT, "r1")


@pytest.mark.parametrize(
    "values", [{"remote_id": "r2", "intent": None}, {"intent": '{"key":"newer"}'}, {"intent": None}]
)
def test_a_late_id_beside_another_id_or_intent_is_a_double(
    claimed: Claimed, connection: Connection, values: dict[str, Any]
) -> None:
    later(connection, **values)
    assert not bindings.learn(claimed, INTENT, "r1")
    row = Binding.objects.get()
    assert (row.remote_id, row.intent) == (values.get("remote_id"), values["intent"])


def test_a_late_id_that_another_object_holds_is_a_double(
    claimed: Claimed, connection: Connection, fold: Folder
) -> None:
    fold("2")
    Binding.objects.filter(object_id="2").update(remote_id="r1")
    assert not bindings.learn(claimed, INTENT, "r1")
    assert Binding.objects.get(object_id="1").remote_id is None
    assert not database.needs_rollback


# --- an object that has nothing else ---------------------------------------------------------------------------------


def test_what_a_late_create_made_is_the_objects_where_it_has_nothing_else(
    claimed: Claimed, connection: Connection
) -> None:
    later(connection, leased=False, intent=None, uncertain="", state=State.ABSENT, due_at=None)
    bindings.verify(claimed)
    assert bindings.take_in(claimed, "r1")
    row = Binding.objects.get()
    assert (row.remote_id, row.wanted, row.state) == ("r1", Wanted.VERIFY, State.PENDING)
    assert row.due_at is not None


@pytest.mark.parametrize(
    "values",
    [
        {"remote_id": "r2"},
        {"intent": INTENT, "uncertain": "create"},
        {"uncertain": "create"},
        {"leased": True},
        {"state": State.HELD, "code": bindings.UNLINKED},
    ],
)
def test_it_is_not_where_another_create_is_open_or_a_person_has_decided(
    claimed: Claimed, connection: Connection, values: dict[str, Any]
) -> None:
    later(connection, leased=False, intent=None, uncertain="")
    later(connection, **values)
    assert not bindings.take_in(claimed, "r1")
    assert Binding.objects.get().remote_id == values.get("remote_id")


def test_it_is_not_where_another_object_has_it(claimed: Claimed, connection: Connection, fold: Folder) -> None:
    fold("2")
    later(connection, leased=False, intent=None, uncertain="")
    Binding.objects.filter(object_id="2").update(remote_id="r1")
    assert not bindings.take_in(claimed, "r1")
    assert not database.needs_rollback


# --- after it --------------------------------------------------------------------------------------------------------


def test_a_stale_result_asks_for_a_verifying_read(claimed: Claimed) -> None:
    bindings.verify(claimed)
    row = Binding.objects.get()
    assert (row.wanted, row.seq, row.lane, row.actor) == (Wanted.VERIFY, claimed.seq + 1, Lane.LIVE, "ann")


def test_the_object_that_is_looked_at_is_called_by_the_row_that_it_got_meanwhile(
    connection: Connection, fold: Folder
) -> None:
    fold(f"{bindings.FIRST}k")
    (first,) = bindings.claim(connection.pk, 1, 60.0)
    later(connection, object_id="7", leased=False)
    bindings.verify(first)
    row = Binding.objects.get()
    assert (row.object_id, row.wanted) == ("7", Wanted.VERIFY)
    row.delete()
    bindings.verify(first)  # forgotten, and without a row: nobody's
    assert not Binding.objects.exists()


def test_what_a_person_has_unlinked_since_stays_held(claimed: Claimed, connection: Connection) -> None:
    later(connection, leased=False, state=State.HELD, code=bindings.UNLINKED, due_at=None)
    bindings.verify(claimed)
    row = Binding.objects.get()
    assert (row.state, row.code, row.due_at) == (State.HELD, bindings.UNLINKED, None)


def test_an_attempt_is_given_back_and_revives_what_it_had_made_dead(connection: Connection, fold: Folder) -> None:
    fold("1", "2", "3", "4", "5")
    for object_id, values in {
        "1": {"attempts": 2},
        "2": {"attempts": 0},
        "3": {"attempts": 5, "state": State.DEAD},
        "4": {"attempts": 1, "state": State.HELD},
        "5": {"attempts": 1, "state": State.DEAD, "code": "crash_loop", "due_at": None},
    }.items():
        Binding.objects.filter(object_id=object_id).update(**values)
    bindings.give_back(Binding.objects.values_list("pk", flat=True))
    assert list(Binding.objects.order_by("object_id").values_list("attempts", flat=True)) == [1, 0, 4, 1, 1]
    assert Binding.objects.get(object_id="3").state == State.RETRYING
    assert Binding.objects.get(object_id="5").state == State.DEAD
    bindings.give_back([])


def test_as_many_attempts_are_given_back_as_there_were_failures(connection: Connection, fold: Folder) -> None:
    fold("1")
    Binding.objects.update(attempts=3)
    pk = Binding.objects.get().pk
    bindings.give_back([pk, pk])
    assert Binding.objects.get().attempts == 1
    bindings.give_back([pk, pk, pk])
    assert Binding.objects.get().attempts == 0


def test_the_next_due_time_is_that_of_any_lane(connection: Connection, fold: Folder) -> None:
    assert bindings.next_due_s(connection.pk) is None
    fold("1", "2", lane=Lane.BULK)
    assert bindings.next_due_s(connection.pk) == 0.0
    later(connection, due_at=now() + dt.timedelta(seconds=100))
    Binding.objects.filter(object_id="2").update(due_at=now() + dt.timedelta(seconds=50), lane=Lane.RETRY)
    assert bindings.next_due_s(connection.pk) == pytest.approx(50.0, abs=5.0)
    assert bindings.next_due_s(connection.pk + 1) is None


# --- pruning ---------------------------------------------------------------------------------------------------------


def test_bindings_of_what_is_long_gone_on_both_sides_are_pruned(
    connection: Connection, fold: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale, "CHUNK", 2)
    fold(*(str(number) for number in range(8)))
    old = now() - dt.timedelta(days=40)
    later(connection, state=State.ABSENT, due_at=None, synced_at=old)
    for object_id, values in {
        "5": {"state": State.SYNCED},
        "6": {"due_at": now()},
        "7": {"synced_at": now()},
    }.items():
        Binding.objects.filter(object_id=object_id).update(**values)
    assert bindings.prune(86_400.0) == 5
    assert list(Binding.objects.order_by("object_id").values_list("object_id", flat=True)) == ["5", "6", "7"]
    assert bindings.prune(86_400.0) == 0


def test_pruning_a_binding_leaves_its_operations(connection: Connection, fold: Folder) -> None:
    fold("1")
    binding = Binding.objects.get()
    Operation.objects.create(connection=connection, binding=binding, verb="delete", started_at=now())
    later(connection, state=State.ABSENT, due_at=None, synced_at=now() - dt.timedelta(days=40))
    assert bindings.prune(86_400.0) == 1
    assert Operation.objects.get().binding_id == binding.pk


def test_a_verifying_read_may_be_asked_for_later_and_does_not_touch_a_lease(
    claimed: Claimed, connection: Connection
) -> None:
    lease_end = Binding.objects.get().due_at
    bindings.verify(claimed, after_s=500.0)
    assert Binding.objects.get().due_at == lease_end
    later(connection, leased=False, due_at=None, state=State.SYNCED)
    bindings.verify(claimed, after_s=5.0)
    row = Binding.objects.get()
    assert row.due_at is not None
    assert 4 < (row.due_at - now()).total_seconds() <= 5


@pytest.mark.parametrize("verb", ["hold", "bury", "end"])
@pytest.mark.parametrize("meanwhile", [{"leased": True}, {"lease_token": 99}, {"seq": 99}, {"object_id": "2"}])
def test_what_was_claimed_or_changed_since_is_left_as_it_is(
    claimed: Claimed, connection: Connection, verb: str, meanwhile: dict[str, Any]
) -> None:
    later(connection, leased=False)
    later(connection, **meanwhile)
    arguments = () if verb == "end" else ("code", "detail")
    assert not getattr(bindings, verb)(claimed, *arguments)
    assert Binding.objects.get().state == State.PENDING


def test_what_nobody_noted_a_time_for_is_pruned_an_age_after_it_was_first_seen(
    connection: Connection, fold: Folder
) -> None:
    fold("1")
    later(connection, state=State.ABSENT, due_at=None, synced_at=None)
    assert bindings.prune(86_400.0) == 0
    Binding.objects.update(synced_at=F("synced_at") - dt.timedelta(days=2))
    assert bindings.prune(86_400.0) == 1


def test_remote_objects_without_a_row_are_pruned_unless_something_is_asked_of_them(connection: Connection) -> None:
    old = now() - dt.timedelta(days=40)
    for number in range(3):
        bindings.by_remote_id(connection.pk, "product", f"r{number}", "shop.product")
    later(connection, synced_at=old)
    Binding.objects.filter(remote_id="r1").update(due_at=now())
    Binding.objects.filter(remote_id="r2").update(state=State.HELD)
    assert bindings.prune(86_400.0) == 1
    assert sorted(Binding.objects.values_list("remote_id", flat=True)) == ["r1", "r2"]
