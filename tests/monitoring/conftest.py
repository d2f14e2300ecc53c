from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from sync.models import Connection, Operation
from sync.models.clock import now


@pytest.fixture
def connection(db: None) -> Connection:
    """A connection that nobody registered: counting does not care."""
    return Connection.objects.create(integrator="vault")


@pytest.fixture
def minute(db: None) -> dt.datetime:
    """The beginning of the minute before this one, by the database's clock."""
    return now().replace(second=0, microsecond=0) - dt.timedelta(minutes=1)


@pytest.fixture
def attempt(connection: Connection) -> Callable[..., Operation]:
    """Note an attempt that started at some time."""

    def noted(at: dt.datetime, **values: Any) -> Operation:
        given = {"connection": connection, "object_type": "coin", "object_id": "1", "verb": "update"}
        return Operation.objects.create(**{**given, "status": "succeeded", "started_at": at, **values})

    return noted
