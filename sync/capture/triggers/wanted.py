"""Which models are to be captured by trigger, and which of them can be."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from django.apps import apps

from sync import registry
from sync.capture.lineage import children_of, concrete, parents_of
from sync.capture.triggers.keys import text_of
from sync.models.database import alias, is_postgres
from sync.registry import model_label

if TYPE_CHECKING:
    from django.db.models import Model

TRIGGER = "trigger"
Models = tuple[type["Model"], ...]


@functools.cache
def wished() -> Models:
    """Return the registered models that an object type of theirs, or of their family, wants captured by trigger.

    A row of a family is spread over several tables, so one way of capture serves all of it.
    """
    tables = list(dict.fromkeys(concrete(model) for model in registry.models()))
    asking = {table for table in tables if _asks(table)}
    found = {table for table in tables if asking & set(_family(table))}
    return tuple(table for table in tables if table in found)


@functools.cache
def wanted() -> Models:
    """Return those of them that can be: their database is PostgreSQL, django-pgtrigger is there, and their keys fit."""
    hindered = {one for table in wished() if hindrance(table) for one in _family(table)}
    return tuple(table for table in wished() if table not in hindered)


def labels() -> frozenset[str]:
    """Return the labels of the models to be captured by trigger, whether or not the triggers are installed."""
    return _labels()


def hindrance(table: type[Model]) -> str:
    """Return why a model cannot be captured by trigger, empty where it can."""
    if not is_postgres(alias()):
        return "the database is not PostgreSQL"
    if not apps.is_installed("pgtrigger"):
        return "'pgtrigger' is not in INSTALLED_APPS"
    if text_of(table, "row") is None:
        return f"the key of {table._meta.label} has no text form in SQL"
    return ""


def forget() -> None:
    """Forget what was found: something was registered since."""
    for remembered in (wished, wanted, _labels, _family):
        remembered.cache_clear()


@functools.cache
def _labels() -> frozenset[str]:
    return frozenset(model_label(table) for table in wanted())


def _asks(table: type[Model]) -> bool:
    return any(getattr(spec, "capture", "") == TRIGGER for _, spec in registry.types_for(model_label(table)))


@functools.cache
def _family(table: type[Model]) -> frozenset[type[Model]]:
    """Every model that shares a table with this one, in however many steps."""
    found: set[type[Model]] = set()
    open_: list[type[Model]] = [table]
    while open_:
        one = open_.pop()
        if one not in found:
            found.add(one)
            open_ += [*parents_of(one), *children_of(one)]
    return frozenset(found)
