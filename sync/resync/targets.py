"""Where a model's objects go: the object types and connections that a request is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync import registry
from sync.exceptions import NotSyncable
from sync.models import Connection

if TYPE_CHECKING:
    from sync.types import ObjectTypeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One object type under one connection."""

    connection: Connection
    spec: ObjectTypeSpec

    @property
    def object_type(self) -> str:
        """The object type's name."""
        return self.spec.name


def targets(label: str, *, integrator: str = "", connection: str = "") -> tuple[Target, ...]:
    """Return where the objects of a model go.

    Args:
        label: ``app.model`` in lower case, of the concrete model.
        integrator: only this one; empty: every integrator that registers the model.
        connection: only the account of this name; empty: all of them.

    Raises:
        UnknownIntegrator: no integrator of that name is registered.
        NotSyncable: the model is not registered there, or there is no such account.
    """
    if integrator:
        registry.get(integrator)
    entries = [(cls.name, spec) for cls, spec in registry.types_for(label) if integrator in ("", cls.name)]
    if not entries:
        where = f"integrator {integrator!r}" if integrator else "any integrator"
        raise NotSyncable(
            f"the model {label} is not registered with {where}",
            code="not_registered",
            hint="name the model in set_object_types() of a registered integrator",
        )
    rows = connections({name for name, _ in entries}, connection)
    return tuple(Target(connection=row, spec=spec) for row in rows for name, spec in entries if name == row.integrator)


def connections(integrators: set[str], name: str = "") -> list[Connection]:
    """Return the accounts of these integrators, making the missing ``default`` ones.

    Args:
        integrators: names of registered integrators.
        name: only accounts of this name; empty: all.

    Raises:
        NotSyncable: there is no account of that name.
    """
    if name in ("", "default"):
        for integrator in sorted(integrators):
            registry.connection(integrator)
    rows = [row for row in registry.connections_of(integrators) if name in ("", row.name)]
    if not rows:
        raise NotSyncable(
            f"{', '.join(sorted(integrators))} has no connection {name!r}",
            code="unknown_connection",
            hint="add it in the admin, under Connections",
        )
    return rows
