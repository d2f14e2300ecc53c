"""One verb for one object, now: claims, sends and records exactly as the worker does, and raises what went wrong."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections

from sync import bindings, conf, wake
from sync.bindings import Claimed, Fold
from sync.connectors.classify import to_error
from sync.drain import gate
from sync.drain.decide import Action, Decision
from sync.drain.delivery import Delivery, Tally
from sync.drain.failure import let_go
from sync.drain.gate import Pass, Passage
from sync.drain.interpret import Interpreter
from sync.drain.plan import Plan
from sync.drain.planner import Planner
from sync.drain.recorder import settle
from sync.drain.send import Senders
from sync.drain.settling import released, without_call
from sync.drain.writeback import remove
from sync.exceptions import InTransaction, ObjectBusy, RateLimitExceeded, RemoteError
from sync.models import Connection
from sync.models.database import alias
from sync.models.identity import object_id_of
from sync.registry import model_label
from sync.types import Lane, Outcome, OutcomeKind, Verb, Wanted

NEITHER = Decision(action=Action.LATER, code="busy")

AT_ONCE_S = 0.1
"""A token that is free is taken also by a verb that may not wait for one."""

STEPS = 4
"""A verb may need a look-up or a fresh token first; each is a claim and a call of its own."""

SERVED = {
    Verb.CREATE: (Action.CREATE, Action.REPLAY, Action.UPDATE),
    Verb.UPDATE: (Action.CREATE, Action.REPLAY, Action.UPDATE),
    Verb.DELETE: (Action.DELETE,),
}
"""What ends a verb; a look-up, or a replay before a delete, is a step on the way."""

WANTED = {Verb.CREATE: Wanted.PUSH, Verb.UPDATE: Wanted.PUSH, Verb.DELETE: Wanted.DELETE}


def run(unit: Any, verb: Verb, object_id: str) -> Outcome:
    """Send one verb for one object at once.

    Args:
        unit: the integrator instance that speaks for the object.
        verb: create, update or delete.
        object_id: the local primary key as text; without a local row, the remote id.

    Returns:
        The outcome; it is OK.

    Raises:
        InTransaction: a transaction is open.
        ObjectBusy: a worker holds the object, or the connection is paused or shut.
        RateLimitExceeded: no token within ``wait_s``.
        ObjectError: the payload cannot be built.
        RemoteError: the remote, or the way to it, said no; what that means is recorded, and the worker goes on.
    """
    admitted = _admitted(unit)
    try:
        name = _object_id(unit, verb, object_id)
        try:
            for _ in range(STEPS):
                outcome = _patiently(unit, verb, name, admitted)
                if outcome is not None:
                    return outcome
        except Exception:
            bindings.forget_first(unit.connection.pk, unit.object_type, name)
            raise
    finally:
        _leave(admitted)
    raise ObjectBusy(f"{unit.object_type} {object_id} needs more steps; the worker goes on with it")


def run_many(units: Sequence[Any], verb: Verb) -> list[Outcome]:
    """Send one verb for several rows of one object type at once, in batches where the type has a bulk endpoint.

    Args:
        units: integrator instances of one class, type and connection, each with a saved row.
        verb: create or update.

    Returns:
        One outcome for each, in the same order; one that was not sent is of kind ``no_token``.

    Raises:
        InTransaction: a transaction is open.
        ObjectBusy: a worker holds one of them, or the connection is paused or shut.
    """
    if not units:
        return []
    admitted = _admitted(units[0])
    try:
        began = time.monotonic()
        planner = Planner(admitted.passage.connection)
        claims = _claims(units, verb, admitted.lease_s)
        try:
            delivery, _ = _deliver(planner, admitted, planner.build(claims), began)
        except Exception as error:
            let_go(claims, error)
            raise
    finally:
        _leave(admitted)
    lost = Outcome(kind=OutcomeKind.NO_TOKEN, code="not_sent", detail="It was not sent; the worker goes on with it.")
    return [delivery.outcomes.get(claim.id, lost) for claim in claims]


@dataclass(slots=True)
class Admitted:
    """What the gate says, the length of a lease in seconds, and how often credentials were renewed."""

    passage: Passage
    lease_s: float
    renewals: int = 0


def _admitted(unit: Any) -> Admitted:
    connection: Connection = unit.connection
    if connections[alias()].in_atomic_block and not conf.current().inline:
        raise InTransaction("a call to the remote was asked for inside an open transaction")
    settings = conf.current()
    lease_s = settings.window_s + unit.deadline_s() + settings.settle_s
    passage = gate.ask(connection.pk, lease_s)
    if passage is None or passage.let is Pass.SHUT:
        raise ObjectBusy(f"connection {connection} is paused or shut", hint="see its gate in the admin")
    return Admitted(passage, lease_s)


def _leave(admitted: Admitted) -> None:
    """Give back an unused probe, and ring where something is left to do: an edit came meanwhile, or a step follows."""
    gate.give_back(admitted.passage)
    connection_id = admitted.passage.connection.pk
    due_s = bindings.next_due_s(connection_id)
    if due_s is not None and due_s < conf.current().slice_s:
        wake.ring([connection_id])


def _patiently(unit: Any, verb: Verb, object_id: str, admitted: Admitted) -> Outcome | None:
    """Take a step, and where no token is free wait for one, ``wait_s`` at the most."""
    until = time.monotonic() + conf.current().wait_s
    while True:
        try:
            return _step(unit, verb, object_id, admitted)
        except RateLimitExceeded as error:
            if time.monotonic() + error.retry_after_s > until:
                raise
            time.sleep(error.retry_after_s)


def _object_id(unit: Any, verb: Verb, object_id: str) -> str:
    """Return how the binding names the object: by its row's key, as new, or by its remote id alone."""
    if unit.instance is not None:
        return object_id
    if verb is Verb.CREATE:
        return f"{bindings.FIRST}{secrets.token_hex(16)}"
    return bindings.by_remote_id(unit.connection.pk, unit.object_type, object_id, model_label(unit.spec.model))


def _step(unit: Any, verb: Verb, object_id: str, admitted: Admitted) -> Outcome | None:
    began = time.monotonic()
    planner = Planner(admitted.passage.connection)
    claim = _claim(unit, verb, object_id, admitted.lease_s)
    try:
        return _taken(unit, verb, claim, planner, admitted, began)
    except Exception as error:  # where it was settled, nothing is left to give back
        let_go([claim], error)
        raise


def _taken(unit: Any, verb: Verb, claim: Claimed, planner: Planner, admitted: Admitted, began: float) -> Outcome | None:
    plan = planner.plan_for(claim, unit)
    if plan.error is not None:
        _settle([plan])
        raise plan.error
    if not plan.decision.action.calls:
        _settle([plan])
        if plan.decision.action is Action.NOTHING:
            remove(plan)
        return _without_call(plan)
    delivery, interpreter = _deliver(planner, admitted, [plan], began)
    return _judged(delivery, interpreter, plan, verb)


def _deliver(planner: Planner, admitted: Admitted, plans: list[Plan], began: float) -> tuple[Delivery, Interpreter]:
    unit = plans[0].unit or planner.speaker()
    senders = Senders(min(len(plans), unit.threads()), unit.transmit)
    interpreter = Interpreter(admitted.passage, planner.types, renewals=admitted.renewals)
    settings = conf.current()
    delivery = Delivery(
        admitted.passage.connection.pk,
        senders,
        interpreter,
        window_end=began + settings.window_s,
        lease_end=began + admitted.lease_s,
        slice_end=time.monotonic() + max(settings.wait_s, AT_ONCE_S),
        task_id="",
        tally=Tally(),
        inside_verb=True,
    )
    try:
        delivery.run(plans)
    finally:
        senders.close()
    admitted.renewals = interpreter.renewals
    return delivery, interpreter


def _judged(delivery: Delivery, interpreter: Interpreter, plan: Plan, verb: Verb) -> Outcome | None:
    outcome = interpreter.last
    if outcome is None:
        raise RateLimitExceeded(retry_after_s=delivery.pace.next_token_s or 0.0)
    if outcome.kind is OutcomeKind.HOOK_ERROR and interpreter.last_error is not None:
        raise interpreter.last_error
    if outcome.ok and interpreter.last_error is not None:  # the remote agreed, the row here could not follow
        raise interpreter.last_error
    if outcome.ok:
        return outcome if plan.decision.action in SERVED[verb] else None
    if outcome.kind is OutcomeKind.UNAUTHORIZED and not interpreter.shut:  # the credentials are new: once more
        return None
    if isinstance(interpreter.last_error, RemoteError):
        raise interpreter.last_error
    raise to_error(outcome)


def _claim(unit: Any, verb: Verb, object_id: str, lease_s: float) -> Claimed:
    row = Fold(
        connection_id=unit.connection.pk,
        object_type=unit.object_type,
        object_id=object_id,
        model=model_label(unit.spec.model),
        lane=Lane.LIVE,
        wanted=WANTED[verb],
        actor=getattr(unit, "asked_by", "")[:150],
    )
    return bindings.claim_one(row, lease_s)


def _claims(units: Sequence[Any], verb: Verb, lease_s: float) -> list[Claimed]:
    """Claim all, or none: where a worker holds one of them, the others are let go again."""
    claims: list[Claimed] = []
    try:
        for unit in units:
            claims.append(_claim(unit, verb, object_id_of(unit.instance.pk), lease_s))
    except Exception:
        let_go = [released(Plan(claim=claim, spec=unit.spec, decision=NEITHER)) for claim in claims]
        settle([], let_go, parents=(), deadline=time.monotonic() + conf.current().settle_s)
        raise
    return claims


def _without_call(plan: Plan) -> Outcome:
    if plan.decision.action is Action.NOTHING:
        return Outcome(kind=OutcomeKind.OK, code="nothing_to_do", remote_id=plan.claim.remote_id)
    raise ObjectBusy(
        f"{plan.claim.object_type} {plan.claim.object_id} cannot be sent now: {plan.decision.code}",
        hint="the worker goes on with it; its state is in the admin",
    )


def _settle(plans: list[Plan]) -> None:
    settle([], [without_call(plan) for plan in plans], parents=(), deadline=time.monotonic() + 5)
