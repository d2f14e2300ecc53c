"""Drain within the test until nothing is left to do."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from django.db.models import QuerySet

from sync import registry
from sync.drain import Report, drain
from sync.models import Binding, Gate, State
from sync.models.clock import now
from sync.models.database import alias
from sync.testing.surroundings import captured, capturing

DONE = (State.SYNCED, State.ABSENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What was done, summed over all connections and rounds.

    ``left`` counts, by state, the objects that are neither synced nor gone on both sides: waiting, held, dead.
    """

    taken: int = 0
    calls: int = 0
    succeeded: int = 0
    failed: int = 0
    unchanged: int = 0
    seconds: float = 0.0
    left: Mapping[str, int] = field(default_factory=dict)


def deliver(*, retries: int = 0, timeout_s: float = 10.0) -> Delivered:
    """Send what is due for every connection, again and again until nothing moves; no worker is needed.

    An object's rest after a send is skipped. What is in backoff, or behind a gate that the remote's answers shut, is
    left there unless ``retries`` says how many times it is brought forward. Works inside a ``TestCase`` too.

    Args:
        retries: how many times what failed is tried again at once.
        timeout_s: seconds until it must be quiet.

    Returns:
        What was done, and what is left.

    Raises:
        AssertionError: it is still not quiet after ``timeout_s``; the message names what is due.
    """
    began = time.monotonic()
    reports: list[Report] = []
    with nullcontext() if capturing() else captured():
        while True:
            if time.monotonic() - began > timeout_s:
                raise AssertionError(f"not quiet after {timeout_s} s; due: {_due()}")
            if _round(reports):
                continue
            if retries <= 0 or not _bring_forward():
                break
            retries -= 1
    return _summed(reports, time.monotonic() - began)


def _round(reports: list[Report]) -> bool:
    """Drain every connection once; return whether anything moved."""
    _end_rests()
    mine = [drain(connection.pk, wait=False) for connection in registry.ensure_connections()]
    reports.extend(mine)
    return any(report.moved or report.more for report in mine)


def _end_rests() -> None:
    """Make due now what only rests after a send. A test need not wait; no worker is there to mind."""
    using = alias()
    at = now(using)
    rows = Binding.objects.using(using).filter(leased=False)
    rows.filter(state=State.PENDING, due_at__gt=at).update(due_at=at)
    rows.filter(rests_until__gt=at).update(rests_until=at)


def _bring_forward() -> bool:
    """Make due now what is in backoff, and open what is shut only for a while; return whether there was anything."""
    using = alias()
    at = now(using)
    shut = Gate.objects.using(using).filter(blocked_until__gt=at)
    opened = shut.update(blocked_until=at - dt.timedelta(seconds=1), probe_until=None)
    later = Binding.objects.using(using).filter(leased=False, due_at__gt=at).exclude(state=State.WAITING)
    return bool(later.update(due_at=at) + opened)


def _summed(reports: list[Report], seconds: float) -> Delivered:
    return Delivered(
        taken=sum(report.taken for report in reports),
        calls=sum(report.calls for report in reports),
        succeeded=sum(report.succeeded for report in reports),
        failed=sum(report.failed for report in reports),
        unchanged=sum(report.unchanged for report in reports),
        seconds=round(seconds, 3),
        left=dict(Counter(_unfinished().values_list("state", flat=True))),
    )


def _unfinished() -> QuerySet[Binding]:
    return Binding.objects.using(alias()).exclude(state__in=DONE).order_by("pk")


def _due() -> str:
    rows = _unfinished().filter(due_at__isnull=False).select_related("connection")[:5]
    return "; ".join(f"{row.object_type} {row.object_id} ({row.connection}): {row.state} {row.code}" for row in rows)
