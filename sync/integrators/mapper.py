"""A mapping compiled for one model: rows to payloads, and answers back to rows."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol

from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist, ValidationError
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query_utils import DeferredAttribute

from sync.connectors.pagination import MISSING, at
from sync.exceptions import CrudSyncError, PayloadError
from sync.integrators.mapping import Map, bad_map
from sync.integrators.values import PLAIN, json_value
from sync.models.identity import object_id_of
from sync.types import ParentSpec, type_json

if TYPE_CHECKING:
    from django.db.models import Model

COLUMNS = (DeferredAttribute, ForeignKeyDeferredAttribute)
"""Descriptors whose value is the one in the instance's dict."""

Step = Callable[[Any, dict[str, Any], Mapping[str, Any]], None]
"""Puts one value into a payload: takes the row, the payload, and the parents' remote ids."""


class Mapper(Protocol):
    """How rows of one object type become payloads.

    ``keys`` leads from a model field's name to its key in the payload, ``inward_keys`` from that of a field which is
    written back to its key in the answer. ``parents`` are the foreign keys sent as remote ids, ``many`` the
    many-to-many fields sent as lists of them; ``inward``: some fields are written back.
    """

    keys: Mapping[str, str]
    inward_keys: Mapping[str, str]
    inward: bool
    parents: tuple[ParentSpec, ...]
    many: tuple[ParentSpec, ...]

    def payload(self, instance: Any, remote_ids: Mapping[str, Any]) -> dict[str, type_json]:
        """Return what is sent for a row."""

    def parent_ids(self, instance: Any) -> dict[str, str | None]:
        """Return the object ids of a row's parents by key of the payload."""

    def many_ids(self, instance: Any) -> dict[str, tuple[str, ...]]:
        """Return the object ids behind a row's many-to-many fields by key of the payload."""

    def write_back(self, data: type_json) -> dict[str, Any]:
        """Return the remote's values for the fields that it owns."""

    def row_values(self, payload: Mapping[str, type_json]) -> dict[str, Any]:
        """Return the values of a new row from a payload that was sent."""


class ModelMapper:
    """The maps of one object type, resolved against its model once.

    Args:
        model: of the rows.
        maps: as declared, or the default ones.
        binary: the body is sent as bytes.
        strangers: values of ``via`` that the integrator has no type for: such a reference cannot be sent.

    Raises:
        ConfigurationError: code ``bad_map``: a field that is not there, or cannot be mapped so.
    """

    def __init__(
        self, model: type[Model], maps: Sequence[Map], *, binary: bool = False, strangers: Collection[str] = ()
    ) -> None:
        self.model = model
        self.maps = tuple(maps)
        self.binary = binary
        self.keys: Mapping[str, str] = {entry.field: entry.target for entry in self.maps if entry.outward}
        parents: list[ParentSpec] = []
        many: list[ParentSpec] = []
        self._plain: list[tuple[str, str]] = []
        self._steps: list[Step] = []
        for entry in self.maps:
            field = field_of(model, entry)
            if entry.via and entry.via in strangers:
                self._steps.append(_stranger(entry, field))
            elif entry.via:
                (many if field.many_to_many else parents).append(_parent(entry, field))
                self._steps.append(_reference(entry.target))
            elif entry.outward and _is_plain(model, field, entry):
                self._plain.append((entry.target, field.attname))
            elif entry.outward:
                self._steps.append(_step(entry, binary))
        self.parents = tuple(parents)
        self.many = tuple(many)
        self._inward = [(entry, field_of(model, entry)) for entry in self.maps if entry.inward]
        self.inward = bool(self._inward)
        self.inward_keys: Mapping[str, str] = {field.name: entry.target for entry, field in self._inward}

    def payload(self, instance: Any, remote_ids: Mapping[str, Any]) -> dict[str, type_json]:
        """Return what is sent for a row.

        Args:
            instance: of the model.
            remote_ids: remote ids of its parents by key of the payload; for many-to-many fields lists of them.

        Raises:
            PayloadError: a value has no JSON form, or ``to=`` raised.
        """
        values = instance.__dict__
        out: dict[str, type_json] = {}
        for target, attname in self._plain:
            try:
                value = values[attname]
            except KeyError:  # deferred
                value = getattr(instance, attname)
            out[target] = value if type(value) in PLAIN else json_value(value, attname, binary=self.binary)
        for step in self._steps:
            step(instance, out, remote_ids)
        return out

    def parent_ids(self, instance: Any) -> dict[str, str | None]:
        """Return the object ids of a row's parents by key of the payload; None where it has none."""
        found: dict[str, str | None] = {}
        for parent in self.parents:
            pk = _parent_pk(instance, parent)
            found[parent.target] = None if pk is None else object_id_of(pk)
        return found

    def many_ids(self, instance: Any) -> dict[str, tuple[str, ...]]:
        """Return the object ids behind a row's many-to-many fields by key of the payload, in the order of the keys."""
        return {parent.target: _related_ids(instance, parent.field) for parent in self.many}

    def write_back(self, data: type_json) -> dict[str, Any]:
        """Return the values that the remote's answer has for the fields mapped ``IN`` or ``BOTH``.

        Args:
            data: the object as the remote showed it; what it leaves out is left out here.

        Raises:
            PayloadError: code ``write_back``: a value that the field does not take; ``hook_error``: ``back=`` raised.
        """
        values: dict[str, Any] = {}
        for entry, field in self._inward:
            value = at(data, entry.target, MISSING) if data is not None else MISSING
            if value is not MISSING:
                values[field.name] = taken(field, _back(entry, value))
        return values

    def row_values(self, payload: Mapping[str, type_json]) -> dict[str, Any]:
        """Return the values of a new row by field, from a payload that was sent.

        References are left out: they are remote ids.

        Raises:
            PayloadError: as for write_back().
        """
        values: dict[str, Any] = {}
        for entry in self.maps:
            field = field_of(self.model, entry)
            value = at(payload, entry.target, MISSING)
            if value is MISSING or entry.via or getattr(field, "attname", None) is None or field.primary_key:
                continue
            values[field.attname] = taken(field, _back(entry, value))
        return values


def field_of(model: type[Model], entry: Map) -> Any:
    """Return the model field that a map names, None for a property or a path.

    Raises:
        ConfigurationError: code ``bad_map``.
    """
    first = entry.field.partition(".")[0]
    try:
        field: Any = model._meta.get_field(first)
    except FieldDoesNotExist:
        if not hasattr(model, first):
            raise _no_field(model, first) from None
        field = None
    if first != entry.field:
        field = None
    _check_direction(model, entry, field)
    _check_relation(model, entry, field)
    return field


def _no_field(model: type[Model], name: str) -> Exception:
    names = sorted({field.name for field in model._meta.get_fields()})
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"fields: {', '.join(names)}"
    return bad_map(f"{model._meta.label} has no field {name!r}", hint)


def _check_direction(model: type[Model], entry: Map, field: Any) -> None:
    if not entry.inward:
        return
    if field is None or not getattr(field, "concrete", False) or field.is_relation or field.primary_key:
        raise bad_map(
            f"{entry.field!r} of {model._meta.label} cannot be written back",
            "IN and BOTH are for plain columns: no key, no relation, no property",
        )


def _check_relation(model: type[Model], entry: Map, field: Any) -> None:
    relation = field is not None and field.is_relation
    forward = relation and not field.auto_created and field.remote_field is not None and not hasattr(field, "fk_field")
    if entry.via and not forward:
        raise bad_map(f"via= of {entry.field!r}: it is no foreign key of {model._meta.label}", "leave via= out")
    by_column = relation and getattr(field, "attname", None) == entry.field != field.name
    if relation and entry.outward and not (entry.via or entry.to or by_column):
        attname = getattr(field, "attname", None)
        column = f", or Map({attname!r}) for our own id" if attname not in (None, field.name) else ""
        raise bad_map(
            f"{entry.field!r} of {model._meta.label} is a relation",
            f"give via= for the remote id of the other side{column}, or to= for a value of your own",
        )


def _parent(entry: Map, field: Any) -> ParentSpec:
    return ParentSpec(
        field=field.name, attname=field.attname, via=entry.via, target=entry.target, nullable=bool(field.null)
    )


def _is_plain(model: type[Model], field: Any, entry: Map) -> bool:
    """Whether the value is simply the attribute of a column, and its key not a path."""
    if field is None or entry.to or entry.default is not None or "." in entry.target:
        return False
    attname = getattr(field, "attname", None)
    # A field with a descriptor of its own (files, encrypted fields) must be read through it.
    return attname is not None and type(getattr(model, attname, None)) in COLUMNS


def _step(entry: Map, binary: bool) -> Step:
    names = entry.field.split(".")
    path = entry.target.split(".")

    def run(instance: Any, out: dict[str, Any], _: Mapping[str, Any]) -> None:
        value = _read(instance, names)
        if entry.to is not None:
            value = _called(entry.to, value, f"to= of {entry.field!r}")
        if value is None:
            value = entry.default
        put(out, path, json_value(value, entry.field, binary=binary))

    return run


def _reference(target: str) -> Step:
    path = target.split(".")

    def run(_: Any, out: dict[str, Any], remote_ids: Mapping[str, Any]) -> None:
        value = remote_ids.get(target)
        put(out, path, list(value) if isinstance(value, list | tuple) else value)

    return run


def _stranger(entry: Map, field: Any) -> Step:
    path = entry.target.split(".")

    def run(instance: Any, out: dict[str, Any], _: Mapping[str, Any]) -> None:
        if field.many_to_many or getattr(instance, field.attname) is not None:
            raise PayloadError(
                f"{entry.field} refers to a {entry.via!r}, which this integrator does not sync",
                code="unknown_parent",
                hint=f"declare {entry.via!r} in set_object_types(), or leave the field out",
            )
        put(out, path, None)

    return run


def put(out: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set a value at a path of nested dicts, making those that are missing."""
    for part in path[:-1]:
        out = out.setdefault(part, {})
    out[path[-1]] = value


def _read(instance: Any, names: Sequence[str]) -> Any:
    try:
        return reduce(lambda value, name: None if value is None else getattr(value, name), names, instance)
    except ObjectDoesNotExist:  # the other side of a one-to-one that nobody has made
        return None
    except CrudSyncError:
        raise
    except Exception as error:  # a property of the host's; it holds its own object only
        raise PayloadError(f"{'.'.join(names)} raised {type(error).__name__}: {error}") from error


def _called(function: Callable[[Any], Any], value: Any, what: str) -> Any:
    try:
        return function(value)
    except CrudSyncError:
        raise
    except Exception as error:  # the host's code; it holds its own object only
        raise PayloadError(f"{what} raised {type(error).__name__}: {error}") from error


def _back(entry: Map, value: type_json) -> Any:
    return value if entry.back is None else _called(entry.back, value, f"back= of {entry.field!r}")


def taken(field: Any, value: Any, *, strict: bool = True) -> Any:
    """Return a value as a column stores it; one that the database would refuse is refused here.

    Args:
        field: of a model.
        value: from a remote, or of a caller.
        strict: False returns ``MISSING`` for a value that does not fit.

    Raises:
        PayloadError: code ``write_back``.
    """
    try:
        value = field.to_python(value)
        field.run_validators(value)
        fits, said = value is not None or field.null, "it cannot be null"
    except (ValidationError, ValueError, TypeError, OverflowError) as error:
        fits, said = False, "; ".join(error.messages) if isinstance(error, ValidationError) else type(error).__name__
    if fits:
        return value
    if not strict:
        return MISSING
    raise PayloadError(f"{field.name} does not take the remote's value: {said}", code="write_back")


def _parent_pk(instance: Any, parent: ParentSpec) -> Any:
    field = instance._meta.get_field(parent.field)
    if field.target_field.primary_key:
        return getattr(instance, parent.attname)
    related = _read(instance, [parent.field])  # a foreign key to a column that is not the key
    return None if related is None else related.pk


def _related_ids(instance: Any, name: str) -> tuple[str, ...]:
    prefetched = getattr(instance, "_prefetched_objects_cache", {}).get(name)
    if prefetched is not None:
        return tuple(sorted(object_id_of(row.pk) for row in prefetched))
    field = instance._meta.get_field(name)
    through = field.remote_field.through
    rows = through._base_manager.using(instance._state.db).filter(**{field.m2m_field_name(): instance.pk})
    pks = rows.values_list(f"{field.m2m_reverse_field_name()}__pk", flat=True)
    return tuple(sorted(object_id_of(pk) for pk in pks))
