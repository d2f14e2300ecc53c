"""Replay, ignore and the groups, from code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from sync import deadletters, wake
from sync.deadletters import Replayed
from sync.exceptions import ReasonMissing
from sync.models import Binding, Cause, Connection, State
from sync.types import Lane, Wanted

Stuck = Callable[..., Binding]
pytestmark = pytest.mark.django_db


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The connections that were rung for."""
    calls: list[list[int]] = []
    monkeypatch.setattr(wake, "ring", lambda ids: calls.append(list(ids)))
    return calls


@pytest.fixture
def letters(stuck: Stuck) -> Callable[[int], list[Binding]]:
    def made(count: int, **values: Any) -> list[Binding]:
        rows = [stuck(**values) for _ in range(count)]
        deadletters.adopt([row.pk for row in rows])
        for row in rows:
            row.refresh_from_db()
        return rows

    return made


def test_a_replay_asks_in_the_bulk_lane_with_attempts_anew_and_ends_with_a_ring(
    letters: Callable[..., list[Binding]],
    connection: Connection,
    rung: list[list[int]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    (row,) = letters(1, state=State.DEAD, attempts=5, claims=2)
    with django_capture_on_commit_callbacks(execute=True):
        assert deadletters.replay(row, actor="ann", reason="fixed") == Replayed(asked=1)
    row.refresh_from_db()
    assert (row.state, row.lane, row.wanted, row.attempts, row.claims) == (
        State.PENDING,
        Lane.BULK,
        Wanted.PUSH,
        0,
        0,
    )
    assert row.due_at is not None
    assert row.actor == "ann (fixed)"
    assert row.cause_id is not None  # open until a send succeeds
    assert rung == [[connection.pk]]


def test_a_replay_of_nothing_rings_for_nobody(rung: list[list[int]], django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert deadletters.replay() == Replayed()
    assert rung == []


def test_a_replay_takes_any_number_in_pages(
    letters: Callable[..., list[Binding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["sync.deadletters.replay"], "CHUNK", 3)
    letters(8)
    assert deadletters.replay().asked == 8
    assert not Binding.objects.exclude(state=State.PENDING).exists()


def test_a_replay_leaves_what_is_no_letter(stuck: Stuck, letters: Callable[..., list[Binding]]) -> None:
    other = stuck(state=State.SYNCED)
    letters(1)
    deadletters.replay(Binding.objects.all())
    other.refresh_from_db()
    assert (other.state, other.wanted) == (State.SYNCED, Wanted.AUTO)


def test_a_cause_a_group_and_a_queryset_name_letters_alike(letters: Callable[..., list[Binding]]) -> None:
    mine = letters(2, code="mine")
    letters(1, code="other")
    cause = Cause.objects.get(code="mine")
    (group,) = deadletters.groups(code="mine")
    for what in (cause, group, Binding.objects.filter(code="mine")):
        assert set(deadletters.letters(what)) == set(mine)


def test_an_ignored_letter_is_left_out_unless_it_is_named_itself(letters: Callable[..., list[Binding]]) -> None:
    (row,) = letters(1)
    assert deadletters.ignore(row, reason=" known \n to shop ", actor="ann") == 1
    row.refresh_from_db()
    assert row.ignored == "known to shop (ann)"
    assert deadletters.groups() == []
    assert deadletters.replay().asked == 0
    assert deadletters.replay(ignored=None).asked == 1
    Binding.objects.update(state=State.HELD)
    assert deadletters.replay(row).asked == 1
    assert deadletters.unignore() == 1
    assert deadletters.groups()[0].open == 1


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_ignoring_needs_a_reason(letters: Callable[..., list[Binding]], reason: str) -> None:
    (row,) = letters(1)
    with pytest.raises(ReasonMissing):
        deadletters.ignore(row, reason=reason)
    row.refresh_from_db()
    assert row.ignored == ""


def test_a_long_reason_is_cut_so_that_who_said_so_stays(letters: Callable[..., list[Binding]]) -> None:
    (row,) = letters(1)
    deadletters.ignore(row, reason="x" * 400, actor="ann")
    row.refresh_from_db()
    assert row.ignored == f"{'x' * 240} (ann)"


def test_groups_come_newest_first_in_one_query_with_bounded_counts(
    letters: Callable[..., list[Binding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    letters(4, code="a")
    letters(1, code="b")
    deadletters.ignore(code="a", reason="known")
    letters(2, code="a")
    monkeypatch.setattr(sys.modules["sync.deadletters.groups"], "COUNTED", 3)
    with CaptureQueriesContext(database) as queries:
        found = deadletters.groups()
    assert len(queries) == 1
    assert [(group.code, group.open, group.ignored) for group in found] == [("a", 2, 3), ("b", 1, 0)]
    assert [group.code for group in deadletters.groups(ignored=True)] == ["a"]
    assert [group.code for group in deadletters.groups(code="b", status_code=0, ignored=None)] == ["b"]
    assert len(deadletters.groups(limit=1)) == 1
