"""Fold, claim, mark and settle: one body for every implementation (run with and without --pg)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from sync import bindings
from sync.bindings import Claimed, Fold, Mark, Settlement
from sync.exceptions import ObjectBusy
from sync.models import Binding, Connection, State
from sync.models.clock import now
from sync.types import Lane, Wanted

Folder = Callable[..., None]


def claim(connection: Connection, limit: int = 100) -> list[Claimed]:
    return bindings.claim(connection.pk, limit, 60.0)


def settled(row: Claimed, **values: Any) -> Settlement:
    made = Settlement(
        claim=row,
        remote_id=row.remote_id,
        remote_version=None,
        sent=row.sent,
        seen=None,
        uncertain="",
        intent=None,
        wanted=Wanted.AUTO,
        attempts=0,
        claims=0,
        state=State.SYNCED,
        synced=True,
    )
    return replace(made, **values)


def expire_leases() -> None:
    Binding.objects.update(due_at=F("due_at") - dt.timedelta(hours=1))


def test_a_first_change_makes_a_binding_that_is_due(connection: Connection, fold: Folder) -> None:
    fold("1", actor="ann")
    row = Binding.objects.get()
    assert (row.seq, row.state, row.actor, row.wanted) == (1, State.PENDING, "ann", Wanted.AUTO)
    assert row.due_at is not None and row.due_at <= now()
    assert row.dirty_since is not None


def test_changes_of_one_object_in_one_batch_raise_the_sequence_once(connection: Connection, fold: Folder) -> None:
    fold("1", "1", "1")
    assert Binding.objects.get().seq == 1
    fold("1")
    assert Binding.objects.get().seq == 2


def test_the_more_urgent_lane_wins_while_an_object_is_due(connection: Connection, fold: Folder) -> None:
    fold("1", lane=Lane.BULK)
    fold("1", lane=Lane.LIVE)
    fold("1", lane=Lane.BULK)
    assert Binding.objects.get().lane == Lane.LIVE


def test_what_is_wanted_is_never_lowered(connection: Connection, fold: Folder) -> None:
    fold("1", wanted=Wanted.PUSH)
    fold("1", wanted=Wanted.VERIFY)
    assert Binding.objects.get().wanted == Wanted.PUSH


def test_a_claim_leases_what_is_due_and_nobody_else_gets_it(connection: Connection, fold: Folder) -> None:
    fold("1", "2", "3")
    first, second = claim(connection, 2), claim(connection, 2)
    assert {row.object_id for row in first} | {row.object_id for row in second} == {"1", "2", "3"}
    assert len(first) == 2
    assert claim(connection) == []
    assert all(row.lease_token > 0 and row.claims == 1 and not row.lone for row in first)


def test_an_object_whose_lease_ran_out_is_claimed_alone(connection: Connection, fold: Folder) -> None:
    fold("1")
    claim(connection)
    expire_leases()
    fold("2", "3")
    alone = claim(connection)
    assert [row.object_id for row in alone] == ["1"]
    assert alone[0].lone
    assert alone[0].claims == 2
    assert {row.object_id for row in claim(connection)} == {"2", "3"}


def test_a_settlement_ends_the_lease_and_the_schedule(connection: Connection, fold: Folder) -> None:
    fold("1")
    (row,) = claim(connection)
    assert bindings.settle([settled(row, remote_id="r1", sent='{"a":1}', rests_s=5.0)]) == {row.id}
    after = Binding.objects.get()
    assert (after.remote_id, after.sent, after.due_at, after.state) == ("r1", '{"a":1}', None, State.SYNCED)
    assert after.dirty_since is None
    assert after.synced_at is not None
    assert after.rests_until is not None and after.rests_until > now()


def test_a_change_during_the_lease_keeps_the_object_due_after_its_rest(connection: Connection, fold: Folder) -> None:
    fold("1")
    (row,) = claim(connection)
    fold("1")
    bindings.settle([settled(row, remote_id="r1", rests_s=5.0)])
    after = Binding.objects.get()
    assert after.due_at is not None and after.due_at > now()
    assert (after.state, after.remote_id) == (State.PENDING, "r1")
    assert after.dirty_since is not None


def test_what_was_asked_during_the_lease_survives_the_settlement(connection: Connection, fold: Folder) -> None:
    fold("1")
    (row,) = claim(connection)
    bindings.ask(connection.pk, "coin", ["1"], wanted=Wanted.PUSH)
    bindings.settle([settled(row)])
    assert Binding.objects.get().wanted == Wanted.PUSH


def test_a_settlement_after_a_lost_lease_changes_nothing(connection: Connection, fold: Folder) -> None:
    fold("1")
    (row,) = claim(connection)
    expire_leases()
    (newer,) = claim(connection)
    assert bindings.settle([settled(row, remote_id="late")]) == set()
    assert Binding.objects.get().remote_id is None
    assert bindings.settle([settled(newer, remote_id="right")]) == {row.id}
    assert Binding.objects.get().remote_id == "right"


def test_two_objects_cannot_hold_one_remote_id(connection: Connection, fold: Folder) -> None:
    fold("1", "2")
    rows = claim(connection)
    with pytest.raises(IntegrityError), transaction.atomic():
        bindings.settle([settled(row, remote_id="same") for row in rows])
    assert set(Binding.objects.values_list("remote_id", flat=True)) == {None}


def test_a_mark_notes_the_doubt_and_the_intent_under_the_lease_only(connection: Connection, fold: Folder) -> None:
    fold("1")
    (row,) = claim(connection)
    assert bindings.mark([Mark(claim=row, uncertain="create", intent='{"key":"k"}')]) == {row.id}
    expire_leases()
    claim(connection)
    assert bindings.mark([Mark(claim=row, uncertain="", intent=None)]) == set()
    after = Binding.objects.get()
    assert (after.uncertain, after.intent) == ("create", '{"key":"k"}')


@pytest.mark.parametrize("state", [State.DEAD, State.HELD])
def test_an_edit_revives_what_is_dead_or_held(connection: Connection, fold: Folder, state: State) -> None:
    fold("1")
    (row,) = claim(connection)
    bindings.settle([settled(row, state=state, code="refused", attempts=5, synced=False)])
    assert Binding.objects.get().due_at is None
    fold("1")
    after = Binding.objects.get()
    assert (after.state, after.attempts, after.code) == (State.PENDING, 0, "")
    assert after.due_at is not None and after.due_at <= now()


def test_an_edit_of_what_is_held_in_doubt_waits_for_a_person(connection: Connection, fold: Folder) -> None:
    fold("1")
    (row,) = claim(connection)
    bindings.settle([settled(row, state=State.IN_DOUBT, uncertain="create", again=False, synced=False)])
    fold("1")
    after = Binding.objects.get()
    assert (after.state, after.due_at, after.seq) == (State.IN_DOUBT, None, 2)
    assert bindings.resolve(after.pk, remote_id=None, actor="ann")
    after.refresh_from_db()
    assert (after.state, after.uncertain, after.actor) == (State.PENDING, "", "ann")
    assert not bindings.resolve(after.pk, remote_id=None)


def test_an_edit_leaves_a_backoff_its_time_but_a_person_does_not(connection: Connection, fold: Folder) -> None:
    fold("1")
    (row,) = claim(connection)
    bindings.settle([settled(row, state=State.RETRYING, due_s=600.0, attempts=2, again=False, synced=False)])
    before = Binding.objects.get().due_at
    fold("1")
    assert Binding.objects.get().due_at == before
    bindings.ask(connection.pk, "coin", ["1"], urgent=True)
    after = Binding.objects.get()
    assert after.due_at is not None and after.due_at <= now()
    assert after.attempts == 0


def test_a_person_in_a_hurry_does_not_break_a_lease(connection: Connection, fold: Folder) -> None:
    fold("1")
    claim(connection)
    bindings.ask(connection.pk, "coin", ["1"], urgent=True)
    assert claim(connection) == []


def test_one_object_is_claimed_at_once_due_or_not(connection: Connection) -> None:
    row = Fold(connection_id=connection.pk, object_type="coin", object_id="1", model="vault.coin")
    claimed = bindings.claim_one(row, 60.0)
    assert (claimed.lease_token, claimed.claims) == (1, 1)
    with pytest.raises(ObjectBusy):
        bindings.claim_one(row, 60.0)


def test_asking_counts_every_object_and_makes_missing_bindings(connection: Connection) -> None:
    assert bindings.ask(connection.pk, "coin", (str(n) for n in range(2500)), model="vault.coin") == 2500
    assert Binding.objects.filter(wanted=Wanted.PUSH, lane=Lane.BULK, model="vault.coin").count() == 2500


def test_ensuring_leaves_existing_bindings_as_they_are(connection: Connection, fold: Folder) -> None:
    fold("1")
    assert bindings.ensure(connection.pk, "coin", ["1", "2"], model="vault.coin") == 1
    assert Binding.objects.get(object_id="1").seq == 1


def test_an_object_released_after_its_lease_ran_out_is_still_claimed_alone(
    connection: Connection, fold: Folder
) -> None:
    fold("1", "2")
    Binding.objects.filter(object_id="1").update(claims=1)
    assert [len(bindings.claim(connection.pk, 10, 60.0)) for _ in range(2)] == [1, 1]


def test_an_edit_of_what_is_held_makes_it_due_at_once_whatever_its_time(connection: Connection, fold: Folder) -> None:
    fold("1", "2", "3")
    later = now() + dt.timedelta(hours=1)
    Binding.objects.filter(object_id="1").update(state=State.HELD, due_at=later)
    Binding.objects.filter(object_id="2").update(state=State.HELD, due_at=later, leased=True)
    Binding.objects.filter(object_id="3").update(state=State.WAITING, due_at=later)
    fold("1", "2", "3")
    due = dict(Binding.objects.values_list("object_id", "due_at"))
    assert due["1"] <= now()
    assert (due["2"], due["3"]) == (later, later)
