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
NEVER = "never"
WANTED = {"failed": FAILED, "pending": PENDING, "synced": Q(state=State.SYNCED), NEVER: Q()}
"""What a binding is where its row is of a state; *never synced* is a row without any."""

RARE = ("failed", "pending")

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
    return _bindings(model, connection_id).filter(object_id=_object_id(model, using))


def _bindings(model: type[Model], connection_id: int | None) -> QuerySet[Binding]:
    found = Binding.objects.filter(model=model_label(model))
    return found if connection_id is None else found.filter(connection_id=connection_id)


class ByBinding(admin.SimpleListFilter):
    """A filter by what a row's bindings are like.

    ``bindings``: those by which rows are chosen, None where nothing is; ``absent``: rows without are meant;
    ``rare``: few rows should be so, where all is well.
    """

    bindings: QuerySet[Binding] | None = None
    absent = rare = False

    def narrow(self, rows: QuerySet[Any], condition: Q, connection_id: int | None, *, absent: bool) -> QuerySet[Any]:
        """Return the rows that have such a binding, or those that have none."""
        self.absent = absent
        self.bindings = _bindings(rows.model, connection_id).filter(condition)
        found = Exists(bindings_of_rows(rows.model, rows.db, connection_id).filter(condition))
        return rows.filter(~found if absent else found)


class SyncStateFilter(ByBinding):
    """Failed, pending, never synced, synced; under the account that the other filter names, where it names one."""

    title = _("sync")
    parameter_name = STATE

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Return what can be asked for."""
        return [
            ("failed", _("failed")),
            ("pending", _("pending")),
            (NEVER, _("never synced")),
            ("synced", _("synced")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen state."""
        condition = WANTED.get(self.value() or "")
        if condition is None:
            return queryset
        self.rare = self.value() in RARE
        account = _number(request.GET.get(CONNECTION, ""))
        return self.narrow(queryset, condition, account, absent=self.value() == NEVER)


class SyncConnectionFilter(ByBinding):
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
        return self.narrow(queryset, Q(), chosen, absent=False)


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
