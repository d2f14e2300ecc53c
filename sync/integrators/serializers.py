"""A Django REST framework serializer as a mapping. Known by its shape: this room does not import the framework."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Manager

from sync.exceptions import CrudSyncError, PayloadError
from sync.integrators.mapper import ModelMapper
from sync.integrators.mapping import Map
from sync.integrators.values import json_value
from sync.secrets import is_secret_name
from sync.types import type_json

if TYPE_CHECKING:
    from django.db.models import Model


class SerializerMapper:
    """Payloads made by a serializer, in the form that its API would be written to.

    That is what the serializer shows, without the row's own key, and with its write-only fields: a write-only
    ``category_id`` beside a read-only nested ``category`` takes its place. This holds at every depth. Write-only fields
    named like a secret stay here.

    Args:
        model: of the rows.
        serializer: the class.
        maps: laid over what the serializer gives; references (``via``) and write-back are declared here.
        binary: the body is sent as bytes.
        strangers: as for ModelMapper.
    """

    def __init__(
        self,
        model: type[Model],
        serializer: type[Any],
        maps: Sequence[Map],
        *,
        binary: bool = False,
        strangers: Collection[str] = (),
    ) -> None:
        self.model = model
        self.serializer = serializer
        self.binary = binary
        self._overlay = ModelMapper(model, maps, binary=binary, strangers=strangers)
        self._local = threading.local()
        self.parents = self._overlay.parents
        self.many = self._overlay.many
        self.inward = self._overlay.inward
        self.inward_keys = self._overlay.inward_keys
        self.keys: Mapping[str, str] = {**dict(self._sources()), **self._overlay.keys}

    def payload(self, instance: Any, remote_ids: Mapping[str, Any]) -> dict[str, type_json]:
        """Return what is sent for a row.

        Raises:
            PayloadError: the serializer raised, or a value has no JSON form.
        """
        try:
            shown = represent(self._serializer(), instance)
        except CrudSyncError:
            raise
        except Exception as error:  # the host's serializer; it holds its own object only
            raise PayloadError(f"{self.serializer.__name__} raised {type(error).__name__}: {error}") from error
        out = {name: json_value(value, name, binary=self.binary) for name, value in shown.items()}
        return {**out, **self._overlay.payload(instance, remote_ids)}

    def parent_ids(self, instance: Any) -> dict[str, str | None]:
        """Return the object ids of a row's parents by key of the payload; None where it has none."""
        return self._overlay.parent_ids(instance)

    def many_ids(self, instance: Any) -> dict[str, tuple[str, ...]]:
        """Return the object ids behind a row's many-to-many fields by key of the payload."""
        return self._overlay.many_ids(instance)

    def write_back(self, data: type_json) -> dict[str, Any]:
        """Return the remote's values for the fields that the maps declare ``IN`` or ``BOTH``."""
        return self._overlay.write_back(data)

    def row_values(self, payload: Mapping[str, type_json]) -> dict[str, Any]:
        """Return the values of a new row by field, from a payload that was sent.

        Raises:
            PayloadError: a field does not take its value.
        """
        mapped = {entry.field for entry in self._overlay.maps}
        sources = [(source, key) for source, key in self._sources() if source not in mapped]
        plain = [Map(source, key) for source, key in sources if self._is_column(source)]
        return {**ModelMapper(self.model, plain).row_values(payload), **self._overlay.row_values(payload)}

    def _is_column(self, source: str) -> bool:
        return any(field.name == source and not field.is_relation for field in self.model._meta.concrete_fields)

    def _sources(self) -> Iterator[tuple[str, str]]:
        for name, field in self._serializer().fields.items():
            yield str(field.source), name

    def _serializer(self) -> Any:
        # One a thread: making one copies every field. A list serializer reuses its child for each row likewise.
        if not hasattr(self._local, "serializer"):
            self._local.serializer = self.serializer()
        return self._local.serializer


def represent(serializer: Any, instance: Any) -> dict[str, Any]:
    """Return what a serializer would be written: what it shows, its write-only fields in place of their twins.

    Args:
        serializer: an instance, or a nested one within another.
        instance: what it shows.
    """
    shown = dict(serializer.to_representation(instance))
    written = {field.source for field in serializer.fields.values() if field.write_only}
    for name, field in serializer.fields.items():
        if field.write_only:
            if _is_written(field, name, instance):
                shown[name] = _value(field, instance)
        elif field.read_only and (field.source in written or _is_key(field, instance)):
            shown.pop(name, None)
        elif shown.get(name) is not None and _nests(field):
            shown[name] = _nested(field, field.get_attribute(instance))
    return shown


def references(serializer: type[Any], model: type[Model]) -> list[tuple[str, str, type[Any]]]:
    """Return (model field, key, model of the other side) for each field that shows a foreign key as a primary key.

    Args:
        serializer: the class.
        model: of the rows.
    """
    found = []
    for name, field in serializer().fields.items():
        column = next((one for one in model._meta.concrete_fields if one.name == field.source), None)
        if column is not None and column.is_relation and hasattr(field, "pk_field"):
            found.append((column.name, name, column.related_model))
    return found  # type: ignore[return-value]


def _is_written(field: Any, name: str, instance: Any) -> bool:
    if is_secret_name(name) or is_secret_name(field.source):
        return False
    return field.source == "*" or hasattr(instance, field.source.partition(".")[0])


def _is_key(field: Any, instance: Any) -> bool:
    return hasattr(instance, "_meta") and field.source in ("pk", instance._meta.pk.name)


def _value(field: Any, instance: Any) -> Any:
    value = field.get_attribute(instance)
    if value is None:
        return None
    return _nested(field, value) if _nests(field) else field.to_representation(value)


def _nests(field: Any) -> bool:
    return hasattr(getattr(field, "child", field), "fields")


def _nested(field: Any, value: Any) -> Any:
    if hasattr(field, "child"):
        rows = value.all() if isinstance(value, Manager) else value
        return [represent(field.child, row) for row in rows]
    return represent(field, value)
