"""One attempt: a plan with its call, its request and its journal entry."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sync.bindings.rows import Mark
from sync.connectors.classify import excerpt
from sync.connectors.codec import dumps
from sync.drain.decide import LATE_DELETE, Action
from sync.drain.intent import Intent
from sync.drain.plan import Plan, changes
from sync.operations import Started
from sync.types import Call, Grant, Request, Verb

VERBS = {
    Action.CREATE: Verb.CREATE,
    Action.REPLAY: Verb.CREATE,
    Action.LOOKUP: Verb.LOOKUP,
    Action.UPDATE: Verb.UPDATE,
    Action.DELETE: Verb.DELETE,
    Action.READ: Verb.READ,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call about to be sent. ``text`` is the whole state that it brings, as canonical JSON; None for others."""

    plan: Plan
    call: Call
    text: str | None
    intent: Intent | None

    @property
    def verb(self) -> Verb:
        """What is asked of the remote."""
        return self.call.verb


def attempt(plan: Plan) -> Attempt:
    """Return the attempt that a plan calls for."""
    claim = plan.claim
    action = plan.decision.action
    verb = VERBS[action]
    intent = plan.intent
    if action is Action.CREATE and plan.payload is not None:
        intent = Intent.new(plan.payload, claim.now)
    creates = verb is Verb.CREATE
    if creates and intent is not None:
        intent = intent.sent(claim.until)
    payload: Any = intent.body if intent is not None and verb in (Verb.CREATE, Verb.LOOKUP) else plan.payload
    text = plan.text
    if action is Action.REPLAY and intent is not None:
        text = dumps(intent.body)
    whole = plan.decision.whole or verb is not Verb.UPDATE
    call = Call(
        verb=verb,
        object_type=claim.object_type,
        object_id=claim.object_id,
        remote_id=claim.remote_id,
        payload=payload,
        text=text,
        changes=None if whole or plan.payload is None else changes(claim.sent, plan.payload) or None,
        key=intent.key if creates and intent is not None else "",
        version=claim.remote_version,
    )
    return Attempt(plan=plan, call=call, text=text if verb.writes and verb is not Verb.DELETE else None, intent=intent)


def mark(item: Attempt) -> Mark:
    """Return what is noted on the binding before the send."""
    claim = item.plan.claim
    if not item.verb.writes:
        return Mark(claim=claim, uncertain=claim.uncertain, intent=claim.intent)
    intent = item.intent.text() if item.verb is Verb.CREATE and item.intent is not None else claim.intent
    return Mark(claim=claim, uncertain=doubt(claim.uncertain, item.verb.value), intent=intent)


def doubt(before: str, verb: str) -> str:
    """Return what is in doubt when a write follows one in doubt: a delete that may have landed outlasts an update."""
    return before if verb == "update" and before in ("delete", LATE_DELETE) else verb


def journal(items: Sequence[Attempt], request: Request, task_id: str, grant: Grant) -> list[Started]:
    """Return the operations of one call, which are committed before the send; the first has its token.

    Args:
        items: what is sent with it.
        request: how.
        task_id: id of the Celery task.
        grant: its token.
    """
    limited = grant.until != math.inf
    waited_ms = 1000 * max(grant.at - time.monotonic(), 0.0) if limited else None
    first, *others = items
    return [_entry(first, request, task_id, waited_ms), *(_entry(item, request, task_id, None) for item in others)]


def _entry(item: Attempt, request: Request, task_id: str, waited_ms: float | None) -> Started:
    claim = item.plan.claim
    body = request.body
    return Started(
        connection_id=claim.connection_id,
        binding_id=claim.id,
        object_type=claim.object_type,
        object_id=claim.object_id,
        verb=item.verb.value,
        attempt=claim.attempts + 1,
        lease_token=claim.lease_token,
        seq=claim.seq,
        key=item.call.key,
        body_hash=hashlib.sha256(body).hexdigest() if body else "",
        method=request.method,
        url=request.url.partition("?")[0][:1000],
        request=excerpt(body) if body else "",
        actor=claim.actor,
        task_id=task_id,
        waited_ms=waited_ms,
        correlation_id=claim.correlation_id,
    )
