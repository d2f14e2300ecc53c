"""Late landings: a write that was given up may be applied yet, over the one that succeeded after it. Pure.

Whatever succeeded after a doubt is looked at once more, when nothing of the doubt can be under way any more; what is
found is settled by the usual rules. An object that was never in doubt is not touched by any of this.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sync.bindings.rows import Settlement
from sync.drain.decide import AWAITED, LATE, LATE_DELETE, Action
from sync.drain.plan import Plan
from sync.models import State, Status
from sync.types import Lane, Outcome, OutcomeKind, RetryPolicy, Wanted

TOLD = (OutcomeKind.OK, OutcomeKind.NOT_FOUND, OutcomeKind.HOOK_ERROR)
"""Answers after which nothing is left to look at."""

WRITTEN = (Action.CREATE, Action.REPLAY, Action.UPDATE)


def landing(plan: Plan, row: Settlement, outcome: Outcome, status: str, policy: RetryPolicy) -> Settlement:
    """Return a settlement with the look that is still to come, or with what came of it.

    Args:
        plan: what was done.
        row: what becomes of the object otherwise.
        outcome: what came back.
        status: how the attempt ended.
        policy: its retry policy; a look is not repeated more often than a write.
    """
    if not plan.claim.uncertain:
        return row
    if looks(plan):
        return row if outcome.kind in TOLD else _looked_in_vain(plan, row, policy)
    if status != Status.SUCCEEDED or not plan.spec.can_read:
        return row
    if plan.decision.action is Action.DELETE:
        return _deleted(plan, row)
    mark = LATE_DELETE if plan.claim.uncertain in ("delete", LATE_DELETE) else LATE
    if plan.decision.action in WRITTEN:
        return _looked_at_later(plan, replace(row, uncertain=mark))
    if plan.decision.action is Action.LOOKUP and row.remote_id is not None:
        return replace(row, uncertain=mark)
    if plan.decision.action is Action.READ:
        agreed = replace(row, uncertain=mark, state=State.SYNCED if row.sent is not None else row.state)
        return _looked_at_later(plan, replace(agreed, due_s=None) if row.sent is not None else agreed)
    return row


def looks(plan: Plan) -> bool:
    """Return whether an attempt is only the look that follows a doubt: the object itself is settled."""
    claim = plan.claim
    if claim.uncertain not in AWAITED or claim.wanted != Wanted.AUTO:
        return False
    if plan.decision.action is Action.READ:
        return True
    return plan.decision.action is Action.DELETE and claim.uncertain == LATE_DELETE and claim.sent is None


def look(plan: Plan) -> dict[str, Any]:
    """Return what is still to come for an object that was created at the remote first, once its row is there.

    Returns:
        The doubt and the seconds until the look, as arguments of ``bindings.name_row()``; nothing where none is due.
    """
    if not plan.claim.uncertain or not plan.spec.can_read:
        return {}
    return {"uncertain": LATE, "after_s": landing_s(plan)}


def landing_s(plan: Plan) -> float:
    """Return the seconds after which nothing that was sent before is under way any more."""
    return max(float(plan.unit.deadline_s()), plan.spec.lookup_lag)


def _looked_at_later(plan: Plan, row: Settlement) -> Settlement:
    if row.state is not State.SYNCED or row.due_s is not None:  # another step comes first, and the doubt goes with it
        return row
    return replace(row, due_s=landing_s(plan), lane=Lane.RETRY)


def _deleted(plan: Plan, row: Settlement) -> Settlement:
    """Where a write makes what is missing, one that lands late brings a deleted object back: it is deleted twice."""
    if not plan.spec.client_id or row.state is not State.ABSENT:
        return row
    return replace(
        row,
        remote_id=plan.claim.remote_id,
        sent=None,
        seen=None,
        uncertain=LATE_DELETE,
        due_s=landing_s(plan),
        lane=Lane.RETRY,
    )


def _looked_in_vain(plan: Plan, row: Settlement, policy: RetryPolicy) -> Settlement:
    """No answer to a look is a reason to give the object up: it stays as it was settled."""
    if row.due_s is not None and row.attempts < policy.attempts:
        return replace(row, uncertain=plan.claim.uncertain)
    deleted = plan.decision.action is Action.DELETE
    return replace(
        row,
        state=State.ABSENT if deleted else State.SYNCED,
        remote_id=None if deleted else row.remote_id,
        uncertain="",
        code="",
        detail="",
        attempts=0,
        due_s=None,
        again=True,
    )
