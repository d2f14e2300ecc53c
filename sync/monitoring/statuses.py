"""The states of many objects in two queries, kept on the instances: for lists, and for the user's own pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models.functions import Now
from django.utils import timezone
from django.utils.safestring import SafeString

from sync.models import Binding
from sync.models.identity import object_id_of
from sync.monitoring import inbox
from sync.monitoring.badge import badges
from sync.monitoring.verdict import verdict
from sync.registry import model_label

if TYPE_CHECKING:
    from django.db.models import Model

KEPT = "_crudsync_statuses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """An object's bindings with their connections, whether a change of it lies in the inbox, and when that was read."""

    bindings: Sequence[Binding] = ()
    changed: bool = False
    at: dt.datetime | None = None

    @property
    def badges(self) -> SafeString:
        """One badge per connection, or one for all."""
        return badges(self.bindings, changed=self.changed)

    @property
    def sentence(self) -> str:
        """What became of it, a sentence per connection; empty where no worker and nobody knows it."""
        now = self.at or timezone.now()
        said = [
            verdict(row, row.connection, getattr(row.connection, "gate", None), now=now, changed=self.changed)
            for row in self.bindings
        ]
        return " ".join(each.sentence for each in said)


def read_statuses(objects: Iterable[Model]) -> None:
    """Read the states of objects, and keep them on the instances: two queries for each model among them.

    Args:
        objects: saved instances; those of a model that is not registered are simply not synced.
    """
    by_label: dict[str, list[Model]] = {}
    for obj in objects:
        by_label.setdefault(model_label(type(obj)), []).append(obj)
    for label, rows in by_label.items():
        _read(label, rows)


def statuses_of(obj: Model) -> Statuses:
    """Return an object's states: those that were kept, else they are read now, in two queries."""
    kept: Statuses | None = getattr(obj, KEPT, None)
    if kept is None:
        read_statuses([obj])
        kept = getattr(obj, KEPT)
    return kept


def _read(label: str, rows: Sequence[Model]) -> None:
    ids = [object_id_of(row.pk) for row in rows]
    found: dict[str, list[Binding]] = {}
    at = None
    for binding in (
        Binding.objects.filter(model=label, object_id__in=ids)
        .select_related("connection__gate")
        .annotate(read_at=Now())
        .order_by("connection_id", "object_type")
    ):
        found.setdefault(binding.object_id, []).append(binding)
        at = binding.read_at  # the database's own time: all waits are told by it
    changed = inbox.waiting(label, ids)
    for row, object_id in zip(rows, ids, strict=True):
        setattr(row, KEPT, Statuses(bindings=found.get(object_id, ()), changed=object_id in changed, at=at))
