"""Field by field: ours, what was agreed, and theirs; and who has changed it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sync.types import type_json

MISSING: Any = object()
"""In place of a value: there is none."""


class Verdict(StrEnum):
    """Who has changed a field since both sides agreed."""

    SAME = "same"
    OURS = "ours_changed"
    THEIRS = "theirs_changed"
    BOTH = "both_changed"
    DIFFERS = "differs"  # nothing was agreed yet: nobody knows whose change it is
    NOT_SHOWN = "not_shown"  # the remote does not show it
    NOT_SENT = "not_sent"  # the remote's own: we neither send nor read it
    UNKNOWN = "unknown"  # one of the two sides is not known


DRIFT = (Verdict.OURS, Verdict.THEIRS, Verdict.BOTH, Verdict.DIFFERS)
"""Verdicts of fields in which both sides do not agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One field. Values are JSON, ``MISSING`` where there is none.

    ``direction`` is ``out`` (we send it), ``in`` (the remote decides it), ``both``, or empty: it is none of ours.
    ``agreed`` is what we sent when both sides last agreed, ``answered`` what the remote made of it then.
    """

    name: str
    verdict: Verdict
    direction: str = ""
    ours: type_json = MISSING
    agreed: type_json = MISSING
    answered: type_json = MISSING
    theirs: type_json = MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Inward:
    """A field that the remote decides: its value here and there, and whether they are one once it was converted."""

    name: str
    ours: type_json
    theirs: type_json
    same: bool


def compare(
    ours: Mapping[str, type_json] | None,
    sent: str | None,
    seen: str | None,
    theirs: type_json,
    *,
    inward: Sequence[Inward] = (),
    both: Sequence[str] = (),
) -> list[Compared]:
    """Return a verdict for every field that one side or the other has: ours first, then what comes in, then theirs.

    A value of theirs agrees where it is ours, or what the remote made of ours when it took it, as for
    ``sync.reconcile.judge.agrees`` and the drain's verifying read.

    Args:
        ours: the payload as it would be sent now, None where it cannot be built.
        sent: our payload as last agreed, canonical JSON text.
        seen: the remote's answer to it, likewise.
        theirs: the object as the remote shows it now, None where it shows none.
        inward: fields mapped ``IN``.
        both: keys of fields mapped ``BOTH``.
    """
    agreed, answered = loaded(sent), loaded(seen)
    there = theirs if isinstance(theirs, Mapping) else None
    keys = dict.fromkeys([*(ours or {}), *(agreed or {} if ours is None else {})])
    found = [_outward(key, ours, agreed, answered, there, both) for key in keys]
    found += [_inward(entry, answered) for entry in inward]
    known = {entry.name for entry in found}
    found += [
        Compared(name=str(key), verdict=Verdict.NOT_SENT, theirs=value)
        for key, value in (there or {}).items()
        if key not in known
    ]
    return found


def loaded(text: str | None) -> dict[str, Any] | None:
    """Return JSON text as a dict, None where it is none."""
    value = json.loads(text) if text else None
    return value if isinstance(value, dict) else None


def _outward(
    key: str,
    ours: Mapping[str, Any] | None,
    agreed: Mapping[str, Any] | None,
    answered: Mapping[str, Any] | None,
    there: Mapping[str, Any] | None,
    both: Sequence[str],
) -> Compared:
    mine, before, after, now = (
        MISSING if side is None else side.get(key, MISSING) for side in (ours, agreed, answered, there)
    )
    return Compared(
        name=key,
        verdict=_verdict(mine, before, after, now, known=agreed is not None, gone=there is None),
        direction="both" if key in both else "out",
        ours=mine,
        agreed=before,
        answered=after,
        theirs=now,
    )


def _verdict(mine: Any, before: Any, after: Any, now: Any, *, known: bool, gone: bool) -> Verdict:
    if mine is MISSING or gone:
        return Verdict.UNKNOWN
    if now is MISSING:
        return Verdict.NOT_SHOWN
    if now == mine:
        return Verdict.SAME
    if not known:
        return Verdict.DIFFERS
    mine_changed = before is MISSING or mine != before
    theirs_changed = (before is MISSING or now != before) and (after is MISSING or now != after)
    if mine_changed and theirs_changed:
        return Verdict.BOTH
    if mine_changed:
        return Verdict.OURS
    return Verdict.THEIRS if theirs_changed else Verdict.SAME


def _inward(entry: Inward, answered: Mapping[str, Any] | None) -> Compared:
    verdict = Verdict.SAME if entry.same else Verdict.THEIRS
    return Compared(
        name=entry.name,
        verdict=Verdict.NOT_SHOWN if entry.theirs is MISSING else verdict,
        direction="in",
        ours=entry.ours,
        answered=(answered or {}).get(entry.name, MISSING),
        theirs=entry.theirs,
    )
