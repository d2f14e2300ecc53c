"""One look at one object at the remote, because a person asks: within the limit, past the guard, and soon over."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import F

from sync.connectors.classify import said_by_us, to_error
from sync.drain import gate
from sync.exceptions import ObjectBusy
from sync.models import Connection
from sync.models.clock import now
from sync.models.database import alias
from sync.reconcile.pace import take_turn
from sync.types import Call, Outcome, OutcomeKind, Verb

PAUSED = "paused"
SHUT = "shut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """What the remote shows: its outcome, the credentials of the request (an answer may repeat them), and how long.

    ``took_ms`` is the call's, without the wait for a token.
    """

    outcome: Outcome
    known: tuple[str, ...]
    took_ms: float


def peek(unit: Any, remote_id: str, *, wait_s: float, budget_s: float) -> Peek:
    """Read one object at the remote. It is no attempt of the drain's, so no operation records it.

    Refused credentials are renewed once. Where the remote asks for a pause, the connection's gate shuts as it does for
    a worker.

    Args:
        unit: an integrator instance of its type and connection.
        remote_id: the id there.
        wait_s: seconds that may be waited for a token.
        budget_s: seconds for everything, a renewal included.

    Raises:
        ObjectBusy: the connection is paused (code ``paused``) or its gate is shut (``shut``): nothing is asked then.
        RateLimitExceeded: no token within ``wait_s``.
        NotFound: the remote has no such object.
        Unauthorized: the credentials are refused.
        Throttled: the remote asks for a pause.
        RemoteError: anything else that it, or the way to it, says.
        ConfigurationError, ObjectError: the request cannot be built.
    """
    until = time.monotonic() + budget_s
    _check_gate(unit.connection.pk)
    call = Call(verb=Verb.READ, object_type=unit.object_type, object_id=remote_id, remote_id=remote_id)
    found, request = _asked(unit, call, wait_s, until)
    if found.outcome.kind is OutcomeKind.UNAUTHORIZED and time.monotonic() < until and unit.renew(request):
        found, _ = _asked(unit, call, wait_s, until)
    outcome = found.outcome
    if outcome.ok:
        return found
    if outcome.kind in (OutcomeKind.THROTTLED, OutcomeKind.UNAVAILABLE):
        _shut(unit.connection.pk, outcome)
    raise to_error(outcome)


def _asked(unit: Any, call: Call, wait_s: float, until: float) -> tuple[Peek, Any]:
    request = unit.build_request(call)
    take_turn(unit, min(wait_s, max(until - time.monotonic(), 0.0)), Verb.READ)
    left_s = max(until - time.monotonic(), 0.1)
    request = replace(request, timeout_s=min(request.timeout_s, left_s), connect_s=min(request.connect_s, left_s))
    answer = unit.transmit(request)
    outcome = unit.read_answer(call, answer)
    known = said_by_us(answer.response) if answer.response is not None else ()
    return Peek(outcome=outcome, known=known, took_ms=answer.elapsed_ms), request


def _check_gate(connection_id: int) -> None:
    connection = Connection.objects.using(alias()).select_related("gate").get(pk=connection_id)
    if connection.paused:
        raise ObjectBusy(
            f"{connection} is paused: {connection.paused_reason or 'no reason given'}",
            code=PAUSED,
            hint="resume it, then look again",
        )
    there = getattr(connection, "gate", None)
    if there is not None and there.blocked_until is not None and there.blocked_until > now(alias()):
        left_s = (there.blocked_until - now(alias())).total_seconds()
        raise ObjectBusy(f"{connection} is shut for {left_s:.0f} s: {there.reason}", code=SHUT, hint="look again then")


def _shut(connection_id: int, outcome: Outcome) -> None:
    known = Connection.objects.using(alias()).filter(pk=connection_id, gate__connection_id=F("pk"))
    if known.exists():  # an account that no worker has met yet has no gate
        gate.shut(connection_id, outcome.retry_after_s, outcome.detail or outcome.code)
