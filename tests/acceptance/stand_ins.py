"""Integrators in place of the shop's own, for what that one does not do. A worker takes one by ``-I``; see INCLUDE.

``STAND_IN=Routed`` in a worker's environment names the class. ``ARM_FILE`` names a file that arms a fault point once,
in the one process of the pool that takes the next task: ``CRUDSYNC_FAULTS`` would break every process that comes after.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery.signals import task_prerun

from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Customer
from sync import IN, Map, ObjectType, RateLimit, faults, register, registry

INCLUDE = ("-I", "tests.acceptance.stand_ins")

ADDRESS = [Map("email"), Map("name"), Map("country"), Map("credit", "score", direction=IN)]


class LookUpOnly(ShopIntegrator):
    """A remote without idempotency keys: what became of a create is found out by the customer's address."""

    rate_limit = RateLimit(60_000, per=60, burst=1000)

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        return {
            "customer": ObjectType(model=Customer, endpoint="customers", fields=ADDRESS, natural_key=["email"]),
        }

    @staticmethod
    def set_data_constraints() -> Mapping[str, Any]:
        return {}


class Routed(ShopIntegrator):
    """Customers of one country are kept in an account of their own."""

    def route(self, instance: Any) -> Any:
        if not isinstance(instance, Customer):
            return None
        return ["abroad" if instance.country == "FR" else "default"]


class Poisoned(ShopIntegrator):
    """A hook that cannot bear some names: it raises, or its whole process ends."""

    def set_data(self, model: Any) -> Any:
        name = getattr(model, "name", "")
        if name == "raises":
            raise ZeroDivisionError(name)
        if name == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().set_data(model)


def stand_in(cls: type[Any]) -> None:
    """Register a class in place of the shop's own."""
    registry.unregister("shop")
    register(cls)


def arm(**kwargs: Any) -> None:
    """Arm the fault points that the file names, for the task about to run; the file is used up."""
    faults._armed.clear()
    faults._seen.clear()
    taken = Path(f"{os.environ['ARM_FILE']}.{os.getpid()}")
    try:
        Path(os.environ["ARM_FILE"]).rename(taken)
    except FileNotFoundError:
        return
    faults._armed.update(faults._parse(taken.read_text()))


if name := os.environ.get("STAND_IN"):
    stand_in(globals()[name])
if "ARM_FILE" in os.environ:
    task_prerun.connect(arm, weak=False)
