"""What becomes of incidents by what rules see. Pure: rows are changed in memory, and written by whoever called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync.models import Incident, IncidentState, RuleKind
from sync.monitoring.alerts.readings import Reading

OUTAGE = "outage"
SYSTEM = "system"

THEMES = {
    RuleKind.OLDEST_UNSENT: OUTAGE,
    RuleKind.FAILURE_SHARE: OUTAGE,
    RuleKind.GATE_SHUT: OUTAGE,
    RuleKind.DEVIATION: OUTAGE,
    RuleKind.DEAD_LETTERS: "dead_letters",
    RuleKind.PAUSED: "paused",
    RuleKind.NO_SWEEP: SYSTEM,
    RuleKind.NO_WORKER: SYSTEM,
}
"""What has one cause is one incident."""

FOLLOWS = frozenset({RuleKind.OLDEST_UNSENT, RuleKind.DEVIATION})
"""Where nobody works, these follow, everywhere: no news."""

GROUP_S = 600.0
"""Accounts of one remote that fail within so many seconds of one another fail by one cause."""


@dataclass
class Judged:
    """What an evaluation changed. A pending incident that came to nothing is in ``dropped``."""

    changed: list[Incident] = field(default_factory=list)
    dropped: list[Incident] = field(default_factory=list)
    opened: list[Incident] = field(default_factory=list)
    again: list[Incident] = field(default_factory=list)
    resolved: list[Incident] = field(default_factory=list)


def judge(live: Iterable[Incident], readings: Sequence[Reading], at: dt.datetime) -> Judged:
    """Return what becomes of incidents.

    Args:
        live: those that are not over.
        readings: what every rule in force sees; a reason that none of them is about any more has recovered.
        at: now.
    """
    incidents = list(live)
    holders = {slot: incident for incident in incidents for slot in incident.reasons}
    idle = any(one.rule.of_system and one.rule.breached(one.value) for one in readings)
    for reading in readings:
        holder = holders.get(reading.slot)
        if reading.blind:
            continue
        if holder is not None:
            _note(holder, reading, at)
        elif reading.rule.breached(reading.value) and not (idle and reading.rule.kind in FOLLOWS):
            _join(incidents, reading, at)
    seen = {reading.slot for reading in readings}
    judged = Judged()
    for incident in incidents:
        _forget(incident, seen, at)
        _judge(incident, at, judged)
    return judged


def _join(incidents: list[Incident], reading: Reading, at: dt.datetime) -> None:
    incident = next((one for one in incidents if _belongs(one, reading, at)), None)
    if incident is None:
        theme, row = THEMES[RuleKind(reading.rule.kind)], reading.connection
        key = theme if row is None else f"{theme}:{row.pk}"
        incident = Incident(
            key=key, live=key, theme=theme, integrator=row.integrator if row else "", reasons={}, began_at=at
        )
        incidents.append(incident)
    incident.reasons[reading.slot] = {
        "rule": reading.rule.name,
        "kind": str(reading.rule.kind),
        "connection": str(reading.connection or ""),
        "since": at.isoformat(),
    }
    _note(incident, reading, at)


def _belongs(incident: Incident, reading: Reading, at: dt.datetime) -> bool:
    """Whether a new reason is of an incident that there is."""
    theme, row = THEMES[RuleKind(reading.rule.kind)], reading.connection
    if incident.theme != theme:
        return False
    if row is None or incident.key == f"{theme}:{row.pk}":
        return True
    if any(reason["connection"] == str(row) for reason in incident.reasons.values()):
        return True
    young = (at - incident.began_at).total_seconds() <= GROUP_S
    return theme == OUTAGE and incident.integrator == row.integrator and young


def _note(incident: Incident, reading: Reading, at: dt.datetime) -> None:
    rule, reason = reading.rule, incident.reasons[reading.slot]
    reason |= {
        "threshold": rule.threshold,
        "for_s": rule.for_s,
        "quiet_s": rule.quiet_s,
        "renotify_s": rule.renotify_s,
        "channels": list(rule.channels),
        "breached": rule.breached(reading.value),
    }
    if reading.value is not None:
        reason |= {"value": round(reading.value, 3)}
    if reading.detail and not rule.recovered(reading.value):
        reason |= {"detail": reading.detail[:300]}
    if not rule.recovered(reading.value):
        reason["clear_since"] = None
    elif not reason.get("clear_since"):
        reason["clear_since"] = at.isoformat()
    if reason["breached"] and reason.get("cleared"):  # it comes back while others of the incident go on
        reason |= {"cleared": False, "since": at.isoformat()}


def _forget(incident: Incident, seen: set[str], at: dt.datetime) -> None:
    """A rule that is no more in force, or a connection that is gone, has recovered.

    Not at once: while a new version is rolled out, one worker knows what another does not.
    """
    for slot, reason in incident.reasons.items():
        if slot not in seen:
            reason |= {"breached": False, "clear_since": reason.get("clear_since") or at.isoformat()}


def _judge(incident: Incident, at: dt.datetime, judged: Judged) -> None:
    if incident.state == IncidentState.PENDING:
        _judge_pending(incident, at, judged)
        return
    for reason in incident.reasons.values():
        since = reason.get("clear_since")
        reason["cleared"] = bool(since) and _age_s(since, at) >= reason["quiet_s"]
    judged.changed.append(incident)
    if all(reason["cleared"] for reason in incident.reasons.values()):
        incident.state, incident.resolved_at, incident.live = IncidentState.RESOLVED, at, None
        judged.resolved.append(incident)
        return
    every_s = [reason["renotify_s"] for reason in incident.reasons.values() if reason["renotify_s"] > 0]
    told = incident.told_at or incident.opened_at or at
    if every_s and (at - told).total_seconds() >= min(every_s):
        incident.told_at = at
        judged.again.append(incident)


def _judge_pending(incident: Incident, at: dt.datetime, judged: Judged) -> None:
    """What is not breached any more before its time is over was nothing."""
    incident.reasons = {slot: reason for slot, reason in incident.reasons.items() if reason["breached"]}
    if not incident.reasons:
        judged.dropped.append(incident)
        return
    judged.changed.append(incident)
    ripe = [one for one in incident.reasons.values() if _age_s(one["since"], at) >= one["for_s"]]
    if ripe:
        incident.state, incident.opened_at, incident.told_at = IncidentState.OPEN, at, at
        incident.title = title(incident, ripe[0])
        incident.channels = _channels(incident)
        judged.opened.append(incident)
    else:
        incident.title = title(incident, next(iter(incident.reasons.values())))


def title(incident: Incident, reason: dict[str, Any]) -> str:
    """Return what is wrong in one line."""
    names = sorted({one["connection"] for one in incident.reasons.values() if one["connection"]})
    where = incident.integrator if len(names) > 1 else "".join(names)
    more = f" (and {len(names) - 1} more accounts)" if len(names) > 1 else ""
    detail = reason.get("detail", "") or reason["rule"]
    return f"{where}{more}: {detail}"[:200] if where else detail[:200]


def _channels(incident: Incident) -> list[str]:
    """The channels of all its rules; one that names none means every channel."""
    named = [reason["channels"] for reason in incident.reasons.values()]
    return [] if not all(named) else sorted({name for names in named for name in names})


def _age_s(since: str, at: dt.datetime) -> float:
    return (at - dt.datetime.fromisoformat(since)).total_seconds()
