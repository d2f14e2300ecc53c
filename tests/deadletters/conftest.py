"""Connections of integrators that nobody registered, and objects that are stuck there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from sync.deadletters import Trouble
from sync.models import Binding, Connection, State


@pytest.fixture
def connection(db: None) -> Connection:
    return Connection.objects.create(integrator="vault")


@pytest.fixture
def trouble(connection: Connection) -> Callable[..., Trouble]:
    """A refusal, of this connection unless another is named."""

    def made(message: str = "coin 7 is too heavy", **values: Any) -> Trouble:
        given = {"connection_id": connection.pk, "code": "refused", "status_code": 422, "field": "weight"}
        return Trouble(**{**given, "message": message, **values})

    return made


@pytest.fixture
def stuck(connection: Connection) -> Callable[..., Binding]:
    """An object that is held, without a letter."""

    def made(**values: Any) -> Binding:
        given = {"object_type": "coin", "model": "vault.coin", "state": State.HELD, "code": "refused", "detail": "no"}
        object_id = str(Binding.objects.count() + 1)
        row = {"connection": connection, "object_id": object_id, "dirty_since": timezone.now()}
        return Binding.objects.create(**{**row, **given, **values})

    return made
