"""The local row behind a verb: found by an id, made once the remote agreed, removed after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist

from sync.connectors.pagination import MISSING
from sync.integrators.mapper import taken
from sync.models import Binding, Connection
from sync.models.database import alias
from sync.models.identity import pk_of

if TYPE_CHECKING:
    from django.db.models import Model

    from sync.integrators.object_type import ObjectType

OWN_REFERENCE = "object_id"
"""Models written for older packages keep the caller's reference in a column of this name."""


def find(spec: ObjectType, object_id: Any, *, by_key: bool = True) -> Model | None:
    """Return the row that an object id means, None where there is none.

    Args:
        spec: the object type.
        object_id: the value of the model's ``object_id`` column where it has one, else the primary key.
        by_key: look by primary key too where the model has such a column.
    """
    rows = spec.model._base_manager.using(alias())
    column = _own_reference(spec.model)
    if column is not None:
        reference = taken(column, object_id, strict=False)
        found: Model | None = rows.filter(**{OWN_REFERENCE: reference}).first() if reference is not MISSING else None
        if found is not None or not by_key:
            return found
    pk = pk_of(spec.model, str(object_id))
    row: Model | None = rows.filter(pk=pk).first() if pk is not None else None
    return row


def create(
    spec: ObjectType, connection: Connection, payload: Mapping[str, Any], shown: Any, object_id: Any = None
) -> Model:
    """Insert the row of an object that was created at the remote first, and return it.

    It is recorded as a change like any other: what the model's defaults add is sent, and where they add nothing it is
    found equal to what the remote took.

    Args:
        spec: the object type.
        connection: under which the parents' remote ids are known.
        payload: what was sent.
        shown: what the remote answered, for the fields that it owns; None where it showed nothing.
        object_id: the caller's reference, kept where the model has an ``object_id`` column.

    Raises:
        PayloadError: a field does not take its value.
        DatabaseError: the row cannot be inserted.
    """
    values = spec.mapper.row_values(payload) if spec.declared else _same_names(spec.model, payload)
    values.update(_parents(spec, connection, payload))
    if isinstance(shown, Mapping):
        values.update(spec.mapper.write_back(shown))
    if object_id is not None and _own_reference(spec.model) is not None:
        values[OWN_REFERENCE] = object_id
    row: Model = spec.model(**values)
    row.save(using=alias(), force_insert=True)
    return row


def _same_names(model: type[Model], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Without a declared mapping a payload's keys are the model's own names."""
    values = {}
    for field in model._meta.concrete_fields:
        if not field.primary_key and field.attname in payload:
            values[field.attname] = taken(field, payload[field.attname])
    return values


def _parents(spec: ObjectType, connection: Connection, payload: Mapping[str, Any]) -> dict[str, Any]:
    values = {}
    for parent in spec.parents:
        remote_id = payload.get(parent.target)
        if remote_id is None:
            continue
        bound = Binding.objects.using(alias()).filter(
            connection=connection, object_type=parent.via, remote_id=str(remote_id)
        )
        object_id = bound.values_list("object_id", flat=True).first()
        other = spec.model._meta.get_field(parent.field).related_model
        if object_id is not None and other is not None:
            values[parent.attname] = pk_of(other, object_id)
    return values


def _own_reference(model: type[Model]) -> Any:
    try:
        field = model._meta.get_field(OWN_REFERENCE)
    except FieldDoesNotExist:
        return None
    generic = any(getattr(other, "fk_field", "") == OWN_REFERENCE for other in model._meta.private_fields)
    return field if getattr(field, "concrete", False) and not field.is_relation and not generic else None
