"""Test a connection: one harmless call, to see whether the remote is there and knows us."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sync import operations, ratelimit, registry
from sync.connectors import classify
from sync.exceptions import (
    AddressRefused,
    BadBody,
    CrudSyncError,
    DeliveryUnknown,
    NotSent,
    RateLimitExceeded,
    SecretError,
    ServerError,
    Throttled,
    Unauthorized,
)
from sync.http import Response
from sync.integrators.clients import Client, client_of
from sync.integrators.probing import Trial, trial
from sync.models import Connection
from sync.secrets import hushed, trace
from sync.types import Answer, Outcome, OutcomeKind, Verb

logger = logging.getLogger("crudsync.monitoring")

LONGEST = 300
ALIVE = frozenset({405, 501})
"""A remote that does not know how to list, or HEAD, is there all the same."""


class Reach(StrEnum):
    """What a probe found."""

    UP = "up"
    UNAUTHORIZED = "unauthorized"  # the credentials are not accepted, or cannot be read
    LIMITED = "limited"  # no token free, or the remote asks for a pause
    DOWN = "down"  # no usable answer
    REFUSED = "refused"  # an answer that says no, an address that may not be called, or wrong options
    PAUSED = "paused"  # somebody paused it: nothing was sent


BY_KIND: Mapping[OutcomeKind, Reach] = {
    OutcomeKind.OK: Reach.UP,
    OutcomeKind.NOT_SENT: Reach.DOWN,
    OutcomeKind.UNKNOWN: Reach.DOWN,
    OutcomeKind.NO_TOKEN: Reach.LIMITED,
    OutcomeKind.THROTTLED: Reach.LIMITED,
    OutcomeKind.UNAVAILABLE: Reach.LIMITED,
    OutcomeKind.UNAUTHORIZED: Reach.UNAUTHORIZED,
}
"""Any other kind: refused."""

BY_ERROR: tuple[tuple[type[CrudSyncError], Reach], ...] = (
    (SecretError, Reach.UNAUTHORIZED),
    (Unauthorized, Reach.UNAUTHORIZED),
    (RateLimitExceeded, Reach.LIMITED),
    (Throttled, Reach.LIMITED),
    (AddressRefused, Reach.REFUSED),
    (NotSent, Reach.DOWN),
    (DeliveryUnknown, Reach.DOWN),
    (ServerError, Reach.DOWN),
)
"""Any other error, a wrong option above all: refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a test of a connection found.

    Args:
        status: up, unauthorized, limited, down, refused or paused.
        response_time_ms: of the whole call; None where nothing was sent.
        code: a stable word, empty where the remote is up.
        error: one sentence without secrets, and nothing of what the remote keeps; empty where the remote is up.
        paused: somebody paused the account, whatever the remote says: nothing else is sent.
    """

    status: Reach
    response_time_ms: float | None = None
    code: str = ""
    error: str = ""
    paused: bool = False


def probe(connection: Connection, timeout_s: float = 5.0, *, though_paused: bool = False) -> Probe:
    """Ask the remote for something harmless, with the connection's credentials, and say how it went. Never raises.

    It reads ``probe_path`` of the integrator, else one row of the first object type's listing. The call goes through
    the connection's own client and guard, and counts against its limits: it takes a token that is free, and says
    ``limited`` where none is; it never waits for one. Nothing is journaled, and the gate stays as it is.

    Args:
        connection: the account.
        timeout_s: total deadline of the call, seconds; the connection's own, where that is shorter.
        though_paused: ask even where somebody paused the connection, as for a person who tests it.
    """
    if connection.paused and not though_paused:
        said = hushed(connection.paused_reason)
        return Probe(status=Reach.PAUSED, code="paused", error=f"paused: {said}" if said else "paused", paused=True)
    return replace(_tried(connection, timeout_s), paused=connection.paused)


def _tried(connection: Connection, timeout_s: float) -> Probe:
    try:
        return _asked(connection, timeout_s)
    except CrudSyncError as error:
        return _not_asked(error)
    except Exception as error:  # noqa: BLE001 - the host's hooks, a database that is away: a probe says so and goes on
        logger.error("connection %s could not be probed\n%s", connection, trace(error))  # noqa: TRY400 - without secrets
        return Probe(status=Reach.REFUSED, code="error", error=f"the probe failed: {type(error).__name__}")


def _asked(connection: Connection, timeout_s: float) -> Probe:
    integrator: Any = registry.get(connection.integrator)
    client = client_of(integrator, connection)
    answer, outcome = _once(client, connection, trial(integrator, client, connection, timeout_s))
    if outcome.kind is OutcomeKind.UNAUTHORIZED and _renewed(integrator, connection, answer):
        answer, outcome = _once(client, connection, trial(integrator, client, connection, timeout_s))
    if isinstance(answer.error, CrudSyncError):
        return _not_asked(answer.error, round(answer.elapsed_ms, 1))
    if outcome.ok or outcome.status_code in ALIVE:
        return Probe(status=Reach.UP, response_time_ms=round(answer.elapsed_ms, 1))
    return Probe(
        status=BY_KIND.get(outcome.kind, Reach.REFUSED),
        response_time_ms=round(answer.elapsed_ms, 1),
        code=outcome.code,
        error=_sentence(outcome),
    )


def _once(client: Client, connection: Connection, asked: Trial) -> tuple[Answer, Outcome]:
    grants = ratelimit.take(connection.pk, asked.limits, 1, horizon_s=0.0, seed=operations.sent_since)
    if not grants.granted:
        raise RateLimitExceeded(retry_after_s=grants.retry_after_s)
    answer = client.connector.transport.send(asked.request)
    if answer.response is None:
        return answer, classify.from_error(answer.error or BadBody("there is no answer"))
    outcome = _meaning(asked, answer.response)
    client.teach(answer.response, outcome)
    if outcome.retry_after_s is not None and not outcome.ok:  # nobody shuts the gate for a probe
        lesson = ratelimit.Lesson(retry_after_s=outcome.retry_after_s)
        ratelimit.learn(connection.pk, lesson, limits=client.limits)
    return answer, outcome


def _meaning(asked: Trial, response: Response) -> Outcome:
    outcome = classify.from_status(Verb.LIST, response, asked.outcomes)
    if not asked.lists or not outcome.ok:
        # The base URL itself need not be a resource.
        bare = asked.request.method == "HEAD" and outcome.kind is OutcomeKind.NOT_FOUND
        return Outcome(kind=OutcomeKind.OK, status_code=outcome.status_code) if bare else outcome
    try:
        body = classify.parse_body(response)
    except BadBody as error:
        return classify.bad_body(outcome.status_code, error)
    if not isinstance(body, dict | list):
        return classify.bad_body(outcome.status_code, BadBody("the listing is no JSON"))
    return outcome


def _renewed(integrator: Any, connection: Connection, answer: Answer) -> bool:
    """Return whether there is another token than the one that was refused: the drain would use that one, too."""
    request = getattr(answer.response, "request", None)
    if integrator.auth is None or request is None:
        return False
    rejected = next((value for name, value in request.headers.items() if name.lower() == "authorization"), "")
    return bool(integrator.auth.renew(connection, rejected=rejected))


def _not_asked(error: CrudSyncError, elapsed_ms: float | None = None) -> Probe:
    """Return what an error says that came in place of an answer."""
    return Probe(
        status=next((reach for cls, reach in BY_ERROR if isinstance(error, cls)), Reach.REFUSED),
        response_time_ms=elapsed_ms,
        code=error.code,
        error=classify.printable(hushed(error), LONGEST),
    )


def _sentence(outcome: Outcome) -> str:
    """Return what went wrong: the status, and the remote's complaint; never an excerpt of a page or of an object."""
    told = f"the remote answered {outcome.status_code}"
    complaint = hushed(outcome.message) if outcome.status_code < 500 else ""
    if outcome.code == "bad_body":
        complaint = "and no JSON: check that base_url leads to the API"
    return classify.printable(f"{told}: {complaint}" if complaint else told, LONGEST)
