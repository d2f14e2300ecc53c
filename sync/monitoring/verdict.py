"""Did it arrive, why not, what comes next, and when: in one sentence. Pure; the pages and the terminal say it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from django.utils.translation import gettext as _

from sync.bindings import LEFT, UNLINKED
from sync.models import Binding, Connection, Gate, State
from sync.monitoring.words import ago, moment, reason, since, when, where

OVERDUE_S = 60.0
"""So long after its time an object is still not taken in hand where nothing holds it back: a worker may be missing."""

OURS = ("data_constraint", "hook_error", "payload", "write_back", "unknown_parent", "no_payload")
"""Codes of objects that were never sent: something here forbids it."""


class Tone(StrEnum):
    """How somebody should take it."""

    GOOD = "good"
    BUSY = "busy"  # it goes on by itself
    BAD = "bad"  # somebody has to do something
    QUIET = "quiet"  # nothing is wrong, and nothing will happen


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of an object under one connection.

    ``why`` says whether it arrived and why not, ``then`` what comes next; both are whole sentences in the reader's
    language. ``at`` is when that is, None where nothing is due.
    """

    tone: Tone
    why: str
    then: str = ""
    at: dt.datetime | None = None

    @property
    def sentence(self) -> str:
        """Both as one text."""
        return f"{self.why} {self.then}".strip()

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What the table goes by; ``changed``: a change of it lies in the inbox."""

    row: Binding
    connection: Connection
    gate: Gate | None
    now: dt.datetime
    changed: bool

    @property
    def where(self) -> str:
        return where(self.connection)

    @property
    def unsent(self) -> bool:
        return self.changed or self.row.due_at is not None

    @property
    def shut_until(self) -> dt.datetime | None:
        until = self.gate.blocked_until if self.gate is not None else None
        return until if until is not None and until > self.now else None


def verdict(
    binding: Binding | None,
    connection: Connection,
    gate: Gate | None,
    *,
    now: dt.datetime,
    changed: bool = False,
) -> Said:
    """Return what to tell a person about an object.

    Args:
        binding: the object's under this connection, None where it has none.
        connection: the account.
        gate: the connection's, None where no worker has met it yet.
        now: the time by which waits are told; aware.
        changed: a change of the object lies in the inbox, and no worker has taken it yet.
    """
    facts = _Facts(
        row=binding if binding is not None else Binding(connection=connection, due_at=None),
        connection=connection,
        gate=gate,
        now=now,
        changed=changed,
    )
    said = _never(facts) if binding is None else _known(facts)
    return replace(said, why=f"{said.why} {_ignored(binding)}") if binding and binding.ignored else said


# --- the table -------------------------------------------------------------------------------------------------------


def _never(facts: _Facts) -> Said:
    if facts.changed:
        return _held_up(facts) or Said(
            tone=Tone.BUSY,
            why=_("Not at %(where)s yet: it was just saved.") % {"where": facts.where},
            then=_("A worker takes it up now."),
            at=facts.now,
        )
    return Said(
        tone=Tone.QUIET,
        why=_("Never sent to %(where)s: nobody has asked for it.") % {"where": facts.where},
        then=_("Save it, or push it."),
    )


def _known(facts: _Facts) -> Said:
    row = facts.row
    if row.leased and row.due_at is not None and row.due_at > facts.now:
        return Said(tone=Tone.BUSY, why=_("It is being sent to %(where)s now.") % {"where": facts.where}, at=facts.now)
    return _STATES[State(row.state)](facts) if row.state in State.values else _strange(facts)


def _strange(facts: _Facts) -> Said:
    return Said(
        tone=Tone.QUIET,
        why=_("Its state is “%(state)s”, which this version does not know: another one wrote it.")
        % {"state": facts.row.state},
    )


def _pending(facts: _Facts) -> Said:
    held_up = _held_up(facts)
    if held_up is not None:
        return held_up
    row, now = facts.row, facts.now
    token_at = facts.gate.next_token_at if facts.gate is not None else None
    if token_at is not None and token_at > now:
        return Said(
            tone=Tone.BUSY,
            why=_("%(not_yet)s%(since)s: it waits for the rate limit.") % _opening(facts),
            then=_("The next call is free %(when)s.") % {"when": when(token_at, now)},
            at=token_at,
        )
    if row.due_at is None or row.due_at <= now:
        return _in_line(facts)
    return Said(
        tone=Tone.BUSY,
        why=_("%(not_yet)s%(since)s.") % _opening(facts),
        then=_("It is sent %(when)s.") % {"when": when(row.due_at, now)},
        at=row.due_at,
    )


def _in_line(facts: _Facts) -> Said:
    late_s = (facts.now - facts.row.due_at).total_seconds() if facts.row.due_at else 0.0
    if late_s > OVERDUE_S:
        return Said(
            tone=Tone.BAD,
            why=_("%(not_yet)s: it is due for %(late)s, and no worker has taken it.")
            % {**_opening(facts), "late": ago(late_s)},
            then=_("See whether workers run, or how long the line is."),
            at=facts.now,
        )
    return Said(
        tone=Tone.BUSY,
        why=_("%(not_yet)s%(since)s.") % _opening(facts),
        then=_("A worker takes it up now."),
        at=facts.now,
    )


def _synced(facts: _Facts) -> Said:
    row = facts.row
    if row.code == LEFT:
        return _changed(facts) or Said(
            tone=Tone.QUIET,
            why=_("Left at %(where)s as %(id)s, and no longer kept in step.")
            % {"where": facts.where, "id": row.remote_id},
        )
    changed = _changed(facts)
    if changed is not None:
        return changed
    at = row.synced_at
    values = {"where": facts.where, "id": row.remote_id, "since": moment(at), "ago": since(at, facts.now)}
    text = _("It is at %(where)s as %(id)s, as it is here, since %(since)s (%(ago)s ago).")
    if at is None:
        text = _("It is at %(where)s as %(id)s, as it is here.")
    if row.due_at is None:
        return Said(tone=Tone.GOOD, why=text % values)
    return Said(
        tone=Tone.GOOD,
        why=text % values,
        then=_("A worker looks at it once more %(when)s.") % {"when": when(row.due_at, facts.now)},
        at=row.due_at,
    )


def _changed(facts: _Facts) -> Said | None:
    """It was saved since, and no worker has taken that."""
    if not facts.changed:
        return None
    return _held_up(facts) or Said(
        tone=Tone.BUSY,
        why=_("%(not_yet)s: it was just saved.") % _opening(facts),
        then=_("A worker takes it up now."),
        at=facts.now,
    )


def _retrying(facts: _Facts) -> Said:
    held_up = _held_up(facts)
    if held_up is not None:
        return held_up
    row = facts.row
    values = {**_opening(facts), "why": reason(row), "n": row.attempts + 1}
    return Said(
        tone=Tone.BUSY,
        why=_("%(not_yet)s: the last attempt failed (%(why)s).") % values,
        then=_("Attempt %(n)d follows %(when)s.") % {**values, "when": when(row.due_at, facts.now)},
        at=row.due_at,
    )


def _waiting(facts: _Facts) -> Said:
    row = facts.row
    object_type, _sep, object_id = row.waits_for.partition(":")
    values = {**_opening(facts), "parent": f"{object_type} {object_id}".strip()}
    return Said(
        tone=Tone.BUSY,
        why=_("%(not_yet)s: it waits for %(parent)s, which is not there itself.") % values,
        then=_("It follows as soon as that is there."),
        at=row.due_at,
    )


def _held(facts: _Facts) -> Said:
    row = facts.row
    if row.code == UNLINKED:
        told = Said(
            tone=Tone.QUIET,
            why=_("It is tied to nothing at %(where)s. %(detail)s") % {"where": facts.where, "detail": row.detail},
        )
        return _edited(facts, told)
    if row.code == "gone":
        told = Said(
            tone=Tone.BAD,
            why=_("%(where)s no longer has it: somebody removed it there.") % {"where": facts.where},
            then=_("Its next save, or a push, creates it there again."),
        )
        return _edited(facts, told)
    values = {**_opening(facts), "why": reason(row)}
    text = _("%(not_yet)s: a rule here forbids it: %(why)s.") if row.code in OURS else _("%(not_yet)s: %(why)s.")
    told = Said(
        tone=Tone.BAD,
        why=text % values,
        then=_("It is held until somebody edits it, or pushes it again."),
    )
    return _edited(facts, told)


def _dead(facts: _Facts) -> Said:
    row = facts.row
    values = {**_opening(facts), "why": reason(row), "n": row.attempts}
    tried = _("%(not_yet)s: given up after %(n)d attempts; the last one failed (%(why)s).")
    told = Said(
        tone=Tone.BAD,
        why=(tried if row.attempts else _("%(not_yet)s: given up (%(why)s).")) % values,
        then=_("It stays so until somebody edits it, or pushes it again."),
    )
    return _edited(facts, told)


def _in_doubt(facts: _Facts) -> Said:
    return Said(
        tone=Tone.BAD,
        why=_("Nobody knows whether it arrived at %(where)s: its create was sent, and the answer was lost.")
        % {"where": facts.where},
        then=_("Somebody has to look there, and say so."),
    )


def _absent(facts: _Facts) -> Said:
    return _changed(facts) or Said(
        tone=Tone.QUIET,
        why=_("It is not at %(where)s, and not meant to be.") % {"where": facts.where},
    )


_STATES: dict[State, Callable[[_Facts], Said]] = {
    State.PENDING: _pending,
    State.SYNCED: _synced,
    State.RETRYING: _retrying,
    State.WAITING: _waiting,
    State.HELD: _held,
    State.IN_DOUBT: _in_doubt,
    State.DEAD: _dead,
    State.ABSENT: _absent,
}


# --- what they share -------------------------------------------------------------------------------------------------


def _held_up(facts: _Facts) -> Said | None:
    """The connection's own reasons, which go before the object's; None where it sends."""
    if facts.connection.paused:
        values = {**_opening(facts), "reason": facts.connection.paused_reason or _("no reason given")}
        return Said(
            tone=Tone.BAD,
            why=_("%(not_yet)s%(since)s: the connection is paused (%(reason)s).") % values,
            then=_("It goes out once somebody resumes it."),
        )
    until = facts.shut_until
    if until is None or facts.gate is None:
        return None
    values = {**_opening(facts), "reason": facts.gate.reason.rstrip(".") or _("no reason given")}
    return Said(
        tone=Tone.BUSY,
        why=_("%(not_yet)s%(since)s: the way to %(where)s is shut for now (%(reason)s).") % values,
        then=_("It is tried again %(when)s.") % {"when": when(until, facts.now)},
        at=until,
    )


def _edited(facts: _Facts, told: Said) -> Said:
    """An edit that lies in the inbox starts it anew."""
    if not facts.changed:
        return told
    return replace(told, tone=Tone.BUSY, then=_("It was edited since: a worker tries it again now."), at=facts.now)


def _opening(facts: _Facts) -> dict[str, str]:
    row = facts.row
    text = _("Not at %(where)s yet") if row.remote_id is None else _("The last change is not at %(where)s yet")
    waits = _(", waiting for %(ago)s") % {"ago": since(row.dirty_since, facts.now)} if row.dirty_since else ""
    return {"where": facts.where, "not_yet": text % {"where": facts.where}, "since": waits}


def _ignored(row: Binding) -> str:
    return _("Nobody need look: %(reason)s.") % {"reason": row.ignored.rstrip(".")}
