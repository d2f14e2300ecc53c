"""Filters of the user's own lists by sync state and connection, as EXISTS over indexed bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import connections
from django.db.models import CharField, Exists, Model, OuterRef, Q, QuerySet, TextField, UUIDField, Value
from django.db.models.functions import Cast, Concat, Substr
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sync import registry
from sync.bindings import UNLINKED
from sync.models import STUCK, Binding, State
from sync.registry import model_label

if TYPE_CHECKING:
    from django.db.models.expressions import Combinable

STATE = "crudsync"
CONNECTION = "crudsync_connection"
FAILED = Q(state__in=STUCK) & ~Q(code=UNLINKED)
PENDING = Q(state__in=(State.PENDING, State.RETRYING, State.WAITING))

GROUPS = (8, 4, 4, 4, 12)
"""Of the digits of a UUID, between its dashes."""


def usable(model: type[Model]) -> bool:
    """Return whether SQL can tell which binding a row of this model has: its primary key is one column."""
    return bool(registry.types_for(model_label(model))) and not hasattr(model._meta.pk, "fields")


def bindings_of_rows(model: type[Model], using: str, connection_id: int | None = None) -> QuerySet[Binding]:
    """Return the bindings of the row that an outer query is at, by the index over model and object id.

    Args:
        model: of the outer query.
        using: alias of its database.
        connection_id: only under this account.
    """
    found = Binding.objects.filter(model=model_label(model), object_id=_object_id(model, using))
    return found if connection_id is None else found.filter(connection_id=connection_id)


class SyncStateFilter(admin.SimpleListFilter):
    """Failed, pending, never synced, synced; under the account that the other filter names, where it names one."""

    title = _("sync")
    parameter_name = STATE

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Return what can be asked for."""
        return [
            ("failed", _("failed")),
            ("pending", _("pending")),
            ("never", _("never synced")),
            ("synced", _("synced")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen state."""
        wanted = {"failed": FAILED, "pending": PENDING, "synced": Q(state=State.SYNCED), "never": Q()}
        condition = wanted.get(self.value() or "")
        if condition is None:
            return queryset
        found = bindings_of_rows(queryset.model, queryset.db, _number(request.GET.get(CONNECTION, ""))).filter(
            condition
        )
        return queryset.filter(~Exists(found) if self.value() == "never" else Exists(found))


class SyncConnectionFilter(admin.SimpleListFilter):
    """By account: rows that it knows. Where the state *never synced* is chosen too, those that it does not."""

    title = _("sync connection")
    parameter_name = CONNECTION

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:  # noqa: ARG002
        """Return the accounts of the integrators that register the model."""
        model: type[Model] = model_admin.model
        names = {cls.name for cls, _spec in registry.types_for(model_label(model))}
        return [(str(row.pk), str(row)) for row in registry.connections_of(names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen account."""
        chosen = _number(self.value() or "")
        if chosen is None or request.GET.get(STATE):  # the other one has asked for both at once
            return queryset
        return queryset.filter(Exists(bindings_of_rows(queryset.model, queryset.db, chosen)))


def _object_id(model: type[Model], using: str) -> Combinable:
    """The outer row's primary key, as ``object_id_of`` writes it."""
    field: Any = model._meta.pk
    while field.is_relation:
        field = field.target_field
    if isinstance(field, UUIDField) and not connections[using].features.has_native_uuid_field:
        return _dashed(Cast(OuterRef("pk"), CharField()))
    return Cast(OuterRef("pk"), TextField())


def _dashed(digits: Combinable) -> Combinable:
    """A UUID's digits with its dashes: without a type of its own, a database keeps the digits alone."""
    parts: list[Combinable] = []
    at = 1
    for length in GROUPS:
        parts += [*([Value("-")] if parts else []), Substr(digits, at, length)]
        at += length
    return Concat(*parts, output_field=TextField())


def _number(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
