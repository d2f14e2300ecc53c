"""What comes next for an object under one connection, and when. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sync.drain.decide import AWAITED
from sync.models import Binding, State

LATE_SWEEPS = 10
"""So many intervals without a sweep mean that nobody sweeps."""

NEAR_S = 5.0
"""A token that comes so soon holds up nobody; a bucket that was never used begins empty for a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """One thing that comes next, or stands in the way: ``kind`` is stable, ``at`` when, None where nobody knows."""

    kind: str
    sentence: str
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an object's connection and site are like.

    Args:
        at: the database's time.
        enabled: ``CRUDSYNC["enabled"]``.
        registered: this process knows the integrator.
        token_s: seconds until the rate limit gives the next token, 0 for now, None where that is not known.
        limiter_away: the limiter's Redis does not answer.
        ahead: objects of its lane that are due before it, bounded.
        swept_s: age of the last sweep in seconds, None for never.
        sweep_s: interval of the sweep.
        waiting: saves in the inbox that nobody has taken in.
    """

    at: dt.datetime
    enabled: bool = True
    registered: bool = True
    token_s: float | None = None
    limiter_away: bool = False
    ahead: int = 0
    swept_s: float | None = None
    sweep_s: float = 5.0
    waiting: int = 0


def prospects(row: Binding, around: Surroundings) -> tuple[Prospect, ...]:
    """Return what comes next, what stands in its way first.

    Args:
        row: the binding, with its connection and gate.
        around: what it waits behind.
    """
    if _in_hand(row, around.at):
        return (Prospect(kind="under_way", sentence="A worker has it in hand; its lease ends", at=row.due_at),)
    moving = row.due_at is not None or around.waiting > 0
    blocked = tuple(_blocked(row, around)) if moving else ()
    return (*blocked, *_own(row, around))


def _in_hand(row: Binding, at: dt.datetime) -> bool:
    return row.leased and row.due_at is not None and row.due_at > at


def _blocked(row: Binding, around: Surroundings) -> Iterator[Prospect]:
    """What holds up the whole connection."""
    connection = row.connection
    if not around.enabled:
        yield Prospect(kind="disabled", sentence="Nothing is sent: CRUDSYNC['enabled'] is False.")
    if not around.registered:
        yield Prospect(kind="unregistered", sentence=f"No integrator {connection.integrator!r} is registered here.")
    if connection.paused:
        why = connection.paused_reason or "no reason given"
        yield Prospect(
            kind="paused", sentence=f"The connection is paused ({why}): nothing is sent until it is resumed."
        )
    yield from _gate(row, around.at)
    yield from _limiter(around)
    if around.swept_s is None or around.swept_s > LATE_SWEEPS * around.sweep_s:
        since = "never" if around.swept_s is None else f"{around.swept_s:.0f} s ago"
        words = f"The last sweep was {since}: look whether a worker and beat are running."
        yield Prospect(kind="unswept", sentence=words)


def _gate(row: Binding, at: dt.datetime) -> Iterator[Prospect]:
    gate = getattr(row.connection, "gate", None)
    if gate is None or gate.blocked_until is None:
        return
    why = gate.reason or "no reason given"
    if gate.blocked_until > at:
        words = f"The connection's gate is shut ({why}); then one object is sent to see. It opens"
        yield Prospect(kind="gate", sentence=words, at=gate.blocked_until)
    else:
        words = f"The connection's gate was shut ({why}); the next drain sends one object to see."
        yield Prospect(kind="probe", sentence=words)


def _limiter(around: Surroundings) -> Iterator[Prospect]:
    if around.limiter_away:
        yield Prospect(kind="limiter", sentence="The limiter's Redis does not answer: nothing is sent until it does.")
    elif around.token_s is not None and around.token_s > NEAR_S:
        at = around.at + dt.timedelta(seconds=around.token_s)
        yield Prospect(kind="token", sentence="The rate limit is used up; its next token comes", at=at)


def _own(row: Binding, around: Surroundings) -> Iterator[Prospect]:
    """What the object's own state says."""
    if around.waiting:
        yield Prospect(kind="inbox", sentence="A change waits in the inbox; the next drain or sweep takes it in.")
    if row.due_at is None:
        if not around.waiting:
            yield _ended(row)
    elif row.due_at > around.at:
        yield Prospect(kind=_reason(row), sentence=_later(row, around.at), at=row.due_at)
    else:
        yield _due(row, around)


def _ended(row: Binding) -> Prospect:
    if row.state == State.HELD:
        words = "Nothing by itself: it is held until somebody edits the row, or replays it."
        if row.waits_for:
            words = f"Nothing by itself: it is held until {row.waits_for} is at the remote, or somebody edits the row."
        return Prospect(kind="person", sentence=words)
    if row.state == State.IN_DOUBT:
        words = "Nothing by itself: a person has to say whether its create arrived."
        return Prospect(kind="person", sentence=words)
    if row.state == State.DEAD:
        return Prospect(kind="person", sentence="Nothing by itself: it is dead until somebody edits or replays it.")
    return Prospect(kind="nothing", sentence="Nothing: there is nothing left to send.")


def _reason(row: Binding) -> str:
    if row.state == State.WAITING:
        return "parent"
    return "look" if row.uncertain in AWAITED else "retry" if row.state == State.RETRYING else "later"


def _later(row: Binding, at: dt.datetime) -> str:
    if row.state == State.WAITING:
        return f"It waits for {row.waits_for}, and goes as soon as that is there; it looks by itself"
    if row.uncertain in AWAITED:
        return "It is looked at once more, as an earlier write may land late,"
    if row.state == State.RETRYING:
        return "It is tried again"
    if row.rests_until is not None and row.rests_until > at:
        return "It rests after its last send, and is due"
    return "It is due"


def _due(row: Binding, around: Surroundings) -> Prospect:
    if row.leased:
        words = "The lease of its worker ran out: the next drain takes it, alone. Due"
        return Prospect(kind="abandoned", sentence=words, at=row.due_at)
    if row.state == State.WAITING:
        words = f"The next drain looks again whether {row.waits_for} is at the remote. Due"
        return Prospect(kind="parent", sentence=words, at=row.due_at)
    ahead = f"; about {around.ahead} objects go before it" if around.ahead else ""
    return Prospect(kind="due", sentence=f"The next drain takes it{ahead}. Due", at=row.due_at)
