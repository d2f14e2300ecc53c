"""The remote ids behind a row's references, where nobody has looked them up yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync import bindings
from sync.exceptions import ParentNotSynced
from sync.models import Connection
from sync.types import ParentSpec


def of_row(
    connection: Connection, parents: Sequence[ParentSpec], ids: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Return the remote ids of a row's parents by key of the payload; None where there is none.

    Args:
        connection: the connection.
        parents: the references.
        ids: object ids of the parents by key of the payload.
    """
    wanted = {parent: [object_id] for parent in parents if (object_id := ids.get(parent.target)) is not None}
    known = _known(connection, wanted)
    return {
        parent.target: known.get(f"{parent.via}:{wanted[parent][0]}") if parent in wanted else None
        for parent in parents
    }


def of_many(
    connection: Connection, parents: Sequence[ParentSpec], ids: Mapping[str, Sequence[str]], *, strict: bool
) -> dict[str, list[str]]:
    """Return the remote ids behind many-to-many fields by key of the payload, in the order of the object ids.

    Args:
        connection: the connection.
        parents: the fields.
        ids: object ids by key of the payload.
        strict: one that the remote does not have is an error; else it is left out.

    Raises:
        ParentNotSynced: names the first that the remote does not have.
    """
    known = _known(connection, {parent: ids[parent.target] for parent in parents})
    found = {}
    for parent in parents:
        names = [f"{parent.via}:{object_id}" for object_id in ids[parent.target]]
        if strict and (missing := next((name for name in names if known.get(name) is None), None)):
            raise ParentNotSynced(parent=missing)
        found[parent.target] = [remote_id for name in names if (remote_id := known.get(name)) is not None]
    return found


def _known(connection: Connection, wanted: Mapping[ParentSpec, Sequence[str]]) -> dict[str, str | None]:
    by_type: dict[str, set[str]] = {}
    for parent, object_ids in wanted.items():
        by_type.setdefault(parent.via, set()).update(object_ids)
    by_type = {via: object_ids for via, object_ids in by_type.items() if object_ids}
    return {name: there.remote_id for name, there in bindings.remote_ids(connection.pk, by_type).items()}
