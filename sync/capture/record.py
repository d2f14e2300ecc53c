"""Turn what happened to a row into changes, and ring for them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.core.serializers.json import DjangoJSONEncoder

from sync import outbox, registry, tracing, wake
from sync.capture.context import current
from sync.capture.lanes import BULK_FROM, lane_of
from sync.capture.triggers.installed import by_trigger
from sync.correlation import origin
from sync.faults import point
from sync.models import Kind
from sync.models.database import alias
from sync.models.identity import object_id_of
from sync.secrets import is_secret_name
from sync.types import Lane

if TYPE_CHECKING:
    from django.db.models import Model

CHUNK = 5000
"""Changes in one INSERT of a bulk write."""

RESOLVED_FOR_S = 5.0
"""How long a process remembers which connections a model's changes ring for."""

_rings: dict[str, tuple[float, tuple[int, ...]]] = {}


def watched(label: str, using: str) -> bool:
    """Return whether changes of this model are recorded here when they are written to this database.

    Not where a trigger in the database does it.
    """
    return bool(registry.types_for(label)) and using == alias() and not by_trigger(label, using)


def record(label: str, pk: object, using: str, *, kind: Kind = Kind.SAVE, snapshot: str | None = None) -> None:
    """Insert one change in the open transaction, and ring when it commits."""
    here = current()
    with tracing.capture(label):
        entry = outbox.Entry(
            model=label,
            object_id=object_id_of(pk),
            kind=kind.value,
            lane=lane_of(label),
            actor=here.actor,
            reason=here.reason,
            snapshot=snapshot,
        )
        outbox.add(entry, using)
    point("captured")
    wake.ring_on_commit(connections_for, label, using)


def record_many(label: str, pks: Sequence[object], using: str, *, kind: Kind = Kind.SAVE, bulk: bool = False) -> None:
    """Insert one change a row in the open transaction, and ring when it commits.

    Args:
        label: of the model.
        pks: its primary keys.
        using: alias of the database.
        kind: what happened to them.
        bulk: into the bulk lane, however few they are.
    """
    here = current()
    who, lane = here.actor, int(Lane.BULK) if bulk or len(pks) > BULK_FROM else lane_of(label)
    if not pks:
        return
    with tracing.capture(label, len(pks)):
        whence = origin.here()
        for start in range(0, len(pks), CHUNK):
            entries = [
                outbox.Entry(
                    model=label,
                    object_id=object_id_of(pk),
                    kind=kind.value,
                    lane=lane,
                    actor=who,
                    reason=here.reason,
                    origin=whence,
                )
                for pk in pks[start : start + CHUNK]
            ]
            outbox.add_many(entries, using)
    point("captured")
    wake.ring_on_commit(connections_for, label, using)


def connections_for(labels: set[str]) -> Iterable[int]:
    """Return the ids of the ``default`` connections of the integrators that these models feed."""
    found: dict[int, None] = {}
    for label in labels:
        found.update(dict.fromkeys(_connections_of(label)))
    return found


def snapshot_of(instance: Model) -> str:
    """Return the row's own values as JSON text, without deferred ones and without anything named like a secret."""
    values = {
        field.attname: instance.__dict__[field.attname]
        for field in instance._meta.concrete_fields
        if field.attname in instance.__dict__ and not is_secret_name(field.name)
    }
    return json.dumps(values, cls=_Encoder, skipkeys=True)


def _connections_of(label: str) -> tuple[int, ...]:
    at, ids = _rings.get(label, (0.0, ()))
    if ids and time.monotonic() - at < RESOLVED_FOR_S:
        return ids
    names = {cls.name for cls, _ in registry.types_for(label)}
    ids = tuple(registry.connection(name).pk for name in sorted(names))
    _rings[label] = (time.monotonic(), ids)
    return ids


class _Encoder(DjangoJSONEncoder):
    def default(self, o: object) -> object:
        try:
            return super().default(o)
        except (TypeError, ValueError):
            return str(o)
