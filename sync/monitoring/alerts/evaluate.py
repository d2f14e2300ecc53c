"""One evaluation: read, judge, write, announce. Two at once, as by two beats, are one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, Q

from sync import conf, signals
from sync.models import Incident, Sweep
from sync.models.clock import now
from sync.models.database import alias, briefly, in_transaction
from sync.monitoring.alerts import notices
from sync.monitoring.alerts.incidents import Judged, judge
from sync.monitoring.alerts.readings import Reading, readings
from sync.monitoring.alerts.rules import rules
from sync.monitoring.alerts.words import FIRING, RESOLVED

NAME = "alerts"
APART_S = 20.0
"""Two evaluations are at least so far apart; beat asks for one a minute."""

CHUNK = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an evaluation did: ids of incidents; ``read`` is how many values were looked at."""

    read: int = 0
    opened: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    resolved: tuple[int, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether anything began or ended."""
        return bool(self.opened or self.again or self.resolved)


def evaluate(*, at_once: bool = False) -> Evaluation | None:
    """Look at every rule, and begin and end incidents.

    Args:
        at_once: even where the last evaluation was a moment ago.

    Returns:
        None where another process has just done so, or the engine is switched off.
    """
    using = alias()
    if not conf.current().enabled or not _won(using, at_once=at_once):
        return None
    found = readings(rules())
    at = now(using)
    judged = in_transaction(lambda: _written(found, at, using), using)
    _announce(judged)
    return Evaluation(
        read=len(found),
        opened=tuple(row.pk for row in judged.opened),
        again=tuple(row.pk for row in judged.again),
        resolved=tuple(row.pk for row in judged.resolved),
    )


def prune(older_than_s: float) -> int:
    """Remove incidents that were over so many seconds ago, with their messages; return how many."""
    using = alias()
    edge = now(using) - dt.timedelta(seconds=older_than_s)
    old = Incident.objects.using(using).filter(resolved_at__lt=edge)
    total = 0
    while ids := list(old.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        Incident.objects.using(using).filter(pk__in=ids).delete()
        total += len(ids)
    return total


def _won(using: str, *, at_once: bool) -> bool:
    """Return whether this process evaluates: one compare-and-swap of when it was last done."""
    at = now(using)
    _, made = Sweep.objects.using(using).get_or_create(name=NAME, defaults={"at": at})
    if made or at_once:
        Sweep.objects.using(using).filter(name=NAME).update(at=at)
        return True
    apart = dt.timedelta(seconds=APART_S)
    ahead = Q(at__gte=at + apart)  # the database's clock was put back, or another server took over
    last = Sweep.objects.using(using).filter(Q(at__lte=at - apart) | ahead, name=NAME)
    return bool(last.update(at=at))


def _written(found: Sequence[Reading], at: dt.datetime, using: str) -> Judged:
    """Judge what was seen. Nobody else does meanwhile: an incident that two had ended would be told of twice."""
    briefly(using)
    Sweep.objects.using(using).filter(name=NAME).update(at=F("at"))  # a lock, and SQLite's one writer is us
    judged = judge(Incident.objects.using(using).filter(live__isnull=False).order_by("pk"), found, at)
    for row in judged.dropped:
        if row.pk is not None:
            row.delete(using=using)
    for row in judged.changed:
        row.save(using=using)
    for rows, event in ((judged.opened, FIRING), (judged.again, FIRING), (judged.resolved, RESOLVED)):
        for row in rows:
            notices.queue(row, event, using)
    return judged


def _announce(judged: Judged) -> None:
    if not signals.alerted.has_listeners():
        return
    for rows, event in ((judged.opened, FIRING), (judged.again, FIRING), (judged.resolved, RESOLVED)):
        for row in rows:
            signals.announce(lambda row=row, event=event: _told(row, event))  # type: ignore[misc]


def _told(row: Incident, event: str) -> None:
    signals.alerted.send_robust(sender=Incident, incident=row, event=event)
