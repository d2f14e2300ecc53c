"""Whether a connection may send now. The gate is written on transitions only."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest

from sync import retry
from sync.models import Connection, Gate
from sync.models.clock import now
from sync.models.database import alias
from sync.types import RetryPolicy

CLOSURES = RetryPolicy(base_delay=1.0, max_delay=300.0)
"""How long a gate stays shut where the remote did not say: from 1 s, doubled, 5 minutes at the most."""


class Pass(StrEnum):
    """What the gate lets through."""

    OPEN = "open"
    PROBE = "probe"  # one object, to see
    SHUT = "shut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What the gate says now. ``streak`` are the binding ids of the last failures that may be the connection's.

    ``probe_token`` is set where the probe was won: only its holder opens the gate.
    """

    let: Pass
    connection: Connection
    streak: tuple[int, ...] = ()
    probe_token: str = ""


def ask(connection_id: int, probe_s: float) -> Passage | None:
    """Return what may pass, winning the probe where a shut gate's time has come.

    Args:
        connection_id: the connection.
        probe_s: seconds after which another drain may probe instead.

    Returns:
        None where there is no such connection.
    """
    using = alias()
    connection = Connection.objects.using(using).select_related("gate").filter(pk=connection_id).first()
    return None if connection is None else passage(connection, probe_s)


def passage(connection: Connection, probe_s: float) -> Passage:
    """Return what may pass, for a connection just read with its gate; see ask()."""
    using = alias()
    gate: Gate | None = getattr(connection, "gate", None)
    if gate is None:
        gate = Gate.objects.using(using).get_or_create(connection=connection)[0]
    let, probe_token = _let(connection, gate, probe_s, using)
    return Passage(
        let=let,
        connection=connection,
        streak=tuple(gate.streak),
        probe_token=probe_token,
    )


def shut(connection_id: int, seconds: float | None, reason: str, *, surely: bool = True) -> float:
    """Shut the gate for so many seconds (None: its own backoff), and return how long it is shut now.

    Args:
        connection_id: the connection.
        seconds: as the remote said, None where it did not say.
        reason: one sentence.
        surely: False where only objects failed that have often failed by themselves. They are to wait as long as is
            returned, but the gate lets the next probe through soon: a sound object may come.
    """
    using = alias()
    gate = Gate.objects.using(using).get(connection_id=connection_id)
    at = now(using)
    left_s = max((gate.blocked_until - at).total_seconds(), 0.0) if gate.blocked_until else 0.0
    if left_s and (seconds is None or seconds <= left_s):
        return left_s  # another drain's answer has shut it: one outage is one closure, however many drains see it
    wait_s = seconds if seconds is not None else _closure_s(gate.closures)
    until = at + dt.timedelta(seconds=wait_s if surely else min(wait_s, CLOSURES.base_delay))
    Gate.objects.using(using).filter(connection_id=connection_id).update(
        blocked_until=Greatest(Coalesce(F("blocked_until"), until), until),
        reason=reason[:300],
        closures=F("closures") + (0 if left_s else 1),
        probe_token="",
        probe_until=None,
        streak=[],
    )
    return wait_s


def open_(connection_id: int, probe_token: str) -> bool:
    """Open the gate: an answer to the probe came that does not itself shut it.

    Returns:
        False where another answer has shut it since the probe was won.
    """
    mine = Gate.objects.using(alias()).filter(connection_id=connection_id, probe_token=probe_token)
    return bool(mine.update(blocked_until=None, reason="", closures=0, probe_token="", probe_until=None, streak=[]))


def reopen(connection_id: int) -> bool:
    """Let the next drain try at once, with one object, because a person says so; its backoff starts anew.

    Not open as if nothing had been: where the remote is away still, one call finds it out, and not a batch.

    Returns:
        False where the gate was not shut.
    """
    using = alias()
    at = now(using)
    closed = Gate.objects.using(using).filter(connection_id=connection_id, blocked_until__gt=at)
    return bool(closed.update(blocked_until=at, closures=0, probe_token="", probe_until=None))


def give_back(passage: Passage) -> None:
    """Give back a probe that got no answer: nothing was due, no token free, or the object needed no call."""
    if passage.probe_token:
        mine = Gate.objects.using(alias()).filter(connection_id=passage.connection.pk, probe_token=passage.probe_token)
        mine.update(probe_token="", probe_until=None)


def note_streak(connection_id: int, streak: tuple[int, ...]) -> None:
    """Keep the streak for the drains that follow."""
    Gate.objects.using(alias()).filter(connection_id=connection_id).update(streak=list(streak))


def note_next_token(connection_id: int, seconds: float | None) -> None:
    """Keep when the next token is due, so that the sweep rings then; None where tokens are free."""
    using = alias()
    gates = Gate.objects.using(using).filter(connection_id=connection_id)
    if seconds is None:
        gates.filter(next_token_at__isnull=False).update(next_token_at=None)
    else:
        gates.update(next_token_at=now(using) + dt.timedelta(seconds=seconds))


def _let(connection: Connection, gate: Gate, probe_s: float, using: str) -> tuple[Pass, str]:
    if connection.paused:
        return Pass.SHUT, ""
    if gate.blocked_until is None:
        return Pass.OPEN, ""
    at = now(using)
    if gate.blocked_until > at:
        return Pass.SHUT, ""
    free = Q(probe_until__isnull=True) | Q(probe_until__lte=at)
    rows = Gate.objects.using(using).filter(free, pk=gate.pk, blocked_until=gate.blocked_until)
    token = secrets.token_hex(16)
    won = rows.update(probe_token=token, probe_until=at + dt.timedelta(seconds=probe_s))
    return (Pass.PROBE, token) if won else (Pass.SHUT, "")


def _closure_s(closures: int) -> float:
    """Half the bound and a random half: a gate that opens at once would probe a remote that is down in a storm."""
    bound = min(CLOSURES.max_delay, CLOSURES.base_delay * CLOSURES.exponential_base ** min(closures, 20))
    return bound / 2 + retry.backoff(RetryPolicy(base_delay=bound / 2, max_delay=bound / 2), 0)
