"""Fixtures: rows in every state, with the attempts that brought them there. Test modules import them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from sync.models import Binding, Connection, Operation, State, Sweep
from tests.shop_rows import _uncaptured, category, connection, products

__all__ = ["_swept", "_uncaptured", "attempt", "bind", "category", "connection", "products"]


@pytest.fixture(autouse=True)
def _swept(db: None) -> None:
    Sweep.objects.update_or_create(name="sweep", defaults={"at": timezone.now()})


@pytest.fixture
def bind(connection: Connection) -> Callable[..., Binding]:
    """Bind a product by its key, in some state."""

    def bound(object_id: object = "7", **values: Any) -> Binding:
        given = {"connection": connection, "object_type": "product", "model": "shop.product", "state": State.SYNCED}
        return Binding.objects.create(object_id=str(object_id), **{**given, **values})

    return bound


@pytest.fixture
def attempt() -> Callable[..., Operation]:
    """Note an attempt at an object."""

    def noted(binding: Binding, **values: Any) -> Operation:
        given = {"verb": "update", "status": "succeeded", "started_at": timezone.now(), "seq": binding.seq}
        return Operation.objects.create(
            connection=binding.connection,
            binding=binding,
            object_type=binding.object_type,
            object_id=binding.object_id,
            **{**given, **values},
        )

    return noted
