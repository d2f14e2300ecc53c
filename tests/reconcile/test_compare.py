from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.reconcile.compare import DRIFT, MISSING, Inward, Verdict, compare
from sync.reconcile.judge import agrees


def verdict_of(ours: Any, sent: Any, seen: Any, theirs: Any) -> Verdict:
    """The verdict over one field; MISSING leaves a side's field out, None the whole side."""
    sides = [
        None if side is None else {} if side is MISSING else {"price": side} for side in (ours, sent, seen, theirs)
    ]
    mine, before, after, now = sides
    texts = [None if side is None else json.dumps(side) for side in (before, after)]
    found = compare(mine, texts[0], texts[1], now)
    return next(field.verdict for field in found if field.name == "price")


@pytest.mark.parametrize(
    ("ours", "sent", "seen", "theirs", "verdict"),
    [
        ("9.50", "9.50", "9.50", "9.50", Verdict.SAME),
        ("9.50", "9.50", "9.5", "9.5", Verdict.SAME),  # as the remote had made it of ours
        ("9.50", "9.50", "9.5", "9.50", Verdict.SAME),
        ("10.00", "9.50", "9.50", "9.50", Verdict.OURS),
        ("10.00", "9.50", "9.5", "9.5", Verdict.OURS),
        ("9.50", "9.50", "9.50", "8.00", Verdict.THEIRS),
        ("9.50", "9.50", MISSING, "8.00", Verdict.THEIRS),
        ("10.00", "9.50", "9.50", "8.00", Verdict.BOTH),
        ("10.00", "9.50", "9.50", "10.00", Verdict.SAME),  # both came to the same
        ("10.00", None, None, "8.00", Verdict.DIFFERS),
        ("10.00", None, None, "10.00", Verdict.SAME),
        ("10.00", MISSING, MISSING, "8.00", Verdict.BOTH),  # mapped since: nobody had agreed on it
        ("9.50", "9.50", "9.50", MISSING, Verdict.NOT_SHOWN),
        ("9.50", "9.50", "9.50", None, Verdict.UNKNOWN),
        (None, "9.50", "9.50", "9.50", Verdict.UNKNOWN),
        (MISSING, None, None, "its own", Verdict.NOT_SENT),
    ],
)
def test_the_table_of_verdicts(ours: Any, sent: Any, seen: Any, theirs: Any, verdict: Verdict) -> None:
    assert verdict_of(ours, sent, seen, theirs) == verdict


VALUES = st.sampled_from(["a", "b", "c"])


@given(sent=VALUES, seen=VALUES, theirs=VALUES)
def test_where_ours_is_as_agreed_it_judges_as_reconciliation_does(sent: str, seen: str, theirs: str) -> None:
    found = verdict_of(sent, sent, seen, theirs)
    texts = [json.dumps({"price": side}) for side in (sent, seen)]
    assert (found in DRIFT) is not agrees(texts[0], texts[1], {"price": theirs})


def test_what_the_remote_decides_is_never_ours_to_change() -> None:
    inward = [
        Inward(name="score", ours=4, theirs="5", same=False),
        Inward(name="rank", ours=1, theirs="1", same=True),
        Inward(name="hidden", ours=1, theirs=MISSING, same=False),
    ]
    found = compare({"name": "Ada"}, None, '{"score": 4}', {"name": "Ada", "score": "5", "rank": "1"}, inward=inward)
    assert [(field.name, field.verdict, field.direction) for field in found] == [
        ("name", Verdict.SAME, "out"),
        ("score", Verdict.THEIRS, "in"),
        ("rank", Verdict.SAME, "in"),
        ("hidden", Verdict.NOT_SHOWN, "in"),
    ]
    assert found[1].answered == 4


def test_a_field_that_goes_both_ways_says_so() -> None:
    found = compare({"a": 1, "b": 2}, None, None, {"a": 1, "b": 2}, both=("b",))
    assert [field.direction for field in found] == ["out", "both"]


@pytest.mark.parametrize("theirs", [None, [], "text", 4])
def test_a_remote_that_shows_no_object_leaves_all_unknown(theirs: Any) -> None:
    assert [field.verdict for field in compare({"a": 1}, None, None, theirs)] == [Verdict.UNKNOWN]


def test_a_payload_that_cannot_be_built_shows_what_was_agreed() -> None:
    found = compare(None, '{"a": 1}', '{"a": 1}', {"a": 2})
    assert [(field.name, field.verdict, field.agreed, field.theirs) for field in found] == [
        ("a", Verdict.UNKNOWN, 1, 2)
    ]
