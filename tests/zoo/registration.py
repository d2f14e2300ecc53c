"""Integrators that do nothing but be registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from sync import capture, registry
from sync.capture import record
from sync.types import Lane


@dataclass
class Kind:
    """What capture and the registry read of an object type."""

    name: str
    model: Any
    lane: Lane = Lane.LIVE
    capture: str = "signals"


def integrator(named: str, *models: type[Model] | Kind) -> type[Any]:
    """Return an integrator class for these models."""
    kinds = [model if isinstance(model, Kind) else Kind(model.__name__.lower(), model) for model in models]

    class Registered:
        name = named

        @classmethod
        def types(cls) -> Mapping[str, Kind]:
            return {kind.name: kind for kind in kinds}

    Registered.__qualname__ = named
    return Registered


@contextmanager
def empty_registry() -> Iterator[None]:
    """Nothing registered, capture on; what was there comes back afterwards."""
    before = registry.integrators()
    registry.clear()
    record._rings.clear()
    try:
        with capture.enabled():
            yield
    finally:
        registry.clear()
        record._rings.clear()
        for cls in before.values():
            registry.register(cls)
