"""Tell the host's receivers what a settlement made true, after its commit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sync import registry, signals
from sync.bindings.rows import Claimed, Settlement
from sync.drain import journey
from sync.drain.plan import Plan, is_first
from sync.models import STUCK, Binding, Connection, State, Status
from sync.models.database import alias
from sync.types import Outcome, OutcomeKind, Verb

if TYPE_CHECKING:
    from sync.drain.recorder import Result

FAILURES = frozenset({Status.FAILED.value, Status.UNKNOWN.value, Status.NOT_SENT.value})
AGREED = (State.SYNCED, State.ABSENT)

Event = tuple[signals.Announcement, Claimed, dict[str, Any]]
"""A signal, the object as it was claimed, and what else it says."""


def listening() -> bool:
    """Return whether anybody listens to what a settlement can tell."""
    return any(signal.has_listeners() for signal in (signals.synced, signals.failed, signals.dead))


def settled(results: Sequence[Result], rows: Iterable[Settlement], ids: Collection[int]) -> None:
    """Announce what became of objects.

    Args:
        results: answered attempts.
        rows: the settlements that were applied.
        ids: of the bindings that became what was ruled.
    """
    events = [event for result in results for event in _attempted(result, ids)]
    events += [_dead(row) for row in rows if row.state in STUCK]
    if events:
        signals.announce(lambda: _send(events))


def inserted(plan: Plan, object_id: str, outcome: Outcome) -> None:
    """Announce an object that was created at the remote first, now that its row is here."""
    if signals.synced.has_listeners():
        told = {**_object(plan.claim, outcome.remote_id), "object_id": object_id, "verb": "create", "deleted": False}
        event = (signals.synced, plan.claim, told)
        signals.announce(lambda: _send([event]))


def _attempted(result: Result, ids: Collection[int]) -> list[Event]:
    row, claim = result.ruling.settlement, result.attempt.plan.claim
    if (
        result.finished.status in FAILURES
        and result.operation
        and result.ruling.outcome.kind is not OutcomeKind.NO_TOKEN
    ):
        return [(signals.failed, claim, _failure(result))]
    if claim.id in ids and row.synced and row.state in AGREED and not is_first(claim) and _brought(result):
        told = {"verb": result.attempt.verb.value, "deleted": row.state == State.ABSENT}
        return [(signals.synced, claim, {**_object(claim, row.remote_id or claim.remote_id), **told})]
    return []


def _brought(result: Result) -> bool:
    """Whether the attempt is what made it agree; a look at what was agreed already is no news."""
    verb = result.attempt.verb
    return verb.writes or verb is Verb.LOOKUP or result.attempt.plan.claim.dirty_since is not None


def _failure(result: Result) -> dict[str, Any]:
    row, outcome, claim = result.ruling.settlement, result.ruling.outcome, result.attempt.plan.claim
    return {
        **_object(claim, claim.remote_id),
        "verb": result.attempt.verb.value,
        "status_code": outcome.status_code,
        "code": row.code or outcome.code,
        "detail": row.detail or outcome.detail[:500],
        "attempt": claim.attempts + 1,
        "retry_in_s": row.due_s,
    }


def _dead(row: Settlement) -> Event:
    told = {"state": str(row.state), "code": row.code, "detail": row.detail, "cause_id": row.cause}
    return signals.dead, row.claim, {**_object(row.claim, row.remote_id), **told}


def _object(claim: Claimed, remote_id: str | None) -> dict[str, Any]:
    return {
        "object_type": claim.object_type,
        "object_id": claim.object_id,
        "model": claim.model,
        "remote_id": remote_id,
    }


def _send(events: Sequence[Event]) -> None:
    heard = [event for event in events if event[0].has_listeners()]
    if any(event[0] is signals.dead for event in heard):
        heard = _still_so(heard)
    if not heard:
        return
    rows: Mapping[int, Connection] = Connection.objects.using(alias()).in_bulk(
        {claim.connection_id for _, claim, _ in heard}
    )
    known = registry.integrators()
    for signal, claim, told in heard:
        row = rows.get(claim.connection_id)
        if row is not None:
            with journey.of(claim):  # what a receiver saves or logs is laid at the same door
                signal.send_robust(sender=known.get(row.integrator), connection=row, **told)


def _still_so(events: Sequence[Event]) -> list[Event]:
    """Without the dead letters that a change made since the claim has revived in the very settlement."""
    ids = [claim.id for signal, claim, _ in events if signal is signals.dead]
    rows = Binding.objects.using(alias()).filter(pk__in=ids, state__in=STUCK)
    stuck = set(rows.values_list("pk", flat=True))
    return [event for event in events if event[0] is not signals.dead or event[1].id in stuck]
