"""From a verdict to a settlement: what the binding becomes, in scalars. Pure."""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sync import bindings, retry
from sync.bindings.rows import Settlement
from sync.connectors.codec import dumps
from sync.drain.attempt import Attempt, doubt
from sync.drain.decide import TOO_EARLY, Action
from sync.drain.landing import landing, landing_s
from sync.drain.plan import Plan, is_first
from sync.drain.verdict import Base, Case, Remote, Then, Verdict, applied_nothing
from sync.exceptions import PayloadError
from sync.models import State, Status
from sync.secrets import hushed, without_secrets
from sync.types import Lane, Outcome, OutcomeKind, RetryPolicy, Wanted

PARENT_RECHECK_S = (5.0, 3600.0)
"""A child looks for its parent again after 5 s, then ever later, an hour at the most."""

FOLLOW_S = 5.0
"""When an object comes back whose row was not inserted or removed at once: its worker may have ended in between."""

QUICK_STEPS = 2
"""So many steps may follow at once on a counted failure; after that the backoff is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A settlement, the verdict that it follows from, and the outcome that was judged."""

    settlement: Settlement
    verdict: Verdict
    outcome: Outcome


def case_of(attempt: Attempt, outcome: Outcome) -> Case:
    """Return what the table of verdicts goes by."""
    plan = attempt.plan
    spec = plan.spec
    intent = plan.intent
    return Case(
        action=plan.decision.action,
        fresh=plan.claim.uncertain != "create",
        provable=spec.keyed or spec.client_id or spec.can_lookup,
        can_look=spec.can_lookup,
        can_read=spec.can_read,
        retry_doubt=spec.on_uncertain == "retry",
        on_gone=spec.on_gone,
        was=plan.claim.uncertain,
        status_code=outcome.status_code,
        code=outcome.code,
        found=len(outcome.items or ()),
        conflicted=bool(intent and intent.conflict),
    )


def ruling(attempt: Attempt, outcome: Outcome, verdict: Verdict, policy: RetryPolicy, *, gate_s: float = 0.0) -> Ruling:
    """Return what becomes of an attempted object.

    Args:
        attempt: what was sent.
        outcome: what came back.
        verdict: what the table says.
        policy: its retry policy.
        gate_s: seconds until the connection's gate opens again, 0 where it is open.
    """
    plan = attempt.plan
    claim = plan.claim
    done = outcome.kind is OutcomeKind.OK
    uncertain = claim.uncertain if verdict.doubt is None else doubt(claim.uncertain, verdict.doubt)
    attempts = 0 if done and plan.decision.action in WRITES else claim.attempts + int(verdict.counted)
    state, due_s, again = _schedule(plan, verdict, attempts, policy, gate_s)
    complete = _complete(attempt)
    if verdict.then is Then.DONE:
        state, due_s, again = _finished(plan, complete)
    settlement = Settlement(
        claim=claim,
        remote_id=_remote_id(claim.remote_id, verdict, outcome),
        remote_version=_version(claim.remote_version, verdict, outcome),
        sent=_sent(attempt, verdict, outcome),
        seen=_seen(claim.seen, verdict, outcome, plan.payload or ()),
        uncertain=uncertain,
        intent=_intent(attempt, verdict, outcome, uncertain),
        wanted=_wanted(plan, verdict),
        attempts=attempts,
        claims=claim.claims - 1 if outcome.kind is OutcomeKind.NO_TOKEN else 0,
        state=state,
        code="" if done and state is not State.DEAD else verdict.code or outcome.code,
        detail="" if done and state is not State.DEAD else outcome.detail[:500],
        due_s=due_s,
        rests_s=plan.spec.rest_s if done and plan.decision.action in WRITES else 0.0,
        lane=Lane.RETRY if state is State.RETRYING else claim.lane,
        synced=verdict.then is Then.DONE and done,
        again=again,
    )
    if not follows(plan):
        settlement = landing(plan, settlement, outcome, verdict.status, policy)
    return Ruling(settlement=settlement, verdict=verdict, outcome=outcome)


def follows(plan: Plan) -> bool:
    """Return whether a row here has still to be inserted or removed: the object stays due until that is done."""
    if is_first(plan.claim):
        return True
    removing = plan.claim.wanted == Wanted.DELETE and plan.instance is not None
    return removing and plan.decision.action in (Action.DELETE, Action.NOTHING)


WRITES = (Action.CREATE, Action.REPLAY, Action.UPDATE, Action.DELETE)


def without_call(plan: Plan) -> Settlement:
    """Return what becomes of an object for which nothing is sent now."""
    claim = plan.claim
    kept = unchanged(plan)
    action = plan.decision.action
    if action is Action.CRASHED:
        detail = "Its worker ended three times while it was alone in hand."
        return replace(kept, state=State.DEAD, code="crash_loop", detail=detail)
    if plan.decision.code == TOO_EARLY:
        state = State.SYNCED if plan.present else State.ABSENT
        return replace(kept, state=state, due_s=landing_s(plan), lane=Lane.RETRY, synced=True)
    if action is Action.LATER or (action is Action.NOTHING and plan.partial):
        return _later(plan, kept)
    if action is Action.HOLD:
        return _held(plan, kept)
    if follows(plan):
        return replace(kept, due_s=FOLLOW_S)
    state = State.SYNCED if claim.remote_id is not None else State.ABSENT
    gone = claim.remote_id is None
    unwatched = gone or plan.keep  # what is left is nobody's to watch: if it comes back, all is sent
    return replace(
        kept,
        wanted=Wanted.AUTO,
        uncertain="" if gone else claim.uncertain,
        intent=None if gone else kept.intent,
        sent=None if unwatched else kept.sent,
        seen=None if gone else kept.seen,
        state=state,
        code=bindings.LEFT if plan.keep else "",
        attempts=0,
        synced=True,
    )


def unchanged(plan: Plan) -> Settlement:
    """Return the binding as it was claimed, with nothing due; what differs is replaced by the caller."""
    claim = plan.claim
    return Settlement(
        claim=claim,
        remote_id=claim.remote_id,
        remote_version=claim.remote_version,
        sent=claim.sent,
        seen=claim.seen,
        uncertain=claim.uncertain,
        intent=claim.intent,
        wanted=claim.wanted,
        attempts=claim.attempts,
        claims=0,
        state=State.PENDING,
        lane=claim.lane,
    )


def released(plan: Plan, after_s: float = 0.0) -> Settlement:
    """Return the binding as before its claim: it got no token, or its turn did not come."""
    return replace(unchanged(plan), claims=plan.claim.claims - 1, due_s=after_s, again=False)


def too_slow(plan: Plan, policy: RetryPolicy) -> Settlement:
    """Return what becomes of an object whose hooks took longer than the time in which it may be sent."""
    claim = plan.claim
    attempts = claim.attempts + 1
    verdict = Verdict(status=Status.NOT_SENT, then=Then.BACKOFF, counted=True)
    state, due_s, again = _schedule(plan, verdict, attempts, policy, 0.0)
    detail = "Its payload took longer to build than the time in which it may be sent."
    kept = replace(unchanged(plan), state=state, due_s=due_s, again=again, attempts=attempts)
    return replace(kept, code="hook_too_slow", detail=detail, lane=Lane.RETRY)


def duplicate(row: Settlement, holder: str, *, waits: bool) -> Settlement:
    """Return the settlement of an object whose remote id another object holds.

    Args:
        row: the settlement that could not be applied.
        holder: the other object, ``type:object id``.
        waits: the other is due or leased, and may yet let go of the id.
    """
    mine = replace(row, remote_id=row.claim.remote_id, synced=False, rests_s=0.0)
    if waits:  # it is still in doubt: the other may let go of the id, and then it is looked up once more
        mine = replace(mine, uncertain=row.claim.uncertain, intent=row.claim.intent, sent=row.claim.sent)
        return replace(
            mine, state=State.WAITING, code="duplicate_remote", waits_for=holder, due_s=PARENT_RECHECK_S[0], again=False
        )
    detail = f"The remote object {row.remote_id} already belongs to {holder}."
    return replace(mine, state=State.DEAD, code="duplicate_remote", detail=detail[:500], due_s=None)


def _later(plan: Plan, kept: Settlement) -> Settlement:
    if not plan.waits_for:
        detail = hushed(plan.error)[:500] if plan.error else ""
        return replace(kept, due_s=plan.decision.after_s, code=plan.decision.code, detail=detail, again=False)
    return replace(
        kept,
        state=State.WAITING,
        code="waits_for_parent",
        detail=f"Waits for {plan.waits_for}, which is not at the remote yet."[:500],
        waits_for=plan.waits_for,
        due_s=retry.ever_later(plan.claim.dirty_s, PARENT_RECHECK_S),
        again=False,
    )


def _held(plan: Plan, kept: Settlement) -> Settlement:
    code = plan.decision.code
    if code == "in_doubt":
        detail = "Its create may have arrived, and the remote offers no way to tell."
        return replace(kept, state=State.IN_DOUBT, code=code, detail=detail, again=False)
    detail = hushed(plan.error) if plan.error else ""
    return replace(kept, state=State.HELD, code=code, detail=detail[:500], waits_for=plan.waits_for)


def _schedule(
    plan: Plan, verdict: Verdict, attempts: int, policy: RetryPolicy, gate_s: float
) -> tuple[State, float | None, bool]:
    """Return state, seconds until due (None: not), and whether a change since the claim starts it anew."""
    quick = verdict.then is Then.NOW and (not verdict.counted or attempts <= QUICK_STEPS)
    if quick:  # another step of the same try, also where a policy allows a single one
        return State.PENDING, 0.0, False
    if verdict.counted and retry.exhausted(policy, attempts, plan.claim.dirty_s):
        return (State.DEAD, None, True) if verdict.then is not Then.DOUBT else (State.IN_DOUBT, None, False)
    if verdict.then in (Then.BACKOFF, Then.NOW):
        wait_s = max(retry.backoff(policy, max(attempts - 1, 0)), gate_s)
        return State.RETRYING, wait_s, False
    if verdict.then is Then.GATE:
        return State.RETRYING, gate_s + random.uniform(0, policy.base_delay), False  # noqa: S311 - jitter
    if verdict.then is Then.DOUBT:
        return State.IN_DOUBT, None, False
    return (State.DEAD if verdict.then is Then.DEAD else State.HELD), None, True


def _finished(plan: Plan, complete: bool) -> tuple[State, float | None, bool]:
    if follows(plan):
        return State.PENDING, FOLLOW_S, True
    if plan.decision.action is Action.DELETE:
        return State.ABSENT, None, True
    return (State.SYNCED, None, True) if complete else (State.PENDING, plan.spec.rest_s, True)


def _complete(attempt: Attempt) -> bool:
    """Whether what the remote took is the payload built in this claim, and all that was asked."""
    plan = attempt.plan
    asked = plan.claim.wanted != Wanted.DELETE or plan.decision.action is Action.DELETE
    return asked and plan.present and attempt.text == plan.text and not plan.partial


def _remote_id(before: str | None, verdict: Verdict, outcome: Outcome) -> str | None:
    if verdict.remote is Remote.SET:
        return outcome.remote_id
    return None if verdict.remote is Remote.CLEAR else before


def _version(before: str | None, verdict: Verdict, outcome: Outcome) -> str | None:
    if verdict.remote is Remote.CLEAR:
        return None
    if verdict.base in (Base.SENT, Base.READ, Base.UNKNOWN):
        return outcome.version
    return before


def _sent(attempt: Attempt, verdict: Verdict, outcome: Outcome) -> str | None:
    if verdict.base is Base.SENT:
        return attempt.text
    if verdict.base is Base.KEEP:
        return attempt.plan.claim.sent
    if verdict.base is Base.READ and agrees(attempt.plan, outcome.data):
        return attempt.plan.text
    return None


def agrees(plan: Plan, data: Any) -> bool:
    """Return whether what was read at the remote is our payload.

    What the remote made of our values counts where it is known: a field agrees where it has the value that we send, or
    the value that the remote answered when it took the payload that we would send now.
    """
    if plan.payload is None or not isinstance(data, dict):
        return False
    seen: dict[str, Any] = {}
    if plan.text == plan.claim.sent and plan.claim.seen:
        seen = _loaded(plan.claim.seen)
    return all(
        name in data and (data[name] == value or (name in seen and data[name] == seen[name]))
        for name, value in plan.payload.items()
    )


def _loaded(text: str) -> dict[str, Any]:
    value = json.loads(text)
    return value if isinstance(value, dict) else {}


def _seen(before: str | None, verdict: Verdict, outcome: Outcome, keep: Collection[str]) -> str | None:
    if verdict.base is Base.KEEP:
        return before
    if verdict.base is Base.CLEAR or outcome.data is None:
        return None
    try:
        return dumps(without_secrets(outcome.data, keep))
    except PayloadError:  # what a remote answers may have no canonical form; the outcome stands all the same
        return None


def _intent(attempt: Attempt, verdict: Verdict, outcome: Outcome, uncertain: str) -> str | None:
    if uncertain != "create" or not verdict.intent:
        return None
    if attempt.intent is None or verdict.status is Status.NOT_SENT:
        return attempt.plan.claim.intent
    if applied_nothing(outcome.kind):  # what was known of it before is known still
        return attempt.intent.text()
    conflict = verdict.look and outcome.kind is OutcomeKind.CONFLICT
    was_conflict = attempt.intent.conflict and attempt.plan.decision.action is Action.LOOKUP and verdict.look
    return replace(attempt.intent, look=verdict.look, conflict=conflict or was_conflict).text()


def _wanted(plan: Plan, verdict: Verdict) -> int:
    before = plan.claim.wanted
    unserved = before == Wanted.DELETE and (plan.decision.action is not Action.DELETE or follows(plan))
    if verdict.wanted == "keep" or unserved:
        return before
    return max(before, Wanted.VERIFY) if verdict.wanted == "verify" else Wanted.AUTO
