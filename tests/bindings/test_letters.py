"""A settle opens a dead letter by naming its cause, and closes it when a later send succeeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from sync import bindings
from sync.models import Binding, Cause, Connection, State
from tests.bindings.test_leases import settled

Fold = Callable[..., None]

pytestmark = pytest.mark.django_db


@pytest.fixture
def cause() -> Callable[[str], Cause]:
    at = timezone.now()
    return lambda name: Cause.objects.create(fingerprint=name, integrator="vault", first_seen=at, last_seen=at)


@pytest.fixture
def fail(connection: Connection) -> Callable[..., None]:
    """Claim the object and settle it as held, for some cause."""

    def failed(cause: Cause | None, **values: Any) -> None:
        (row,) = bindings.claim(connection.pk, 1, 30)
        if values.pop("changed", False):
            Binding.objects.filter(pk=row.id).update(seq=row.seq + 1)
        held = {"state": State.HELD, "synced": False, "cause": cause.pk if cause else None, **values}
        assert bindings.settle([settled(row, **held)]) == {row.id}

    return failed


def test_a_failure_with_a_cause_opens_a_dead_letter(
    fold: Fold, fail: Callable[..., None], cause: Callable[[str], Cause]
) -> None:
    fold("1")
    fail(why := cause("a"))
    assert Binding.objects.get().cause_id == why.pk


def test_an_edit_keeps_it_open_and_a_success_closes_it(
    connection: Connection, fold: Fold, fail: Callable[..., None], cause: Callable[[str], Cause]
) -> None:
    fold("1")
    fail(why := cause("a"))
    Binding.objects.update(ignored="known")
    fold("1")
    row = Binding.objects.get()
    assert (row.state, row.cause_id, row.ignored) == (State.PENDING, why.pk, "known")
    (claim,) = bindings.claim(connection.pk, 1, 30)
    bindings.settle([settled(claim)])
    row.refresh_from_db()
    assert (row.state, row.cause_id, row.ignored) == (State.SYNCED, None, "")


def test_the_same_cause_stays_ignored_and_another_opens_it_again(
    fold: Fold, fail: Callable[..., None], cause: Callable[[str], Cause]
) -> None:
    fold("1")
    fail(first := cause("a"))
    Binding.objects.update(ignored="known")
    fold("1")
    fail(first)
    assert Binding.objects.get().ignored == "known"
    fold("1")
    fail(second := cause("b"))
    row = Binding.objects.get()
    assert (row.cause_id, row.ignored) == (second.pk, "")


def test_a_failure_without_a_cause_leaves_the_letter_as_it_is(
    fold: Fold, fail: Callable[..., None], cause: Callable[[str], Cause]
) -> None:
    fold("1")
    fail(why := cause("a"))
    fold("1")
    fail(None)
    assert Binding.objects.get().cause_id == why.pk


def test_a_state_that_is_outdated_already_opens_none(
    fold: Fold, fail: Callable[..., None], cause: Callable[[str], Cause]
) -> None:
    fold("1")
    fail(cause("a"), changed=True)
    row = Binding.objects.get()
    assert (row.state, row.cause_id) == (State.PENDING, None)


def test_an_outdated_failure_neither_replaces_a_cause_nor_ends_an_ignoring(
    fold: Fold, fail: Callable[..., None], cause: Callable[[str], Cause]
) -> None:
    fold("1")
    fail(first := cause("a"))
    Binding.objects.update(ignored="known")
    fold("1")
    fail(cause("b"), changed=True)
    row = Binding.objects.get()
    assert (row.cause_id, row.ignored) == (first.pk, "known")
