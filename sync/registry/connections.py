"""The connection rows of the registered integrators. ``default`` is made by itself."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from sync.models import Connection, Gate
from sync.models.database import alias
from sync.registry import integrators as registered


def connection(integrator: str, name: str = "default") -> Connection:
    """Return the row of one account, making it (and its gate) where it is ``default`` and missing.

    Raises:
        UnknownIntegrator: no such integrator is registered.
        Connection.DoesNotExist: the account is not ``default`` and there is no row.
    """
    registered.get(integrator)
    found = Connection.objects.using(alias()).filter(integrator=integrator, name=name).first()
    if found is not None:
        return found
    if name != "default":
        raise Connection.DoesNotExist(f"no connection {integrator}/{name}")
    return _make(integrator)


def connections_of(integrators: Iterable[str]) -> list[Connection]:
    """Return every connection of these integrators, with its gate, in the order of their ids."""
    rows = Connection.objects.using(alias()).filter(integrator__in=list(integrators))
    return list(rows.select_related("gate").order_by("pk"))


def ensure_connections() -> list[Connection]:
    """Return every connection of the registered integrators, making the missing ``default`` ones and gates."""
    names = set(registered.integrators())
    rows = connections_of(names)
    missing = names - {row.integrator for row in rows if row.name == "default"}
    if missing:
        for name in sorted(missing):
            _make(name)
        rows = connections_of(names)
    return rows


def _make(integrator: str) -> Connection:
    using = alias()
    try:
        with transaction.atomic(using=using):
            row = Connection.objects.using(using).create(integrator=integrator)
            Gate.objects.using(using).create(connection=row)
            return row
    except IntegrityError:  # another process made it first
        return Connection.objects.using(using).get(integrator=integrator, name="default")
