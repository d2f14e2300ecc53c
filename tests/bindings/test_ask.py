from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from sync import bindings
from sync.bindings import ask as room
from sync.bindings.ask import FIRST, ROWLESS
from sync.exceptions import ObjectBusy
from sync.models import Binding, Connection, State
from sync.models.clock import now
from sync.types import Lane, Wanted

Folder = Callable[..., None]


def bound(object_id: str = "1") -> Binding:
    return Binding.objects.get(object_id=object_id)


def idle(**values: Any) -> None:
    Binding.objects.update(**{"due_at": None, "state": State.SYNCED, **values})


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(room.__globals__, "CHUNK", 10)


def test_asking_makes_an_idle_object_due_and_raises_its_sequence(connection: Connection, fold: Folder) -> None:
    fold("1")
    idle()
    assert bindings.ask(connection.pk, "coin", ["1"]) == 1
    row = bound()
    assert (row.wanted, row.seq, row.lane, row.state) == (Wanted.PUSH, 2, Lane.BULK, State.PENDING)
    assert row.due_at is not None and row.due_at <= now()


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        (Wanted.AUTO, Wanted.VERIFY, Wanted.VERIFY),
        (Wanted.VERIFY, Wanted.PUSH, Wanted.PUSH),
        (Wanted.PUSH, Wanted.VERIFY, Wanted.PUSH),
        (Wanted.DELETE, Wanted.PUSH, Wanted.DELETE),
        (Wanted.PUSH, Wanted.DELETE, Wanted.DELETE),
        (Wanted.PUSH, Wanted.AUTO, Wanted.PUSH),
    ],
)
def test_asking_never_lowers_what_was_asked_before(
    connection: Connection, fold: Folder, before: Wanted, asked: Wanted, after: Wanted
) -> None:
    fold("1", wanted=before)
    bindings.ask(connection.pk, "coin", ["1"], wanted=asked)
    assert bound().wanted == after


@pytest.mark.parametrize(
    ("actor", "reason", "kept"),
    [("ann", "drift", "ann (drift)"), ("ann", "", "ann"), ("", "drift", "drift"), ("a" * 200, "b", "a" * 150)],
)
def test_who_asked_and_why_is_kept(connection: Connection, actor: str, reason: str, kept: str) -> None:
    bindings.ask(connection.pk, "coin", ["1"], actor=actor, reason=reason, model="vault.coin")
    assert bound().actor == kept


def test_asking_takes_any_number_from_a_generator(connection: Connection) -> None:
    def ids() -> Iterator[Any]:
        yield from range(25)

    assert bindings.ask(connection.pk, "coin", ids(), model="vault.coin") == 25
    assert bindings.ask(connection.pk, "coin", []) == 0
    assert Binding.objects.count() == 25


def test_ensuring_makes_what_is_missing_due(connection: Connection, fold: Folder) -> None:
    fold("1")
    idle()
    assert bindings.ensure(connection.pk, "coin", ["2", "1", "2"], model="vault.coin", actor="ann") == 1
    made = bound("2")
    assert (made.model, made.actor, made.seq, made.state) == ("vault.coin", "ann", 1, State.PENDING)
    assert made.due_at is not None and made.due_at <= now()
    assert bound("1").due_at is None
    assert bindings.ensure(connection.pk, "coin", [], model="vault.coin") == 0


def test_a_person_says_that_a_doubtful_create_arrived(connection: Connection, fold: Folder) -> None:
    fold("1")
    idle(state=State.IN_DOUBT, uncertain="create", intent="{}", sent="{}", attempts=3, code="in_doubt", detail="x")
    assert bindings.resolve(bound().pk, remote_id="r1", actor="ann")
    row = bound()
    assert (row.remote_id, row.uncertain, row.intent, row.sent) == ("r1", "", None, None)
    assert (row.state, row.attempts, row.code, row.detail, row.actor) == (State.PENDING, 0, "", "", "ann")
    assert row.due_at is not None and row.due_at <= now()


def test_a_doubt_is_not_ended_under_the_hands_of_whoever_sends_the_object(connection: Connection, fold: Folder) -> None:
    fold("1")
    until = now() + dt.timedelta(minutes=1)
    idle(state=State.IN_DOUBT, uncertain="create", leased=True, due_at=until, lease_token=7)
    with pytest.raises(ObjectBusy):
        bindings.resolve(bound().pk, remote_id=None)
    assert (bound().state, bound().due_at) == (State.IN_DOUBT, until)
    idle(state=State.IN_DOUBT, uncertain="create", leased=True, due_at=now() - dt.timedelta(seconds=1), lease_token=7)
    assert bindings.resolve(bound().pk, remote_id=None, actor="x" * 200)
    assert (bound().leased, bound().lease_token) == (False, 8)  # what the dead worker brings is void


def test_a_person_cannot_give_an_object_the_id_of_another(connection: Connection, fold: Folder) -> None:
    fold("1", "2")
    idle(state=State.IN_DOUBT)
    bindings.resolve(bound("1").pk, remote_id="r1")
    with pytest.raises(IntegrityError), transaction.atomic():
        bindings.resolve(bound("2").pk, remote_id="r1")
    assert bound("2").state == State.IN_DOUBT


@pytest.mark.parametrize("state", [State.PENDING, State.SYNCED, State.HELD, State.DEAD])
def test_only_a_doubt_is_resolved(connection: Connection, fold: Folder, state: State) -> None:
    fold("1")
    idle(state=state)
    assert not bindings.resolve(bound().pk, remote_id="r1")
    assert bound().remote_id is None


def test_an_object_created_at_the_remote_first_gets_the_key_of_its_row(connection: Connection, fold: Folder) -> None:
    fold(f"{FIRST}k")
    bindings.name_row(bound(f"{FIRST}k").pk, "7")
    row = bound("7")
    assert (row.due_at, row.state, row.dirty_since) == (None, State.SYNCED, None)


def test_a_remote_id_leads_to_the_object_that_is_bound_to_it(connection: Connection, fold: Folder) -> None:
    fold("1")
    Binding.objects.update(remote_id="r1")
    assert bindings.by_remote_id(connection.pk, "coin", "r1", "vault.coin") == "1"


def test_a_remote_id_that_nothing_is_bound_to_is_bound_without_a_row(connection: Connection) -> None:
    assert bindings.by_remote_id(connection.pk, "coin", "r9", "vault.coin") == f"{ROWLESS}r9"
    assert bindings.by_remote_id(connection.pk, "coin", "r9", "vault.coin") == f"{ROWLESS}r9"
    row = Binding.objects.get()
    assert (row.remote_id, row.due_at, row.state) == ("r9", None, State.SYNCED)
