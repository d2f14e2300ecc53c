"""Messages that are due: queued with the incident, sent afterwards, and tried again for some hours."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.db import connections
from django.db.models import Exists, OuterRef, Q

from sync import conf
from sync.connectors import classify
from sync.exceptions import ConfigurationError
from sync.models import Incident, Notice
from sync.models.clock import now
from sync.models.database import alias, in_transaction
from sync.monitoring.alerts import channels, words
from sync.monitoring.alerts.channels import Channel
from sync.secrets import hushed, trace

logger = logging.getLogger("crudsync.alerts")

LEASE_S = 120.0
"""Whoever sends has so long; then another may."""

TRIES = 15
WAITS_S = (30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0)
"""Before the next try; the last one for all that follow: the fifteenth comes after ten hours."""

AT_ONCE = 50
"""Incidents in one message."""

LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What was sent: messages, and notices that were not sent this time."""

    messages: int = 0
    failed: int = 0


def queue(incident: Incident, event: str, using: str) -> None:
    """Make a message due on each channel of an incident, inside the caller's transaction.

    An incident that recovers is told of where its beginning was, or is still to be.
    """
    wanted = _told_of(incident, using) if event == words.RESOLVED else _to_tell(incident)
    number = Notice.objects.using(using).filter(incident=incident, event=event).values("number").distinct().count() + 1
    at = now(using)
    rows = [Notice(incident=incident, event=event, number=number, channel=name, due_at=at) for name in wanted]
    Notice.objects.using(using).bulk_create(rows, ignore_conflicts=True)


def _to_tell(incident: Incident) -> list[str]:
    """Its channels; where the settings know none of these any more, all there are: else nobody would hear of it."""
    known = channels.names()
    return [name for name in known if name in incident.channels] or known


def _told_of(incident: Incident, using: str) -> list[str]:
    begun = Notice.objects.using(using).filter(incident=incident, event=words.FIRING)
    told = set(begun.values_list("channel", flat=True))
    return [name for name in channels.names() if name in told]


def deliver() -> Delivered:
    """Send what is due, one message a channel; whoever else does so at the same time takes other messages."""
    using = alias()
    known = _known()
    sent = failed = 0
    due = Notice.objects.using(using).filter(due_at__lte=now(using))
    for name in due.order_by().values_list("channel", flat=True).distinct():
        error = ""
        while not error and (notices := in_transaction(partial(_claimed, name, using), using)):
            error = _sent(name, known.get(name), notices)
            _settle(notices, error, using)
            sent, failed = sent + (not error), failed + (len(notices) if error else 0)
    return Delivered(messages=sent, failed=failed)


def send_test(name: str) -> str:
    """Send a test message on a channel, and return why it was not sent; empty where it was."""
    return _attempt(name, channels.channels()[name], words.trial())


def _known() -> dict[str, Channel]:
    """The channels that can be: a wrong one takes none of the others with it."""
    found: dict[str, Channel] = {}
    for name, given in conf.current().alert_channels.items():
        try:
            found[name] = channels.channel(name, given)
        except ConfigurationError as error:
            logger.error("%s", error.message)  # noqa: TRY400 - the sentence says it all
    return found


def _claimed(name: str, using: str) -> list[Notice]:
    """Take what is due on a channel, the oldest first; a recovery waits for the message of its beginning."""
    at = now(using)
    notices = Notice.objects.using(using).filter(channel=name)
    begins = notices.filter(incident=OuterRef("incident"), event=words.FIRING, due_at__isnull=False)
    rows = notices.filter(~Q(event=words.RESOLVED) | ~Exists(begins), due_at__lte=at).order_by("pk")
    features = connections[using].features
    if features.has_select_for_update:
        rows = rows.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
    found = list(rows[:AT_ONCE])
    mine = Notice.objects.using(using).filter(pk__in=[row.pk for row in found])
    mine.update(due_at=at + dt.timedelta(seconds=LEASE_S))
    incidents = Incident.objects.using(using).in_bulk({row.incident_id for row in found})
    for row in found:
        row.incident = incidents[row.incident_id]
    return found


def _sent(name: str, channel: Channel | None, notices: Sequence[Notice]) -> str:
    if channel is None:
        return f"there is no channel {name!r}"
    return _attempt(name, channel, words.message(notices))


def _attempt(name: str, channel: Channel, message: channels.Message) -> str:
    try:
        channel.send(message)
    except Exception as error:  # noqa: BLE001 - mail backends raise what they like; it is tried again
        logger.warning("channel %s: no message was sent: %s", name, type(error).__name__)
        logger.debug("%s", trace(error))
        return classify.printable(hushed(f"{type(error).__name__}: {error}"), LONGEST) or type(error).__name__
    return ""


def _settle(notices: Sequence[Notice], error: str, using: str) -> None:
    """Record how it went; what somebody else has sent since our lease ended stays sent."""
    at = now(using)
    for row in notices:
        tries = row.tries + 1
        again_s = WAITS_S[min(tries - 1, len(WAITS_S) - 1)]
        due_at = at + dt.timedelta(seconds=again_s) if error and tries < TRIES else None
        mine = Notice.objects.using(using).filter(pk=row.pk)
        mine = mine.filter(tries=row.tries, sent_at=None) if error else mine
        mine.update(tries=tries, due_at=due_at, sent_at=None if error else at, error=error)
