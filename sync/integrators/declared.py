"""What an integrator class declares: its object types and constraints, checked once."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from django.core.signals import setting_changed

from sync import conf
from sync.connectors.pagination import MISSING, at
from sync.exceptions import ConfigurationError, ConstraintViolation, CrudSyncError, PayloadError
from sync.integrators.choices import known
from sync.integrators.hooks import overridden
from sync.integrators.object_type import ObjectType, object_type_of
from sync.integrators.values import json_value

Forbidden = tuple[str, str, tuple[Any, ...]]
"""A field as the constraint names it, its key in the payload, and the values that it must not have."""

_types: weakref.WeakKeyDictionary[type[Any], dict[str, ObjectType]] = weakref.WeakKeyDictionary()
_constraints: weakref.WeakKeyDictionary[type[Any], dict[str, tuple[Forbidden, ...]]] = weakref.WeakKeyDictionary()


def definitions(cls: type[Any]) -> dict[str, Any]:
    """Return the object types of a class as they are written: ``object_types``, overlaid by set_object_types().

    Raises:
        ConfigurationError: it is no dict, or set_object_types() raises.
    """
    return _declared(cls, "object_types", "set_object_types")


def forbidden(cls: type[Any]) -> dict[str, Any]:
    """Return the forbidden values of a class as they are written: ``data_constraints``, and set_data_constraints().

    Raises:
        ConfigurationError: it is no dict, or set_data_constraints() raises.
    """
    return _declared(cls, "data_constraints", "set_data_constraints")


def types(cls: type[Any]) -> dict[str, ObjectType]:
    """Return the object types of a class by name, checked; made once.

    Raises:
        ConfigurationError: one of them is wrong; the message names class and type.
    """
    found = _types.get(cls)
    if found is None:
        found = _types[cls] = _checked_types(cls)
    return found


def constraints(cls: type[Any], object_type: str) -> tuple[Forbidden, ...]:
    """Return the forbidden values of one object type.

    Raises:
        ConfigurationError: they are no dict of dicts, or name an unknown type.
    """
    found = _constraints.get(cls)
    if found is None:
        found = _constraints[cls] = _checked_constraints(cls)
    return found.get(object_type, ())


def enforce(rules: Sequence[Forbidden], data: Any) -> None:
    """Check a payload against forbidden values.

    Args:
        rules: as constraints() returns them.
        data: the payload; a field that it lacks violates nothing.

    Raises:
        ConstraintViolation: code ``data_constraint``; names the field, and its value where that is short.
    """
    for field, key, values in rules:
        value = at(data, key, MISSING)
        if value is MISSING:
            value = at(data, field, MISSING)
        if value is not MISSING and any(value == bad and type(value) is type(bad) for bad in values):
            raise ConstraintViolation(
                f"{field} must not be {str(value)[:50]!r}", hint="set_data_constraints() forbids it; correct the row"
            )


def _checked_types(cls: type[Any]) -> dict[str, ObjectType]:
    try:
        made = {str(name): object_type_of(str(name), given) for name, given in definitions(cls).items()}
        siblings = {name: spec.resolved_model() for name, spec in made.items()}
        free = overridden(cls, "set_data") or any(hasattr(model, "dict") for model in siblings.values())
        return {name: spec.bound(name, siblings, free=free) for name, spec in made.items()}
    except ConfigurationError as error:
        error.args = (f"{cls.__name__}: {error.message}",)
        raise


def _checked_constraints(cls: type[Any]) -> dict[str, tuple[Forbidden, ...]]:
    given = forbidden(cls)
    specs = types(cls)
    known(given, specs, f"set_data_constraints() of {cls.__name__}")
    return {str(name): _rules(cls, specs[str(name)], fields) for name, fields in given.items()}


def _rules(cls: type[Any], spec: ObjectType, fields: Any) -> tuple[Forbidden, ...]:
    if not isinstance(fields, Mapping):
        raise ConfigurationError(
            f"set_data_constraints() of {cls.__name__}: {spec.name!r} cannot be {fields!r}",
            code="bad_constraint",
            hint='give {"field": ["forbidden value", …]}',
        )
    return tuple((str(field), spec.mapper.keys.get(field, str(field)), _values(bad)) for field, bad in fields.items())


def _values(given: Any) -> tuple[Any, ...]:
    """Return forbidden values in the form they have in a payload; a text is one value, not its letters."""
    several = isinstance(given, Sequence | AbstractSet) and not isinstance(given, str | bytes)
    values = tuple(given) if several else (given,)
    try:
        return tuple(json_value(value, "a forbidden value") for value in values)
    except PayloadError as error:
        raise ConfigurationError(error.message, code="bad_constraint", hint=error.hint) from error


def _declared(cls: type[Any], attribute: str, method: str) -> dict[str, Any]:
    own = inspect.getattr_static(cls, attribute, None)
    given = _asked(cls, method)
    for value in (own if isinstance(own, Mapping) else {}, given):
        if not isinstance(value, Mapping):
            raise ConfigurationError(
                f"{method}() of {cls.__name__} returned a {type(value).__name__}",
                code="bad_object_type" if attribute == "object_types" else "bad_constraint",
                hint="return a dict by object type",
            )
    return {**(own if isinstance(own, Mapping) else {}), **given}


def _asked(cls: type[Any], method: str) -> Any:
    try:
        return getattr(cls, method)()
    except CrudSyncError:
        raise
    except TypeError as error:
        raise ConfigurationError(
            f"{method}() of {cls.__name__} cannot be called on the class: {error}",
            code="not_static",
            hint="make it a @staticmethod",
        ) from error


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.SETTING:  # types hold defaults of the settings
        _types.clear()
        _constraints.clear()


setting_changed.connect(_forget, dispatch_uid="crudsync.declared")
