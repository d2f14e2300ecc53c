"""A connection, and folds for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync import bindings
from sync.bindings import Fold
from sync.models import Connection, Gate


@pytest.fixture
def connection(db: None) -> Connection:
    """A connection of an integrator that nobody registered: bindings do not care."""
    row = Connection.objects.create(integrator="vault")
    Gate.objects.create(connection=row)
    return row


@pytest.fixture
def fold(connection: Connection) -> Callable[..., None]:
    """Fold changes of objects, by id."""

    def folded(*object_ids: str, **values: Any) -> None:
        rows = [
            Fold(connection_id=connection.pk, object_type="coin", object_id=id_, model="vault.coin", **values)
            for id_ in object_ids
        ]
        bindings.fold(rows)

    return folded
