"""How to settle: the second of the two tables of the drain. Pure; success is not one case.

Rows are what was asked, columns what the answer means (protocol section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from sync.drain.decide import LATE_DELETE, Action
from sync.models import Status
from sync.types import OutcomeKind as Kind

ANSWERED_5XX = (500, 501, 503)
"""Answers that count as refusals where a create can neither be replayed nor looked up."""


class Then(StrEnum):
    """When the object is due next."""

    DONE = "done"  # nothing is left, unless it changed meanwhile
    REST = "rest"  # due again when its rest ends
    NOW = "now"  # due at once: another step follows
    BACKOFF = "backoff"
    GATE = "gate"  # when the gate opens
    HOLD = "hold"  # held until an edit
    DOUBT = "doubt"  # held until a person says what happened
    DEAD = "dead"


class Remote(StrEnum):
    """What becomes of the remote id."""

    KEEP = "keep"
    SET = "set"
    CLEAR = "clear"


class Base(StrEnum):
    """What becomes of the base, what both sides agreed on."""

    KEEP = "keep"
    SENT = "sent"  # what this attempt sent
    READ = "read"  # what was read; ours is unknown unless it fits
    UNKNOWN = "unknown"
    CLEAR = "clear"


class Gate(StrEnum):
    """What the answer says about the connection."""

    OPEN = "open"
    SHUT = "shut"
    STREAK = "streak"  # perhaps the connection's fault: counts towards the breaker
    RENEW = "renew"  # the credentials are refused: renew them once, then shut
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a settlement does.

    ``doubt`` is the new value of ``uncertain``, None where it goes back to what it was before the journal;
    ``intent`` says whether the intent stays; ``counted`` whether the attempt counts; ``look`` that only a look-up can
    tell; ``wanted`` is the request that replaces the one just served (a ``Wanted`` name, or "keep").
    """

    status: Status
    then: Then
    remote: Remote = Remote.KEEP
    base: Base = Base.KEEP
    doubt: str | None = ""
    intent: bool = False
    counted: bool = False
    look: bool = False
    wanted: str = "auto"
    gate: Gate = Gate.OPEN
    code: str = ""


UNDONE = Verdict(status=Status.FAILED, then=Then.GATE, doubt=None, intent=True, wanted="keep", gate=Gate.SHUT)
"""Nothing was applied, and the connection waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known of an attempt besides its answer.

    Args:
        action: what was done.
        fresh: a create that no earlier attempt has put in doubt.
        provable: the object type can replay or look up.
        can_look: it can look up.
        can_read: it can be read again.
        retry_doubt: ``on_uncertain`` is ``retry``.
        on_gone: ``recreate``, ``detach`` or ``hold``.
        was: ``uncertain`` before the journal.
        status_code: HTTP status of the answer, 0 for none.
        code: the outcome's code.
        found: how many objects a look-up found.
        conflicted: the look-up follows a 409.
    """

    action: Action
    fresh: bool = True
    provable: bool = True
    can_look: bool = True
    can_read: bool = True
    retry_doubt: bool = False
    on_gone: str = "recreate"
    was: str = ""
    status_code: int = 0
    code: str = ""
    found: int = 0
    conflicted: bool = False


def judge(case: Case, kind: Kind) -> Verdict:
    """Return how an attempt is settled.

    Args:
        case: what was asked.
        kind: what the answer means.
    """
    common = _common(kind)
    if common is not None:
        return common
    return _TABLES[case.action](case, kind)


def applied_nothing(kind: Kind) -> bool:
    """Return whether an answer says nothing of the object: the request was not applied, whatever it asked."""
    return _common(kind) is not None


def _common(kind: Kind) -> Verdict | None:
    """What means the same whatever was asked: nothing was applied, and it is not the object's fault."""
    if kind is Kind.NO_TOKEN:
        return replace(UNDONE, status=Status.NOT_SENT, then=Then.NOW, gate=Gate.SILENT)
    if kind is Kind.NOT_SENT:
        return replace(UNDONE, status=Status.NOT_SENT)
    if kind is Kind.THROTTLED:
        return UNDONE
    if kind is Kind.UNAUTHORIZED:
        return replace(UNDONE, then=Then.NOW, gate=Gate.RENEW)
    if kind is Kind.FORBIDDEN:
        return replace(UNDONE, then=Then.BACKOFF, counted=True, gate=Gate.STREAK)
    return None


def _create(case: Case, kind: Kind) -> Verdict:
    if kind is Kind.OK:
        return Verdict(status=Status.SUCCEEDED, then=Then.DONE, remote=Remote.SET, base=Base.SENT)
    if kind is Kind.HOOK_ERROR:
        return Verdict(status=Status.SUCCEEDED, then=Then.HOLD, remote=Remote.SET, base=Base.SENT, wanted="keep")
    if kind in (Kind.UNKNOWN, Kind.UNAVAILABLE):
        return _unknown_create(case, kind)
    if kind in (Kind.CONFLICT, Kind.STALE_VERSION):
        return _conflicting_create(case)
    if case.fresh or (case.retry_doubt and not case.can_look):  # a double is acceptable there: an edit is sent anew
        return Verdict(status=Status.FAILED, then=Then.HOLD, wanted="keep")
    then = Then.NOW if case.can_look else Then.DOUBT
    return Verdict(status=Status.FAILED, then=then, doubt="create", intent=True, look=True, counted=True, wanted="keep")


def _unknown_create(case: Case, kind: Kind) -> Verdict:
    doubtful = Verdict(
        status=Status.UNKNOWN,
        then=Then.BACKOFF,
        doubt="create",
        intent=True,
        counted=True,
        wanted="keep",
        gate=Gate.STREAK,
    )
    if kind is Kind.UNAVAILABLE:
        if case.provable or case.retry_doubt:
            return replace(doubtful, then=Then.GATE, counted=False, gate=Gate.SHUT)
        return replace(doubtful, status=Status.FAILED, then=Then.GATE, doubt=None, counted=False, gate=Gate.SHUT)
    if case.provable or case.retry_doubt:
        return doubtful
    if case.status_code in ANSWERED_5XX:  # taken as a refusal: nothing else could ever be sent
        return replace(doubtful, status=Status.FAILED, doubt=None)
    return replace(doubtful, then=Then.DOUBT, code="in_doubt")


def _conflicting_create(case: Case) -> Verdict:
    """409 is no certain end of an intent: it may be the echo of its own first attempt."""
    unsure = Verdict(
        status=Status.FAILED, then=Then.NOW, doubt="create", intent=True, look=True, counted=True, wanted="keep"
    )
    if case.code == "key_in_use" and not case.can_look:
        return replace(unsure, status=Status.UNKNOWN, then=Then.BACKOFF, look=False)
    if case.can_look:
        return unsure
    return replace(unsure, then=Then.DOUBT)


def _lookup(case: Case, kind: Kind) -> Verdict:
    keep = Verdict(status=Status.FAILED, then=Then.BACKOFF, doubt=None, intent=True, counted=True, wanted="keep")
    if kind is Kind.OK and case.found == 1:
        return Verdict(status=Status.SUCCEEDED, then=Then.NOW, remote=Remote.SET, base=Base.UNKNOWN, wanted="keep")
    if kind is Kind.OK and case.found > 1:
        return replace(keep, status=Status.SUCCEEDED, then=Then.DEAD, code="ambiguous")
    if kind in (Kind.OK, Kind.NOT_FOUND):
        if case.conflicted:  # something is in the way, yet cannot be seen: the same intent again
            return replace(keep, status=Status.SUCCEEDED, look=False)
        return Verdict(status=Status.SUCCEEDED, then=Then.NOW, wanted="keep")
    if kind is Kind.UNAVAILABLE:
        return replace(keep, then=Then.GATE, counted=False, look=True, gate=Gate.SHUT)
    gate = Gate.STREAK if kind is Kind.UNKNOWN else Gate.OPEN
    return replace(keep, look=True, gate=gate)


def _update(case: Case, kind: Kind) -> Verdict:
    failed = Verdict(status=Status.FAILED, then=Then.HOLD, doubt=None, wanted="keep")
    if kind is Kind.OK:
        return Verdict(status=Status.SUCCEEDED, then=Then.DONE, base=Base.SENT)
    if kind is Kind.HOOK_ERROR:
        return Verdict(status=Status.SUCCEEDED, then=Then.HOLD, base=Base.SENT, wanted="keep")
    if kind is Kind.UNKNOWN:
        return replace(failed, status=Status.UNKNOWN, then=Then.BACKOFF, doubt="update", counted=True, gate=Gate.STREAK)
    if kind is Kind.UNAVAILABLE:
        return replace(failed, status=Status.UNKNOWN, then=Then.GATE, doubt="update", gate=Gate.SHUT)
    if kind is Kind.NOT_FOUND:
        return _missing(case)
    if kind is Kind.STALE_VERSION:
        # What cannot be read again is sent whole, without a version: ours wins.
        base = Base.KEEP if case.can_read else Base.UNKNOWN
        return replace(failed, then=Then.NOW, counted=True, wanted="verify", base=base)
    if kind is Kind.CONFLICT:
        return replace(failed, then=Then.BACKOFF, counted=True)
    return failed


def _missing(case: Case) -> Verdict:
    """What a delete of ours may have removed is created anew, whatever the policy says of strangers' deletes."""
    verdict = gone("recreate" if case.was in ("delete", LATE_DELETE) else case.on_gone)
    lands = case.was and verdict.then is Then.NOW  # what may land late may land on the new one
    return replace(verdict, doubt=None) if lands else verdict


def gone(policy: str) -> Verdict:
    """Return what becomes of an object that the remote no longer has.

    Args:
        policy: ``on_gone``: recreate it, detach it (the next edit creates it anew), or hold it.
    """
    if policy == "recreate":
        return Verdict(
            status=Status.FAILED,
            then=Then.NOW,
            remote=Remote.CLEAR,
            base=Base.CLEAR,
            counted=True,
            wanted="keep",
            code="gone",
        )
    if policy == "detach":
        return Verdict(status=Status.FAILED, then=Then.HOLD, remote=Remote.CLEAR, base=Base.CLEAR, code="gone")
    return Verdict(status=Status.FAILED, then=Then.HOLD, code="gone")


def _delete(_: Case, kind: Kind) -> Verdict:
    failed = Verdict(status=Status.FAILED, then=Then.HOLD, doubt=None, wanted="keep")
    if kind in (Kind.OK, Kind.NOT_FOUND, Kind.HOOK_ERROR):
        return Verdict(status=Status.SUCCEEDED, then=Then.DONE, remote=Remote.CLEAR, base=Base.CLEAR)
    if kind is Kind.UNKNOWN:
        return replace(failed, status=Status.UNKNOWN, then=Then.BACKOFF, doubt="delete", counted=True, gate=Gate.STREAK)
    if kind is Kind.UNAVAILABLE:
        return replace(failed, status=Status.UNKNOWN, then=Then.GATE, doubt="delete", gate=Gate.SHUT)
    if kind is Kind.CONFLICT:  # its children first
        return replace(failed, then=Then.BACKOFF, counted=True)
    if kind is Kind.STALE_VERSION:  # whatever it has become there, it goes: again, without a version
        return replace(failed, then=Then.NOW, counted=True, base=Base.UNKNOWN)
    return failed


def _read(case: Case, kind: Kind) -> Verdict:
    failed = Verdict(status=Status.FAILED, then=Then.BACKOFF, doubt=None, counted=True, wanted="keep")
    if kind in (Kind.OK, Kind.HOOK_ERROR):
        return Verdict(status=Status.SUCCEEDED, then=Then.NOW, base=Base.READ)
    if kind is Kind.NOT_FOUND:
        return _missing(case)
    if kind is Kind.UNAVAILABLE:
        return replace(failed, then=Then.GATE, counted=False, gate=Gate.SHUT)
    if kind is Kind.UNKNOWN:
        return replace(failed, gate=Gate.STREAK)
    return replace(failed, then=Then.HOLD)


_TABLES = {
    Action.CREATE: _create,
    Action.REPLAY: _create,
    Action.LOOKUP: _lookup,
    Action.UPDATE: _update,
    Action.DELETE: _delete,
    Action.READ: _read,
}
