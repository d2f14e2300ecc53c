"""Read the local rows of a claim: after it, in bulk, from the writer database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from sync.models.database import alias
from sync.models.identity import object_id_of, pk_of

if TYPE_CHECKING:
    from django.db.models import Model

    from sync.types import ObjectTypeSpec


def read(spec: ObjectTypeSpec, object_ids: Collection[str]) -> dict[str, Model]:
    """Return the rows that exist, by object id; managers of the host do not filter them.

    Args:
        spec: the object type.
        object_ids: primary keys as text; one that cannot be a key of the model has no row.
    """
    pks = [pk for pk in (pk_of(spec.model, object_id) for object_id in object_ids) if pk is not None]
    rows = spec.model._base_manager.using(alias()).filter(pk__in=pks)
    return {object_id_of(row.pk): row for row in rows}


def in_scope(spec: ObjectTypeSpec, rows: Mapping[str, Model]) -> tuple[set[str], dict[str, Exception]]:
    """Return the object ids of those rows that ``sync_when`` lets through, and what it raised for others.

    Args:
        spec: the object type; its ``sync_when`` is a Q, a callable over the instance, or None.
        rows: by object id.
    """
    condition: Any = spec.sync_when
    if condition is None:
        return set(rows), {}
    if isinstance(condition, Q):
        passing = spec.model._base_manager.using(alias()).filter(condition, pk__in=[row.pk for row in rows.values()])
        return {object_id_of(pk) for pk in passing.values_list("pk", flat=True)}, {}
    passed, raised = set(), {}
    for object_id, row in rows.items():
        try:
            if condition(row):
                passed.add(object_id)
        except Exception as error:  # noqa: BLE001 - the host's code; it concerns this row alone
            raised[object_id] = error
    return passed, raised
