"""What people name on a command line: connections, models, object ids, filters."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import FieldError, ValidationError
from django.core.management.base import CommandError
from django.db.models import Model, QuerySet

from sync import registry
from sync.exceptions import CrudSyncError
from sync.models import Connection
from sync.models.database import alias
from sync.models.identity import pk_of


def failed(error: CrudSyncError) -> CommandError:
    """Return our error as one of a command: its sentence, its hint, its code."""
    return CommandError(f"{error} [{error.code}]")


def connections(name: str = "") -> list[Connection]:
    """Return the connections that a name stands for, with their gates.

    Args:
        name: ``integrator/account``, or an integrator for all of its accounts; empty: every connection.

    Raises:
        CommandError: there is none of that name.
    """
    registry.ensure_connections()
    rows = Connection.objects.using(alias()).select_related("gate").order_by("integrator", "name")
    if not name:
        return list(rows)
    integrator, _, account = name.partition("/")
    found = list(rows.filter(integrator=integrator, **({"name": account} if account else {})))
    if not found:
        known = ", ".join(str(row) for row in rows) or "none"
        raise CommandError(f"there is no connection {name!r} (there are: {known})")
    return found


def rows_of(label: str, ids: list[str], filters: list[str]) -> QuerySet[Model]:
    """Return the rows of a model that ids or filters name; all rows where nothing is said.

    Args:
        label: ``app.Model``.
        ids: primary keys.
        filters: ``field=value`` pairs, as for ``QuerySet.filter``; ``null``, ``true`` and ``false`` are values.

    Raises:
        CommandError: no such model, field or value; an id that cannot be one of its keys.
    """
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError) as error:
        raise CommandError(f"there is no model {label!r}: {error}") from error
    rows: QuerySet[Model] = model._base_manager.using(alias()).order_by("pk")
    if ids:
        rows = rows.filter(pk__in=[_pk(model, text) for text in ids])
    try:
        return rows.filter(**dict(_pair(text) for text in filters))
    except (FieldError, ValidationError, ValueError, TypeError) as error:
        raise CommandError(f"--filter {' '.join(filters)}: {error}") from error


def _pk(model: type[Model], text: str) -> Any:
    pk = pk_of(model, text)
    if pk is None:
        raise CommandError(f"{text!r} cannot be a primary key of {model._meta.label}")
    return pk


def _pair(text: str) -> tuple[str, Any]:
    field, sign, value = text.partition("=")
    if not sign or not field:
        raise ValueError("write it as field=value")
    return field, {"null": None, "true": True, "false": False}.get(value, value)
