"""One look at the remote: its listing beside our bindings, a batch at a time."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import Max, Q, QuerySet

from sync.bindings import LEFT
from sync.models import STUCK, Binding, Connection
from sync.models.database import alias
from sync.reconcile.idset import IdSet
from sync.reconcile.judge import agrees, too_many
from sync.types import type_json

T = TypeVar("T")

BATCH = 1000

Rows = Iterable[tuple[str, type_json]]
"""What a remote lists: the id of each object, and the object."""


@dataclass(slots=True, kw_only=True)
class Look:
    """What one listing showed: primary keys of bindings that differ, and that are missing."""

    listed: int = 0
    foreign: int = 0
    differ: IdSet = field(default_factory=IdSet)
    missing: IdSet = field(default_factory=IdSet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The bindings of one object type that a look is about, as they stood when it began.

    ``quiet_since`` is the database's time before which an object must have been settled: a newer one may be listed as
    it was before, or not yet. Bindings made later (a primary key above ``last``) are left out.
    """

    connection: Connection
    object_type: str
    quiet_since: dt.datetime
    last: int
    bound: int

    def bindings(self) -> QuerySet[Binding]:
        """Return those with a remote id."""
        return _bound(self.connection, self.object_type).filter(pk__lte=self.last)

    def settled(self) -> QuerySet[Binding]:
        """Return those that may be judged: nothing is due, nobody waits for a person, nothing was settled just now."""
        quiet = Q(synced_at__isnull=True) | Q(synced_at__lt=self.quiet_since)
        return self.bindings().filter(quiet, due_at__isnull=True).exclude(state__in=STUCK).exclude(code=LEFT)


def subject(connection: Connection, object_type: str, *, now: dt.datetime, lag_s: float) -> Subject:
    """Return what a look is about.

    Args:
        connection: whose bindings.
        object_type: its object type.
        now: the database's time.
        lag_s: seconds until the remote is sure to list a created object.
    """
    bound = _bound(connection, object_type)
    return Subject(
        connection=connection,
        object_type=object_type,
        quiet_since=now - dt.timedelta(seconds=lag_s),
        last=bound.aggregate(last=Max("pk"))["last"] or 0,
        bound=bound.count(),
    )


def look(about: Subject, rows: Rows, *, share: float) -> Look:
    """Read a listing to its end and compare it with the bindings.

    Takes the listing as a set: an object that comes twice counts as it came last. Stops reading early where so much
    differs that nothing may be asked for.

    Args:
        about: the bindings.
        rows: the listing.
        share: the largest share that may differ, 0 to 1.
    """
    found, seen = Look(), IdSet()
    for batch in batches(rows):
        found.listed += len(batch)
        _compare(about, dict(batch), found, seen)
        if too_many(len(found.differ), about.bound, share):
            return found
    _find_missing(about, found, seen)
    return found


def _compare(about: Subject, listed: dict[str, type_json], found: Look, seen: IdSet) -> None:
    mine = dict(about.bindings().filter(remote_id__in=listed).values_list("remote_id", "pk"))
    for pk in mine.values():
        seen.add(pk)
    found.foreign += len(listed) - len(mine)
    judged = about.settled().filter(pk__in=list(mine.values()))
    for pk, remote_id, sent, shown in judged.values_list("pk", "remote_id", "sent", "seen"):
        if agrees(sent, shown, listed[str(remote_id)]):
            found.differ.discard(pk)
        else:
            found.differ.add(pk)


def _find_missing(about: Subject, found: Look, seen: IdSet) -> None:
    last = 0
    while batch := list(about.settled().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        for pk in batch:
            if pk not in seen:
                found.missing.add(pk)
        last = batch[-1]


def object_ids(about: Subject, ids: Iterable[int]) -> Iterator[str]:
    """Yield the object ids of bindings, leaving out those that have become due meanwhile."""
    for batch in batches(ids):
        yield from about.settled().filter(pk__in=batch).order_by("pk").values_list("object_id", flat=True)


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    """Yield lists of up to a thousand."""
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, BATCH)):
        yield batch


def _bound(connection: Connection, object_type: str) -> QuerySet[Binding]:
    return Binding.objects.using(alias()).filter(
        connection=connection, object_type=object_type, remote_id__isnull=False
    )
