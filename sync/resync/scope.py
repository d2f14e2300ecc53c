"""Whether an object is meant for an account: it has a row, ``sync_when`` lets it through, ``route`` leads there."""

from __future__ import annotations

from typing import Any

from sync import registry
from sync.drain import rows
from sync.exceptions import CrudSyncError, PayloadError
from sync.models import Connection

NO_ROW = "no_row"
NOT_IN_SCOPE = "not_in_scope"


def left_out(connection: Connection, object_type: str, object_id: str) -> str:
    """Return why a worker would not keep an object at a remote: ``no_row``, ``not_in_scope``, empty where it would.

    Args:
        connection: the account.
        object_type: the type's name.
        object_id: the primary key as text.

    Raises:
        UnknownIntegrator, UnknownObjectType: this process does not know the type.
        PayloadError: its ``sync_when`` or ``route`` raised: nobody knows.
    """
    integrator: Any = registry.get(connection.integrator)
    unit = integrator(object_type, None, connection)  # refuses an unknown type
    found = rows.read(unit.spec, [object_id])
    if object_id not in found:
        return NO_ROW
    scope, raised = rows.in_scope(unit.spec, found)
    if object_id in raised:
        raise _of_hook("sync_when", raised[object_id]) from None
    if object_id not in scope:
        return NOT_IN_SCOPE
    try:
        names = unit.route(found[object_id])
    except Exception as error:  # noqa: BLE001 - the host's code
        raise _of_hook("route", error) from None
    return "" if names is None or connection.name in names else NOT_IN_SCOPE


def _of_hook(name: str, error: Exception) -> CrudSyncError:
    """The host's error as one of ours, without its text, which may tell a secret."""
    if isinstance(error, CrudSyncError):
        return error
    return PayloadError(f"{name}() raised {type(error).__name__}", hint="correct it in the integrator")
