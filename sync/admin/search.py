"""Filter bindings without looking at all of them; how they are found by id is the same everywhere."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sync.monitoring.search import ids_named, named, object_types

__all__ = ["ObjectTypeFilter", "ids_named", "named"]


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
