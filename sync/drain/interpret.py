"""Turn answers into rulings, in the drain's own thread, and keep the gate."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import InterfaceError, OperationalError

from sync import bindings, deadletters
from sync.connectors.classify import excerpt, said_by_us
from sync.drain import gate, journey
from sync.drain.attempt import Attempt
from sync.drain.breaker import Breaker
from sync.drain.gate import Pass, Passage
from sync.drain.plan import Plan, is_first
from sync.drain.recorder import Result
from sync.drain.send import Sent
from sync.drain.settling import Ruling, case_of, follows, ruling
from sync.drain.verdict import Gate, Then, Verdict, judge
from sync.drain.writeback import awaits, follow, insert, remove
from sync.exceptions import CrudSyncError
from sync.models import Status
from sync.operations import Finished
from sync.registry import model_label
from sync.secrets import hide, hushed, trace
from sync.types import Answer, ObjectTypeSpec, Outcome, OutcomeKind, Request, RetryPolicy, Verb

logger = logging.getLogger("crudsync.drain")

RENEWALS = 1
"""How often one drain renews refused credentials, without a success between, before it shuts the gate."""

OWN = 2
"""An object that failed so often by its own fault says nothing of its connection any more: a handful of objects that
can never be sent would shut the gate for all others. (What a failing connection costs is given back.)"""


class Interpreter:
    """Reads answers for one drain of one connection.

    Args:
        passage: what the gate said when the claim was made.
        types: the object types of the integrator.
        renewals: how often credentials were renewed since the last success, in this drain.
    """

    def __init__(self, passage: Passage, types: Mapping[str, ObjectTypeSpec], *, renewals: int = 0) -> None:
        self.connection_id = passage.connection.pk
        self.passage = passage
        self.types = types
        self.parents = frozenset(parent.via for spec in types.values() for parent in spec.parents)
        self.breaker = Breaker(list(passage.streak))
        self.probing = passage.let is Pass.PROBE
        self.shut = False
        self.shut_s = 0.0
        self.last: Outcome | None = None
        self.last_error: Exception | None = None
        self.renewals = renewals
        self._blameless: list[int] = []

    def read(self, sent: Sent) -> list[Result]:
        """Return a result for each attempt of a dispatch."""
        dispatch = sent.dispatch
        outcomes = self._outcomes(sent)
        pairs = zip(dispatch.attempts, dispatch.operations, outcomes, strict=True)
        return [self.judged(item, id_, outcome, sent) for item, id_, outcome in pairs]

    def outcome(self, sent: Sent) -> Outcome:
        """Return what came of a dispatch that carries one attempt."""
        return self._outcomes(sent)[0]

    def unbuilt(self, item: Attempt, error: Exception, operation: int = 0) -> Result:
        """Return the result of an attempt whose request could not be built: nothing was sent.

        Args:
            item: the attempt.
            error: why.
            operation: its journal entry, 0 where it was not journaled.
        """
        code = getattr(error, "code", "hook_error")
        detail = hushed(error) if isinstance(error, CrudSyncError) else f"{type(error).__name__} in a hook"
        logger.warning("no request for %s: %s", item.plan.claim.name, detail)
        outcome = Outcome(kind=OutcomeKind.HOOK_ERROR, code=code, detail=detail[:500])
        verdict = Verdict(status=Status.NOT_SENT, then=Then.HOLD, doubt=None, intent=True, wanted="keep", code=code)
        self.last, self.last_error = outcome, error
        return Result(
            attempt=item,
            operation=operation,
            ruling=self._unapplied(item, outcome, verdict),
            finished=Finished(id=operation, status=Status.NOT_SENT, code=code, detail=detail[:500]),
        )

    def written(self) -> None:
        """Give back the attempts that were the connection's fault, once all settlements are committed."""
        if self._blameless:
            bindings.give_back(self._blameless)
            self._blameless = []

    def follow(self, plan: Plan, verb: Verb | None, outcome: Outcome | None) -> None:
        """Do at home what follows from a success, or (without a call) from an agreement reached before.

        An error of the host's models or hooks is logged; it cannot change what the remote did.
        """
        with journey.of(plan.claim):
            self._follow(plan, verb, outcome)

    def _follow(self, plan: Plan, verb: Verb | None, outcome: Outcome | None) -> None:
        try:
            if outcome is not None and verb is not None:
                follow(plan, verb, outcome)
            elif is_first(plan.claim):
                insert(plan)
            else:
                remove(plan)
        except (OperationalError, InterfaceError) as error:  # the database is away: it is due, and comes again
            logger.warning("what follows at home waits for the database: %s", plan.claim.name)
            self.last_error = error
        except Exception as error:  # noqa: BLE001 - the host's code
            logger.error("what follows at home failed for %s\n%s", plan.claim.name, trace(error))  # noqa: TRY400 - see _outcome
            self.last_error = error
            if follows(plan):
                code = "row_not_inserted" if is_first(plan.claim) else "row_not_removed"
                bindings.hold(plan.claim, code, f"{type(error).__name__} at home, after the remote agreed")
                deadletters.adopt([plan.claim.id])

    def model_of(self, object_type: str) -> str:
        """Return the label of the model of an object type."""
        return model_label(self.types[object_type].model)

    def _outcomes(self, sent: Sent) -> Sequence[Outcome]:
        dispatch, answer = sent.dispatch, sent.answer
        first = dispatch.attempts[0]
        if answer is None:
            detail = "The token was too old, or the time to send was over."
            return [Outcome(kind=OutcomeKind.NO_TOKEN, code="not_sent", detail=detail)] * len(dispatch.attempts)
        self.last_error = answer.error
        if len(dispatch.attempts) > 1:
            calls = [item.call for item in dispatch.attempts]
            outcomes: Sequence[Outcome] = first.plan.unit.read_bulk_answer(calls, answer)
            return outcomes
        return [self._outcome(first, answer)]

    def _outcome(self, item: Attempt, answer: Answer) -> Outcome:
        try:
            outcome: Outcome = item.plan.unit.read_answer(item.call, answer)
        except Exception as error:  # noqa: BLE001 - the host's code; what the remote did is not known by it
            logger.error(  # noqa: TRY400 - an exception's own text and frames may hold a secret
                "the answer for %s could not be read\n%s", item.plan.claim.name, trace(error)
            )
            detail = f"reading the answer raised {type(error).__name__}"
            outcome = Outcome(kind=OutcomeKind.UNKNOWN, code="hook_error", detail=detail)
        self.last = outcome
        if item.verb is Verb.LOOKUP and outcome.ok:
            return _found(outcome)
        return outcome

    def judged(self, item: Attempt, operation: int, outcome: Outcome, sent: Sent) -> Result:
        """Return the result of an attempt whose outcome is known."""
        verdict = judge(case_of(item, outcome), outcome.kind)
        if self._keep_gate(item, outcome, verdict, sent.dispatch.request):
            verdict = replace(verdict, counted=False)  # an outage is not the objects' fault
        policy: RetryPolicy = item.plan.unit.retry_policy()
        answer = sent.answer
        response = answer.response if answer is not None else None
        known = said_by_us(response) if response is not None else ()
        finished = Finished(
            id=operation,
            status=verdict.status,
            status_code=outcome.status_code,
            code=verdict.code or outcome.code,
            detail=outcome.detail[:500],
            remote_id=outcome.remote_id,
            response=excerpt(response.content, known=known) if response is not None else "",
            duration_ms=answer.elapsed_ms if answer is not None else None,
        )
        made = ruling(item, outcome, verdict, policy, gate_s=self.shut_s if self.shut else 0.0)
        if made.settlement.seen and known:
            made = replace(made, settlement=replace(made.settlement, seen=hide(made.settlement.seen, known)))
        settlement = awaits(item.plan, item.verb, outcome, made.settlement)
        if settlement is not made.settlement:
            made = replace(made, settlement=settlement)
        return Result(attempt=item, operation=operation, ruling=made, finished=finished)

    def _unapplied(self, item: Attempt, outcome: Outcome, verdict: Verdict) -> Ruling:
        made = ruling(item, outcome, verdict, item.plan.unit.retry_policy())
        return replace(made, verdict=verdict)

    def _keep_gate(self, item: Attempt, outcome: Outcome, verdict: Verdict, request: Request) -> bool:
        """Note what an answer says about the connection; return whether the connection is to blame for it."""
        if verdict.gate is Gate.OPEN:
            self._succeeded()
        elif verdict.gate is Gate.STREAK:
            return self._failed(item, outcome)
        elif verdict.gate is Gate.SHUT:
            self._shut(outcome.retry_after_s, outcome.detail or outcome.code)
        elif verdict.gate is Gate.RENEW:
            self._renew(item, outcome, request)
        return False

    def _succeeded(self) -> None:
        """An answer that does not shut the gate ends a streak, and opens the gate where it answers the probe."""
        self.renewals = 0
        had = self.breaker.succeeded()
        if self.probing:
            self.probing = False
            gate.open_(self.connection_id, self.passage.probe_token)
        elif had and not self.shut:
            gate.note_streak(self.connection_id, ())

    def _failed(self, item: Attempt, outcome: Outcome) -> bool:
        if self.shut:  # it was under way when the gate was shut
            return True
        if item.plan.claim.attempts >= OWN:
            if self.probing:  # nothing sound was due
                self._shut(None, outcome.detail or outcome.code, surely=False)
            return self.shut
        if self.breaker.failed(item.plan.claim.id):
            self._blameless.extend(self.breaker.streak[:-1])
            self.breaker.succeeded()
            self._shut(None, f"several objects failed in a row: {outcome.detail or outcome.code}")
        elif self.probing:
            self._shut(None, outcome.detail or outcome.code)
        else:
            gate.note_streak(self.connection_id, tuple(self.breaker.streak))
        return self.shut

    def _shut(self, seconds: float | None, reason: str, *, surely: bool = True) -> None:
        if self.shut and (seconds is None or seconds <= self.shut_s):
            return
        self.shut_s = gate.shut(self.connection_id, seconds, reason, surely=surely)
        self.shut = True
        self.probing = False
        logger.warning("connection %s is shut for %.1f s: %s", self.connection_id, self.shut_s, reason)

    def _renew(self, item: Attempt, outcome: Outcome, request: Request) -> None:
        unit: Any = item.plan.unit
        if unit.outdated(request):  # another answer of this round has renewed them already
            return
        if self.renewals < RENEWALS and unit.renew(request):
            self.renewals += 1
            return
        self._shut(outcome.retry_after_s, outcome.detail or "the credentials are refused")


def _found(outcome: Outcome) -> Outcome:
    """Return a look-up's outcome with the one object it found as its own data."""
    items = list(outcome.items or ())
    if outcome.items is None and outcome.remote_id is not None:
        return replace(outcome, items=[outcome.data])
    return replace(outcome, items=items)
