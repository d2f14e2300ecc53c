"""Which field of a model is which key of a payload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db.models import FileField

from sync.exceptions import ConfigurationError
from sync.secrets import is_secret_name

if TYPE_CHECKING:
    from django.db.models import Field, Model


class Direction(StrEnum):
    """Which side's value wins."""

    OUT = "out"
    IN = "in"
    BOTH = "both"


OUT = Direction.OUT
IN = Direction.IN
BOTH = Direction.BOTH


@dataclass(frozen=True, slots=True)
class Map:
    """One field of a model and its key in the payload.

    Args:
        field: name of a model field; for what only goes out also a property, or a path such as ``category.name``
            (which costs a query a row).
        target: key in the payload; a dotted path makes nested objects. Default: ``field``.
        direction: ``OUT`` is sent, ``IN`` is written back from the remote's answer, ``BOTH`` is both.
        via: for a relation: the object type of the other side in the same integrator; its remote id is sent, for a
            many-to-many field the list of remote ids.
        to: called with the value on its way out, before it is turned into JSON.
        back: called with the remote's value on its way in.
        default: sent in place of null.

    Raises:
        ConfigurationError: code ``bad_map``.
    """

    field: str
    target: str = ""
    _: KW_ONLY
    direction: Direction = OUT
    via: str = ""
    to: Callable[[Any], Any] | None = None
    back: Callable[[Any], Any] | None = None
    default: Any = None

    def __post_init__(self) -> None:
        field: Any = self.field
        if not isinstance(field, str) or not field:
            raise bad_map(f"a Map cannot be made of {self.field!r}", "give the name of a model field")
        target: Any = self.target or field
        object.__setattr__(self, "target", target)
        if not isinstance(target, str) or not all(target.split(".")):
            raise bad_map(f"{self.target!r} is no key of a payload", "give a name, or names joined by dots")
        if self.direction not in tuple(Direction):
            raise bad_map(f"{self.direction!r} is no direction", "give OUT, IN or BOTH")
        object.__setattr__(self, "direction", Direction(self.direction))
        for name in ("to", "back"):
            if getattr(self, name) is not None and not callable(getattr(self, name)):
                raise bad_map(f"{name}= of {self.field!r} cannot be called", "give a function of one argument")
        if self.via and (self.to or self.back or self.direction is not OUT):
            raise bad_map(f"via= of {self.field!r} goes with nothing else", "a reference is sent as it is, one way")

    @property
    def outward(self) -> bool:
        """True where the value is sent."""
        return self.direction is not IN

    @property
    def inward(self) -> bool:
        """True where the remote's value is written back."""
        return self.direction is not OUT


def default_fields(model: type[Model]) -> tuple[Map, ...]:
    """Return the mapping of a type that declares none: what is safe to send.

    These are the concrete editable fields, without the primary key, relations, files, and names like password, token
    or secret.

    Args:
        model: a concrete model, a proxy or a multi-table child.
    """
    return tuple(Map(field.name) for field in model._meta.concrete_fields if is_sent(field))


def is_sent(field: Field[Any, Any]) -> bool:
    """Return whether a field goes out where nothing is declared."""
    hidden = field.primary_key or field.is_relation or not field.editable or isinstance(field, FileField)
    return not hidden and not is_secret_name(field.name)


def as_maps(fields: Sequence[Map | str]) -> tuple[Map, ...]:
    """Return what ``fields=`` holds as maps.

    Args:
        fields: maps, or names of fields.

    Raises:
        ConfigurationError: code ``bad_map``: another kind of value, or two maps for one key.
    """
    if isinstance(fields, str | Map) or not isinstance(fields, Sequence):
        raise bad_map(f"fields cannot be a {type(fields).__name__}", "give a list of Map(...) and field names")
    maps = tuple(Map(entry) if isinstance(entry, str) else entry for entry in fields)
    others: list[Any] = [entry for entry in list[Any](maps) if not isinstance(entry, Map)]
    if others:
        raise bad_map(f"fields cannot hold a {type(others[0]).__name__}", "give a list of Map(...) and field names")
    if not maps:
        raise bad_map("fields is empty", "leave it out for the model's own fields")
    for side in ("outward", "inward"):
        _no_overlap([entry.target if side == "outward" else entry.field for entry in maps if getattr(entry, side)])
    return maps


def bad_map(message: str, hint: str) -> ConfigurationError:
    """Return the error of a mapping that cannot be."""
    return ConfigurationError(message, code="bad_map", hint=hint)


def _no_overlap(keys: Sequence[str]) -> None:
    taken = set(keys)
    if len(taken) != len(keys):
        twice = sorted(key for key in taken if keys.count(key) > 1)
        raise bad_map(f"{', '.join(twice)} is mapped twice", "leave one of them out")
    for key in keys:
        parts = key.split(".")
        for length in range(1, len(parts)):
            if ".".join(parts[:length]) in taken:
                raise bad_map(f"{key} lies within another key", "map either the whole or its parts")
