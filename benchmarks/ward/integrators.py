"""The remote of the ward, with a hook that does what an object's name says."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from benchmarks.ward.models import Patient, Visit
from sync import CrudIntegrator, Map, ObjectType, RateLimit, register

SLOW_S = 8.0
"""Longer than what is claimed may still be sent."""


def raises() -> None:
    """A bug in the host's hook."""
    raise ZeroDivisionError("poison")


def kills() -> None:
    """What a segmentation fault or the kernel's out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)


def stays() -> None:
    """A hook that never returns."""
    while True:
        time.sleep(60)


def dawdles() -> None:
    """A hook that is too slow."""
    time.sleep(SLOW_S)


POISON: Mapping[str, Callable[[], None]] = {"raises": raises, "kills": kills, "stays": stays, "dawdles": dawdles}
"""What the hook does with objects of these names."""


@register
class WardIntegrator(CrudIntegrator):
    """Patients and visits, keyed."""

    name = "ward"
    base_url = settings.REMOTE_URL
    rate_limit = RateLimit(6_000_000, per=60, burst=50_000)

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        """Two types."""
        keyed: dict[str, Any] = {"idempotency": "Idempotency-Key", "rest_s": 0.001}
        return {
            "patient": ObjectType(model=Patient, endpoint="patients", **keyed),
            "visit": ObjectType(
                model=Visit,
                endpoint="visits",
                fields=[Map("name"), Map("patient", "patient_id", via="patient")],
                **keyed,
            ),
        }

    def set_data(self, model: Any) -> Any:
        """The default payload, unless the object is poison."""
        if poison := POISON.get(getattr(model, "name", "")):
            poison()
        return super().set_data(model)
