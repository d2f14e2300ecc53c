"""What a shopkeeper is told, as a table."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import translation

from sync.models import Binding, Connection, Gate, State
from sync.monitoring.verdict import Said, Tone, verdict
from sync.monitoring.words import ago, reason

NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)


def at(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def said(
    row: dict[str, Any] | None,
    *,
    connection: dict[str, Any] | None = None,
    gate: dict[str, Any] | None = None,
    changed: bool = False,
) -> Said:
    account = Connection(integrator="shop", **(connection or {}))
    binding = Binding(connection=account, **row) if row is not None else None
    return verdict(binding, account, Gate(**gate) if gate is not None else None, now=NOW, changed=changed)


REFUSED = 'the remote answered 422: {"errors": {"price": ["must be positive"]}}'
PENDING: dict[str, Any] = {"state": State.PENDING, "due_at": at(-1), "dirty_since": at(-3)}
SYNCED: dict[str, Any] = {"state": State.SYNCED, "remote_id": "r-1", "synced_at": at(-7200)}

TABLE: list[tuple[dict[str, Any] | None, dict[str, Any], Tone, str]] = [
    (None, {}, Tone.QUIET, "Never sent to shop: nobody has asked for it. Save it, or push it."),
    (None, {"changed": True}, Tone.BUSY, "Not at shop yet: it was just saved. A worker takes it up now."),
    (
        None,
        {"changed": True, "connection": {"paused": True, "paused_reason": "by grace"}},
        Tone.BAD,
        "Not at shop yet: the connection is paused (by grace). It goes out once somebody resumes it.",
    ),
    (PENDING, {}, Tone.BUSY, "Not at shop yet, waiting for 3 s. A worker takes it up now."),
    (
        {**PENDING, "remote_id": "r-1"},
        {},
        Tone.BUSY,
        "The last change is not at shop yet, waiting for 3 s. A worker takes it up now.",
    ),
    (
        {**PENDING, "leased": True, "due_at": at(20)},
        {},
        Tone.BUSY,
        "It is being sent to shop now.",
    ),
    (
        PENDING,
        {"gate": {"next_token_at": at(4)}},
        Tone.BUSY,
        "Not at shop yet, waiting for 3 s: it waits for the rate limit. The next call is free in 4 s.",
    ),
    ({**PENDING, "due_at": at(7)}, {}, Tone.BUSY, "Not at shop yet, waiting for 3 s. It is sent in 7 s."),
    (
        {**PENDING, "due_at": at(-600), "dirty_since": at(-600)},
        {},
        Tone.BAD,
        (
            "Not at shop yet: it is due for 10 min, and no worker has taken it. "
            "See whether workers run, or how long the line is."
        ),
    ),
    (
        PENDING,
        {"connection": {"paused": True, "paused_reason": "by grace", "name": "berlin"}},
        Tone.BAD,
        (
            "Not at shop/berlin yet, waiting for 3 s: the connection is paused (by grace). "
            "It goes out once somebody resumes it."
        ),
    ),
    (
        PENDING,
        {"gate": {"blocked_until": at(30), "reason": "the remote answered 429"}},
        Tone.BUSY,
        (
            "Not at shop yet, waiting for 3 s: the way to shop is shut for now (the remote answered 429). "
            "It is tried again in 30 s."
        ),
    ),
    (PENDING, {"gate": {"blocked_until": at(-1), "reason": "over"}}, Tone.BUSY, "A worker takes it up now."),
    (
        SYNCED,
        {},
        Tone.GOOD,
        "It is at shop as r-1, as it is here, since 2026-03-01 07:00:00 (2 h ago).",
    ),
    ({**SYNCED, "synced_at": None}, {}, Tone.GOOD, "It is at shop as r-1, as it is here."),
    (SYNCED, {"connection": {"paused": True}}, Tone.GOOD, "It is at shop as r-1"),
    ({**SYNCED, "due_at": at(9)}, {}, Tone.GOOD, "A worker looks at it once more in 9 s."),
    (
        SYNCED,
        {"changed": True},
        Tone.BUSY,
        "The last change is not at shop yet: it was just saved. A worker takes it up now.",
    ),
    ({**SYNCED, "code": "left"}, {}, Tone.QUIET, "Left at shop as r-1, and no longer kept in step."),
    (
        {"state": State.RETRYING, "due_at": at(12), "attempts": 2, "detail": "the remote answered 500: oops"},
        {},
        Tone.BUSY,
        "Not at shop yet: the last attempt failed (500: oops). Attempt 3 follows in 12 s.",
    ),
    (
        {"state": State.RETRYING, "due_at": at(9000), "attempts": 4, "code": "connect_failed"},
        {},
        Tone.BUSY,
        "Not at shop yet: the last attempt failed (connect_failed). Attempt 5 follows at 2026-03-01 11:30:00.",
    ),
    (
        {"state": State.RETRYING, "due_at": at(12)},
        {"connection": {"paused": True}},
        Tone.BAD,
        "the connection is paused (no reason given)",
    ),
    (
        {"state": State.WAITING, "due_at": at(5), "waits_for": "category:3"},
        {},
        Tone.BUSY,
        "Not at shop yet: it waits for category 3, which is not there itself. It follows as soon as that is there.",
    ),
    (
        {"state": State.HELD, "code": "refused", "detail": REFUSED},
        {},
        Tone.BAD,
        (
            "Not at shop yet: the remote refused “price” (422: must be positive). "
            "It is held until somebody edits it, or pushes it again."
        ),
    ),
    (
        {"state": State.HELD, "code": "refused", "detail": REFUSED},
        {"changed": True},
        Tone.BUSY,
        "(422: must be positive). It was edited since: a worker tries it again now.",
    ),
    (
        {"state": State.HELD, "code": "data_constraint", "detail": "status must not be 'draft'", "remote_id": "r-1"},
        {},
        Tone.BAD,
        "The last change is not at shop yet: a rule here forbids it: status must not be 'draft'. It is held",
    ),
    (
        {"state": State.HELD, "code": "gone"},
        {},
        Tone.BAD,
        "shop no longer has it: somebody removed it there. Its next save, or a push, creates it there again.",
    ),
    (
        {"state": State.HELD, "code": "unlinked", "detail": "Unlinked from r-1 by grace: merged."},
        {},
        Tone.QUIET,
        "It is tied to nothing at shop. Unlinked from r-1 by grace: merged.",
    ),
    (
        {"state": State.DEAD, "attempts": 5, "detail": "the remote answered 503"},
        {},
        Tone.BAD,
        (
            "Not at shop yet: given up after 5 attempts; the last one failed (the remote answered 503). "
            "It stays so until somebody edits it, or pushes it again."
        ),
    ),
    (
        {"state": State.DEAD, "code": "duplicate_remote", "detail": "The remote object r-1 already belongs to b."},
        {},
        Tone.BAD,
        "Not at shop yet: given up (The remote object r-1 already belongs to b).",
    ),
    (
        {"state": State.DEAD, "attempts": 5, "detail": "x", "ignored": "known (grace)"},
        {},
        Tone.BAD,
        "Nobody need look: known (grace).",
    ),
    (
        {"state": State.IN_DOUBT, "uncertain": "create"},
        {},
        Tone.BAD,
        (
            "Nobody knows whether it arrived at shop: its create was sent, and the answer was lost. "
            "Somebody has to look there, and say so."
        ),
    ),
    ({"state": State.ABSENT}, {}, Tone.QUIET, "It is not at shop, and not meant to be."),
    ({"state": State.ABSENT}, {"changed": True}, Tone.BUSY, "Not at shop yet: it was just saved."),
]


@pytest.mark.parametrize(("row", "around", "tone", "text"), TABLE)
def test_one_sentence_says_it(row: dict[str, Any] | None, around: dict[str, Any], tone: Tone, text: str) -> None:
    told = said(row, **around)
    assert text in str(told)
    assert told.tone is tone


@pytest.mark.parametrize("state", State)
def test_every_state_is_told_whatever_the_rest(state: State) -> None:
    for due in (None, at(-5), at(5)):
        for changed in (False, True):
            told = said({"state": state, "due_at": due}, changed=changed)
            assert told.why.endswith(".")
            assert told.tone is not Tone.GOOD or state is State.SYNCED


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        (REFUSED, "the remote refused “price” (422: must be positive)"),
        ('the remote answered 400: {"detail": "no."}', "400: no"),
        ("the remote answered 500: <html>", "500: <html>"),
        ("Its parent is dead.", "Its parent is dead"),
        ("", "a_code"),
    ],
)
def test_what_the_remote_complains_of_comes_first(detail: str, text: str) -> None:
    assert reason(Binding(code="a_code", detail=detail)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-4, "0 s"), (0, "0 s"), (3.4, "3 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (2e5, "2 d")],
)
def test_spans_are_told_as_people_do(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_a_sentence_is_made_anew_in_each_language() -> None:
    with translation.override("de"):
        assert str(said(None))
