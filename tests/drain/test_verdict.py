"""The second table: how an attempt is settled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.drain.decide import Action
from sync.drain.verdict import Base, Case, Gate, Remote, Then, Verdict, gone, judge
from sync.models import Status
from sync.types import OutcomeKind as Kind

CREATE = Case(action=Action.CREATE)
REPLAY = Case(action=Action.REPLAY, fresh=False, was="create")
BLIND = Case(action=Action.CREATE, provable=False, can_look=False)
LOOKUP = Case(action=Action.LOOKUP, fresh=False, was="create")
UPDATE = Case(action=Action.UPDATE)
DELETE = Case(action=Action.DELETE)
READ = Case(action=Action.READ)
CALLS = [Action.CREATE, Action.REPLAY, Action.LOOKUP, Action.UPDATE, Action.DELETE, Action.READ]


@pytest.mark.parametrize(
    ("case", "kind", "then", "doubt"),
    [
        (CREATE, Kind.OK, Then.DONE, ""),
        (CREATE, Kind.HOOK_ERROR, Then.HOLD, ""),
        (CREATE, Kind.UNKNOWN, Then.BACKOFF, "create"),
        (CREATE, Kind.UNAVAILABLE, Then.GATE, "create"),
        (CREATE, Kind.REFUSED, Then.HOLD, ""),
        (CREATE, Kind.NOT_FOUND, Then.HOLD, ""),
        (CREATE, Kind.CONFLICT, Then.NOW, "create"),
        (replace(CREATE, can_look=False), Kind.CONFLICT, Then.DOUBT, "create"),
        (replace(CREATE, can_look=False, code="key_in_use"), Kind.CONFLICT, Then.BACKOFF, "create"),
        (REPLAY, Kind.OK, Then.DONE, ""),
        (REPLAY, Kind.REFUSED, Then.NOW, "create"),
        (replace(REPLAY, can_look=False), Kind.REFUSED, Then.DOUBT, "create"),
        (replace(REPLAY, can_look=False, retry_doubt=True), Kind.REFUSED, Then.HOLD, ""),
        (replace(REPLAY, retry_doubt=True), Kind.REFUSED, Then.NOW, "create"),
        (BLIND, Kind.UNKNOWN, Then.DOUBT, "create"),
        (replace(BLIND, status_code=500), Kind.UNKNOWN, Then.BACKOFF, None),
        (replace(BLIND, status_code=502), Kind.UNKNOWN, Then.DOUBT, "create"),
        (replace(BLIND, status_code=503), Kind.UNAVAILABLE, Then.GATE, None),
        (replace(BLIND, retry_doubt=True), Kind.UNKNOWN, Then.BACKOFF, "create"),
        (replace(LOOKUP, found=1), Kind.OK, Then.NOW, ""),
        (replace(LOOKUP, found=0), Kind.OK, Then.NOW, ""),
        (LOOKUP, Kind.NOT_FOUND, Then.NOW, ""),
        (replace(LOOKUP, found=2), Kind.OK, Then.DEAD, None),
        (replace(LOOKUP, found=0, conflicted=True), Kind.OK, Then.BACKOFF, None),
        (LOOKUP, Kind.UNKNOWN, Then.BACKOFF, None),
        (LOOKUP, Kind.UNAVAILABLE, Then.GATE, None),
        (UPDATE, Kind.OK, Then.DONE, ""),
        (UPDATE, Kind.HOOK_ERROR, Then.HOLD, ""),
        (UPDATE, Kind.UNKNOWN, Then.BACKOFF, "update"),
        (UPDATE, Kind.UNAVAILABLE, Then.GATE, "update"),
        (UPDATE, Kind.NOT_FOUND, Then.NOW, ""),
        (UPDATE, Kind.STALE_VERSION, Then.NOW, None),
        (UPDATE, Kind.CONFLICT, Then.BACKOFF, None),
        (DELETE, Kind.STALE_VERSION, Then.NOW, None),
        (UPDATE, Kind.REFUSED, Then.HOLD, None),
        (DELETE, Kind.OK, Then.DONE, ""),
        (DELETE, Kind.NOT_FOUND, Then.DONE, ""),
        (DELETE, Kind.UNKNOWN, Then.BACKOFF, "delete"),
        (DELETE, Kind.UNAVAILABLE, Then.GATE, "delete"),
        (DELETE, Kind.CONFLICT, Then.BACKOFF, None),
        (DELETE, Kind.REFUSED, Then.HOLD, None),
        (READ, Kind.OK, Then.NOW, ""),
        (READ, Kind.NOT_FOUND, Then.NOW, ""),
        (READ, Kind.UNKNOWN, Then.BACKOFF, None),
        (READ, Kind.UNAVAILABLE, Then.GATE, None),
        (READ, Kind.REFUSED, Then.HOLD, None),
    ],
)
def test_the_table(case: Case, kind: Kind, then: Then, doubt: str | None) -> None:
    verdict = judge(case, kind)
    assert (verdict.then, verdict.doubt) == (then, doubt)


@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize(
    ("kind", "then", "gate", "counted"),
    [
        (Kind.NOT_SENT, Then.GATE, Gate.SHUT, False),
        (Kind.NO_TOKEN, Then.NOW, Gate.SILENT, False),
        (Kind.THROTTLED, Then.GATE, Gate.SHUT, False),
        (Kind.UNAUTHORIZED, Then.NOW, Gate.RENEW, False),
        (Kind.FORBIDDEN, Then.BACKOFF, Gate.STREAK, True),
    ],
)
def test_what_was_surely_not_applied_adds_no_doubt_and_clears_none(
    action: Action, kind: Kind, then: Then, gate: Gate, counted: bool
) -> None:
    verdict = judge(Case(action=action, was="create"), kind)
    assert (verdict.then, verdict.gate, verdict.counted) == (then, gate, counted)
    assert (verdict.doubt, verdict.intent, verdict.wanted) == (None, True, "keep")
    assert (verdict.remote, verdict.base) == (Remote.KEEP, Base.KEEP)


def test_an_attempt_that_shuts_the_gate_is_never_counted() -> None:
    for action in CALLS:
        for kind in Kind:
            verdict = judge(Case(action=action), kind)
            if verdict.gate is Gate.SHUT:
                assert not verdict.counted, (action, kind)


def test_a_replay_that_is_refused_can_only_be_looked_up() -> None:
    assert judge(REPLAY, Kind.REFUSED).look
    assert judge(CREATE, Kind.CONFLICT).look


def test_what_is_gone_after_a_doubtful_delete_is_created_anew_whatever_the_policy() -> None:
    verdict = judge(replace(UPDATE, was="delete", on_gone="hold"), Kind.NOT_FOUND)
    assert (verdict.remote, verdict.base, verdict.then) == (Remote.CLEAR, Base.CLEAR, Then.NOW)


@pytest.mark.parametrize(
    ("policy", "then", "remote"),
    [
        ("recreate", Then.NOW, Remote.CLEAR),
        ("detach", Then.HOLD, Remote.CLEAR),
        ("hold", Then.HOLD, Remote.KEEP),
    ],
)
def test_the_policies_for_what_is_gone(policy: str, then: Then, remote: Remote) -> None:
    verdict = gone(policy)
    assert (verdict.then, verdict.remote, verdict.code) == (then, remote, "gone")


def test_a_stale_version_is_read_before_it_is_written_again() -> None:
    assert judge(UPDATE, Kind.STALE_VERSION).wanted == "verify"


cases = st.builds(
    Case,
    action=st.sampled_from(CALLS),
    fresh=st.booleans(),
    provable=st.booleans(),
    can_look=st.booleans(),
    retry_doubt=st.booleans(),
    on_gone=st.sampled_from(["recreate", "detach", "hold"]),
    was=st.sampled_from(["", "create", "update", "delete"]),
    status_code=st.sampled_from([0, 200, 400, 409, 429, 500, 502, 503]),
    code=st.sampled_from(["", "key_in_use"]),
    found=st.integers(0, 3),
    conflicted=st.booleans(),
)


@given(cases, st.sampled_from(list(Kind)))
def test_every_answer_to_every_call_has_a_verdict(case: Case, kind: Kind) -> None:
    assert isinstance(judge(case, kind), Verdict)


@given(cases, st.sampled_from([Kind.UNKNOWN, Kind.UNAVAILABLE]))
def test_an_unknown_end_of_a_write_leaves_a_doubt_or_counts_as_refused(case: Case, kind: Kind) -> None:
    verdict = judge(case, kind)
    if case.action in (Action.UPDATE, Action.DELETE):
        assert verdict.doubt == case.action.value
    if case.action in (Action.CREATE, Action.REPLAY) and verdict.doubt is None:
        assert not case.provable


@given(cases, st.sampled_from(list(Kind)))
def test_only_success_settles_an_object_for_good(case: Case, kind: Kind) -> None:
    verdict = judge(case, kind)
    if verdict.then is Then.DONE:
        assert verdict.status is Status.SUCCEEDED


@given(cases, st.sampled_from(list(Kind)))
def test_a_remote_id_is_cleared_only_where_the_object_is_gone(case: Case, kind: Kind) -> None:
    if judge(case, kind).remote is Remote.CLEAR:
        assert kind in (Kind.NOT_FOUND, Kind.OK, Kind.HOOK_ERROR)
        assert case.action in (Action.UPDATE, Action.READ, Action.DELETE)


def test_a_delete_refused_for_its_version_is_sent_again_without_one() -> None:
    assert judge(DELETE, Kind.STALE_VERSION).base is Base.UNKNOWN


def test_an_update_refused_for_its_version_forgets_it_where_nothing_can_be_read() -> None:
    assert judge(replace(UPDATE, can_read=False), Kind.STALE_VERSION).base is Base.UNKNOWN
    assert judge(UPDATE, Kind.STALE_VERSION).base is Base.KEEP
