"""Stop an object that answers itself: each send brings about the next, and nobody has edited it.

What a hook or a write-back saves while the drain works is captured like any other change, in our own name; and a read
may find the remote different each time. Where so many sends in a row had no other cause, the object is held. Only a
send that may be one of those asks for the history, so others pay nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sync import conf, operations
from sync.drain.decide import Action, Decision
from sync.drain.plan import Plan, same
from sync.exceptions import PingPong
from sync.models import Status
from sync.operations import Past
from sync.types import OURSELVES, Verb, Wanted

SHOWN = 8
"""So many fields are named at the most."""

PER_SEND = 4
"""Operations that belong to one send of such an object: a read, the send, perhaps an attempt or two that failed."""


def stop(plans: Sequence[Plan]) -> list[Plan]:
    """Return plans in which objects that ping-pong are held, with the reason."""
    return [_judged(plan) if suspicious(plan) else plan for plan in plans]


def suspicious(plan: Plan) -> bool:
    """Return whether an update may have been brought about by an earlier one: by what we saved, or what was read."""
    claim = plan.claim
    if plan.decision.action is not Action.UPDATE or claim.wanted >= Wanted.PUSH:
        return False
    return claim.actor == OURSELVES or claim.sent is None


def in_a_row(past: Sequence[Past], seq: int, actor: str) -> int:
    """Return how many sends up to now were brought about by their forerunners, 0 where the next one is not.

    Args:
        past: operations of one object, newest first.
        seq: of the send that is to come.
        actor: of the send that is to come.
    """
    count, read = 0, set()
    for each in reversed(past):
        if each.status != Status.SUCCEEDED:
            continue
        if each.verb == Verb.READ:
            read.add(each.seq)
        elif each.verb != Verb.LOOKUP:
            count = count + 1 if each.actor == OURSELVES or each.seq in read else 0
    return count if actor == OURSELVES or seq in read else 0


def _judged(plan: Plan) -> Plan:
    settings = conf.current()
    limit, window_s = settings.ping_pong_limit, settings.ping_pong_window_s
    past = operations.past(plan.claim.id, window_s, PER_SEND * limit)
    times = in_a_row(past, plan.claim.seq, plan.claim.actor)
    if times < limit:
        return plan
    error = PingPong(
        f"It was sent {times} times in a row because of what came of the send before; {_flipping(plan)}.",
        hint="see what changes it, here or there; an edit or a replay sends it once more",
    )
    return replace(plan, decision=Decision(action=Action.HOLD, code=error.code), error=error)


def _flipping(plan: Plan) -> str:
    """The names of the fields that differ from what was agreed last or, after a read, from what was read."""
    before = _object(plan.claim.sent if plan.claim.sent is not None else plan.claim.seen)
    payload = plan.payload or {}
    names = [name for name, value in payload.items() if name not in before or not same(before[name], value)]
    if not names:
        return "what changes is not among the fields that are sent"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"this keeps changing: {', '.join(names[:SHOWN])}{more}"


def _object(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}
