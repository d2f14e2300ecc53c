from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.db.models import Model

from sync import registry
from sync.models import Change
from sync.wake import doorbell
from tests.zoo.registration import Kind, empty_registry, integrator

Register = Callable[..., None]


@pytest.fixture
def register() -> Iterator[Register]:
    """A function that registers models, and nothing else is registered."""
    with empty_registry():

        def registered(*models: type[Model] | Kind, named: str = "zoo") -> None:
            registry.register(integrator(named, *models))

        yield registered


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The ids of each ring, in place of a doorbell."""
    rings: list[list[int]] = []

    def ring(ids: Iterable[int], **_: bool) -> None:
        rings.append(list(ids))

    monkeypatch.setattr(doorbell, "ring", ring)
    return rings


@pytest.fixture
def changes(db: None) -> Callable[[], list[tuple[str, Any, str]]]:
    """A function that takes what was captured since the last call: (model's name, key, kind), oldest first."""

    def taken() -> list[tuple[str, Any, str]]:
        rows = list(Change.objects.order_by("pk"))
        Change.objects.all().delete()
        return [
            (row.model.removeprefix("zoo."), int(row.object_id) if row.object_id.isdigit() else row.object_id, row.kind)
            for row in rows
        ]

    return taken
