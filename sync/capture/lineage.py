"""Which models share rows: proxies, and the parents and children of multi-table inheritance."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps

if TYPE_CHECKING:
    from django.db.models import Model


class Link(NamedTuple):
    """How a child's table refers to the table of its parent: by one column each."""

    child: type[Model]
    column: str
    parent: type[Model]
    target: str


def concrete(model: type[Model]) -> type[Model]:
    """Return the model whose table this one lives in: itself, unless it is a proxy."""
    return model._meta.concrete_model or model


@functools.cache
def standing_for(table: type[Model]) -> tuple[type[Model], ...]:
    """Return the model of a table and its proxies: a delete is announced under the class that it was called on."""
    return (table, *(model for model in apps.get_models() if model._meta.proxy and concrete(model) is table))


@functools.cache
def parents_of(table: type[Model]) -> tuple[type[Model], ...]:
    """Return every model whose table holds a part of this one's rows."""
    return tuple(parent for parent in table._meta.get_parent_list() if not parent._meta.proxy)


@functools.cache
def children_of(table: type[Model]) -> tuple[type[Model], ...]:
    """Return every model that keeps a part of its rows in this one's table."""
    return tuple(model for model in apps.get_models() if not model._meta.proxy and table in parents_of(model))


def links(child: type[Model], ancestor: type[Model]) -> Iterator[Link]:
    """Yield the links that lead from a child's table up to an ancestor's, the child's own first; none to itself."""
    here = child
    while here is not ancestor:
        field: Any = here._meta.get_ancestor_link(ancestor)
        parent = concrete(field.remote_field.model)
        yield Link(here, field.column, parent, field.target_field.column)
        here = parent


def forget() -> None:
    """Forget which models there are: some may have been defined since."""
    for remembered in (standing_for, parents_of, children_of):
        remembered.cache_clear()
