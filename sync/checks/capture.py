"""Checks of capture: triggers that cannot be, or are not, in the database, and what writes rows past capture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, register
from django.db.models import ForeignKey, Model, QuerySet

from sync import registry
from sync.capture import SyncQuerySet
from sync.capture.lineage import concrete, standing_for
from sync.capture.triggers import installation, wanted
from sync.checks.messages import TAG, message
from sync.checks.settings import current
from sync.models.database import alias
from sync.registry import model_label


@register(TAG)
def check_triggers(databases: Any = None, **_given: Any) -> list[CheckMessage]:
    """Name models that no trigger can capture, and, with ``--database``, triggers that are not as they should be."""
    if current() is None:
        return []
    return [*_hindered(), *(_astray() if databases and alias() in databases else ())]


@register(TAG, deploy=True)
def check_bypass(**_given: Any) -> list[CheckMessage]:
    """Name, for each model, what writes its rows past capture."""
    if current() is None:
        return []
    tables = dict.fromkeys(concrete(model) for model in registry.models())
    return [found for table in sorted(tables, key=lambda model: model._meta.label) for found in _bypass(table)]


def _hindered() -> Iterator[CheckMessage]:
    for table in wanted.wished():
        if why := wanted.hindrance(table):
            yield message("E020", f"{table._meta.label} cannot be captured by trigger: {why}.", obj=table)


def _astray() -> Iterator[CheckMessage]:
    for one in installation.standing():
        if one.state != installation.INSTALLED:
            yield message("W022", f"The trigger {one.name} of {one.table} is {one.state}.")


def _bypass(table: type[Model]) -> Iterator[CheckMessage]:
    ways = [] if table in wanted.wanted() else [*_managers(table), *_throughs(table), *_cascades(table)]
    ways += _reading(table)
    if ways:
        yield message("I020", f"{table._meta.label} changes unseen by {'; by '.join(ways)}.", obj=table)


def _managers(table: type[Model]) -> Iterator[str]:
    """Bulk writes through managers that are not made of SyncQuerySet."""
    plain = {
        f"{model.__name__}.{manager.name}"
        for model in standing_for(table)
        for manager in model._meta.managers
        if not issubclass(getattr(manager, "_queryset_class", QuerySet), SyncQuerySet)
    }
    if plain:
        yield f"bulk writes through {', '.join(sorted(plain))}"


def _throughs(table: type[Model]) -> Iterator[str]:
    """Rows of a relation's own model that are saved or deleted directly."""
    for field in table._meta.many_to_many:
        through: Any = field.remote_field.through
        if not through._meta.auto_created and not registry.types_for(model_label(through)):
            yield f"rows of {through._meta.label}"


def _cascades(table: type[Model]) -> Iterator[str]:
    """Foreign keys whose cascade is the database's (``DB_CASCADE`` and its like, where Django has them)."""
    for field in table._meta.concrete_fields:
        if isinstance(field, ForeignKey) and type(field.remote_field.on_delete).__name__ == "DatabaseOnDelete":
            yield f"the database's own cascade along {field.name}"


def _reading(table: type[Model]) -> list[str]:
    """Rows of other models that the payload reads, as far as that can be known."""
    found: dict[str, None] = {}
    for _, spec in registry.types_for(model_label(table)):
        for entry in getattr(spec, "fields", None) or ():
            path = getattr(entry, "field", "")
            if "." in path and getattr(entry, "outward", False):
                found[f"an edit of what {path} leads to"] = None
        for name, nested in getattr(getattr(spec, "serializer", None), "_declared_fields", {}).items():
            meta = getattr(getattr(nested, "child", nested), "Meta", None)
            if (other := getattr(meta, "model", None)) is not None and concrete(other) is not table:
                found[f"an edit of {other._meta.label}, shown as {name}"] = None
    return list(found)
