"""The first table: what to do for one object."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.drain.decide import Action, Decision, Facts, decide
from sync.types import Wanted

PRESENT = Facts(present=True, bound=False)
BOUND = Facts(present=True, bound=True)
ABSENT = Facts(present=False, bound=False)
DOUBTFUL = Facts(present=True, bound=False, uncertain="create")


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        (PRESENT, Action.CREATE),
        (replace(PRESENT, wanted=Wanted.PUSH), Action.CREATE),
        (replace(PRESENT, wanted=Wanted.VERIFY), Action.CREATE),
        (BOUND, Action.UPDATE),
        (replace(BOUND, equal=True), Action.NOTHING),
        (replace(BOUND, equal=True, wanted=Wanted.PUSH), Action.UPDATE),
        (replace(BOUND, equal=True, uncertain="update"), Action.UPDATE),
        (replace(BOUND, equal=True, uncertain="delete"), Action.UPDATE),
        (replace(BOUND, equal=True, wanted=Wanted.VERIFY), Action.READ),
        (replace(BOUND, uncertain="update", wanted=Wanted.VERIFY), Action.READ),
        (replace(BOUND, equal=True, wanted=Wanted.VERIFY, can_read=False), Action.UPDATE),
        (replace(BOUND, wanted=Wanted.DELETE), Action.DELETE),
        (ABSENT, Action.NOTHING),
        (replace(ABSENT, bound=True), Action.DELETE),
        (replace(ABSENT, bound=True, uncertain="delete"), Action.DELETE),
        (replace(ABSENT, bound=True, keep=True), Action.NOTHING),
        (replace(DOUBTFUL, replayable=True), Action.REPLAY),
        (replace(DOUBTFUL, replayable=True, can_look=True), Action.REPLAY),
        (replace(DOUBTFUL, replayable=True, can_look=True, sent_times=3), Action.LOOKUP),
        (replace(DOUBTFUL, replayable=True, can_look=True, must_look=True), Action.LOOKUP),
        (replace(DOUBTFUL, replayable=True, sent_times=9), Action.REPLAY),
        (replace(DOUBTFUL, can_look=True), Action.LOOKUP),
        (replace(DOUBTFUL, can_look=True, look_in_s=2.0), Action.LATER),
        (DOUBTFUL, Action.HOLD),
        (replace(DOUBTFUL, wanted=Wanted.PUSH), Action.HOLD),
        (replace(DOUBTFUL, retry_doubt=True), Action.CREATE),
        (replace(DOUBTFUL, present=False, replayable=True), Action.REPLAY),
        (replace(DOUBTFUL, present=False, can_look=True), Action.LOOKUP),
        (replace(DOUBTFUL, present=False, retry_doubt=True), Action.NOTHING),
        (replace(DOUBTFUL, present=False), Action.HOLD),
    ],
)
def test_the_table(facts: Facts, action: Action) -> None:
    assert decide(facts).action is action


def test_a_doubt_about_an_update_sends_the_whole_state() -> None:
    assert decide(replace(BOUND, uncertain="update")).whole
    assert not decide(BOUND).whole


def test_a_look_up_waits_until_it_can_be_trusted() -> None:
    assert decide(replace(DOUBTFUL, can_look=True, look_in_s=2.5)).after_s == 2.5


facts = st.builds(
    Facts,
    present=st.booleans(),
    bound=st.booleans(),
    keep=st.booleans(),
    uncertain=st.sampled_from(["", "create", "update", "delete"]),
    wanted=st.sampled_from([int(w) for w in Wanted]),
    equal=st.booleans(),
    replayable=st.booleans(),
    can_look=st.booleans(),
    must_look=st.booleans(),
    can_read=st.booleans(),
    sent_times=st.integers(0, 10),
    look_in_s=st.floats(-10, 10),
    retry_doubt=st.booleans(),
)


@given(facts)
def test_a_doubtful_create_is_never_answered_by_a_new_intent_unless_a_duplicate_is_acceptable(facts: Facts) -> None:
    decision = decide(facts)
    if facts.uncertain == "create" and not facts.bound and decision.new_intent:
        assert facts.retry_doubt


@given(facts)
def test_only_what_is_bound_is_updated_read_or_deleted(facts: Facts) -> None:
    if decide(facts).action in (Action.UPDATE, Action.READ, Action.DELETE):
        assert facts.bound


@given(facts)
def test_what_is_bound_is_never_created(facts: Facts) -> None:
    if facts.bound:
        assert decide(facts).action not in (Action.CREATE, Action.REPLAY, Action.LOOKUP)


@given(facts)
def test_an_absent_row_is_never_written(facts: Facts) -> None:
    decision: Decision = decide(facts)
    if not facts.present:
        assert decision.action not in (Action.CREATE, Action.UPDATE)


@given(facts)
def test_a_push_of_a_bound_row_is_never_a_no_op(facts: Facts) -> None:
    if facts.present and facts.bound and facts.wanted == Wanted.PUSH:
        assert decide(facts).action is Action.UPDATE
