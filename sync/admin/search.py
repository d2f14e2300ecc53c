"""Find bindings by a local or a remote id, through an index, and filter them without looking at all of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sync import registry
from sync.models import Binding, Connection

FOUND = 1000
"""Of more that begin alike, only some are shown."""


class ObjectTypeFilter(admin.SimpleListFilter):
    """By object type: the choices are those that are registered, as the table may be large."""

    title = _("object type")
    parameter_name = "object_type"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:  # noqa: ARG002
        """Return the registered object types."""
        return [(name, name) for name in object_types()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        """Return the rows of the chosen one."""
        return queryset.filter(object_type=self.value()) if self.value() else queryset


def object_types() -> list[str]:
    """Return the names of all registered object types."""
    return sorted({name for cls in registry.integrators().values() for name in cls.types()})


def named(term: str) -> Q:
    """Return the condition for a local or remote id; a trailing ``*`` finds those that begin with it.

    Both unique indexes begin with connection and object type, so these are named: a handful of values each.
    """
    term = term.strip()
    how, value = ("startswith", term[:-1]) if term.endswith("*") else ("exact", term)
    found = Q(**{f"object_id__{how}": value}) | Q(**{f"remote_id__{how}": value})
    types = object_types()
    if not types:
        return found
    return found & Q(connection__in=list(Connection.objects.values_list("pk", flat=True)), object_type__in=types)


def ids_named(term: str) -> list[int]:
    """Return the keys of bindings with that local or remote id, ``FOUND`` at the most; in no order, so by an index."""
    return list(Binding.objects.filter(named(term)).order_by().values_list("pk", flat=True)[:FOUND])
