"""What got stuck outside a settlement, or before there were letters, gets one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from sync import bindings, deadletters
from sync.bindings import Letter
from sync.models import Binding, Cause, Operation, State

Stuck = Callable[..., Binding]
pytestmark = pytest.mark.django_db


def test_whatever_is_stuck_is_adopted_by_its_code_and_words(stuck: Stuck) -> None:
    rows = [stuck(detail="coin 7"), stuck(detail="coin 8", state=State.DEAD), stuck(state=State.IN_DOUBT, code="doubt")]
    for state in (State.PENDING, State.SYNCED, State.RETRYING, State.WAITING, State.ABSENT):
        stuck(state=state)
    assert deadletters.adopt() == 3
    for row in rows:
        row.refresh_from_db()
    assert rows[0].cause_id == rows[1].cause_id != rows[2].cause_id
    assert Binding.objects.filter(cause__isnull=False).count() == 3
    assert deadletters.adopt() == 0


@pytest.mark.parametrize(
    ("attempted", "status_code"),
    [
        ({"code": "refused", "detail": "no"}, 422),
        ({"code": "server_error", "detail": "no"}, 422),  # the verdict has a word of its own
        ({"code": "server_error", "detail": "another"}, 0),
        ({"code": "refused", "detail": "no", "status": "succeeded"}, 0),
        ({"code": "", "detail": "", "verb": "unlink", "status": "succeeded", "status_code": 0}, 0),
    ],
)
def test_a_letter_has_the_status_of_the_attempt_that_it_came_from(
    attempted: dict[str, Any], status_code: int, stuck: Stuck
) -> None:
    row = stuck()
    for values in ({"code": "refused", "detail": "older", "status_code": 500}, attempted):
        given = {"verb": "update", "status": "failed", "status_code": 422, "started_at": timezone.now()}
        Operation.objects.create(connection=row.connection, binding=row, **{**given, **values})
    assert deadletters.adopt() == 1
    assert Cause.objects.get().status_code == status_code


def test_among_some_only_those_are_adopted(stuck: Stuck) -> None:
    first, second = stuck(), stuck()
    assert deadletters.adopt([second.pk]) == 1
    first.refresh_from_db()
    assert first.cause_id is None


def test_one_that_is_stuck_for_another_reason_since_is_opened_again(stuck: Stuck) -> None:
    row = stuck()
    deadletters.adopt()
    Binding.objects.update(ignored="known", code="duplicate_remote")
    assert deadletters.adopt([row.pk]) == 1
    row.refresh_from_db()
    assert (row.ignored, row.cause and row.cause.code) == ("", "duplicate_remote")


def test_a_cause_that_was_removed_is_made_again(stuck: Stuck) -> None:
    row = stuck()
    deadletters.adopt()
    Cause.objects.all().delete()
    assert deadletters.adopt() == 1
    row.refresh_from_db()
    assert row.cause_id == Cause.objects.get().pk


@pytest.mark.parametrize("change", [{"seq": 2}, {"lease_token": 9}, {"leased": True}, {"state": State.PENDING}])
def test_what_was_claimed_or_changed_since_it_was_read_is_left_alone(stuck: Stuck, change: dict[str, Any]) -> None:
    row = stuck()
    (cause,) = deadletters.record([deadletters.Trouble(connection_id=row.connection_id, code="refused")])
    Binding.objects.update(**change)
    assert cause is not None
    assert bindings.blame([Letter(id=row.pk, lease_token=row.lease_token, seq=row.seq, cause=cause)]) == 0
    row.refresh_from_db()
    assert row.cause_id is None


def test_a_database_that_is_away_is_no_reason_to_fail(stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stuck()

    def away(*args: Any) -> int:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(bindings, "blame", away)
        assert deadletters.adopt([row.pk]) == 0
    assert deadletters.adopt() == 1
