"""How an incident is told."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import NoReverseMatch, reverse

from sync import conf
from sync.models import Incident, Notice
from sync.monitoring.alerts.channels import Message

FIRING = "firing"
RESOLVED = "resolved"
TEST = "test"

LISTED = 20
"""So many reasons are told at the most."""


def message(notices: Sequence[Notice]) -> Message:
    """Return one message for what is due on one channel.

    Args:
        notices: with their incidents, at least one.
    """
    first, *more = notices
    mark = {FIRING: "alert", RESOLVED: "recovered"}
    subject = f"[crudsync] {mark.get(first.event, first.event)}: {first.incident.title}"
    if more:
        subject += f" (and {len(more)} more)"
    return Message(
        id=_id(notices),
        subject=subject.replace("\n", " ").replace("\r", " ")[:250],
        text="\n\n".join(_told(one) for one in notices),
        events=[event(one.incident, one.event) for one in notices],
    )


def trial() -> Message:
    """Return the message of a test."""
    return Message(
        id="crudsync-test",
        subject="[crudsync] test",
        text="This is a test: messages about incidents arrive here.",
        events=[{"event": TEST}],
    )


def event(incident: Incident, what: str) -> Mapping[str, Any]:
    """Return an incident as a machine reads it. Times are ISO 8601."""
    return {
        "event": what,
        "incident": incident.pk,
        "title": incident.title,
        "theme": incident.theme,
        "integrator": incident.integrator,
        "began_at": incident.began_at.isoformat(),
        "resolved_at": incident.resolved_at.isoformat() if incident.resolved_at else None,
        "reasons": [_reason(reason) for reason in list(incident.reasons.values())[:LISTED]],
        "url": url(incident),
    }


def url(incident: Incident) -> str:
    """Return where an incident can be read, empty where the site's address is not known."""
    site = conf.current().site_url.rstrip("/")
    try:
        return f"{site}{reverse('admin:crudsync_incident_change', args=[incident.pk])}" if site else ""
    except NoReverseMatch:  # the host has no admin
        return ""


def _id(notices: Sequence[Notice]) -> str:
    """The same for the same notices alone: whoever drops what was told before would drop what is new beside it."""
    first, *more = (str(one.pk) for one in notices)
    return f"crudsync-{first}" + (f"-{hashlib.sha256('-'.join(more).encode()).hexdigest()[:16]}" if more else "")


def _told(notice: Notice) -> str:
    incident = notice.incident
    if notice.event == RESOLVED:
        lasted = (incident.resolved_at or incident.began_at) - incident.began_at
        head = f"Recovered after {round(lasted.total_seconds() / 60)} min: {incident.title}"
    else:
        head = f"Since {incident.began_at:%Y-%m-%d %H:%M} UTC: {incident.title}"
    reasons = list(incident.reasons.values())
    lines = [f"- {one['connection'] or 'all'}: {one.get('detail') or one['rule']} ({one['rule']})" for one in reasons]
    if len(lines) > LISTED:
        lines = [*lines[:LISTED], f"- and {len(lines) - LISTED} more"]
    return "\n".join([head, *lines, *([where] if (where := url(incident)) else [])])


def _reason(reason: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: reason.get(name) for name in ("rule", "connection", "value", "threshold", "detail", "since")}
