"""Integrators in place of the shop's own, for what that one does not do. A worker takes one by ``-I``; see INCLUDE.

``STAND_IN=Routed`` in a worker's environment names the class. ``ARM_FILE`` names a file that arms a fault point for one
process of the pool: ``CRUDSYNC_FAULTS`` would break every process that comes after it, too.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Customer
from sync import IN, BearerAuth, Map, ObjectType, RateLimit, faults, register, registry

INCLUDE = ("-I", "tests.acceptance.stand_ins")

NEVER_S = 3600.0
"""How long a hook takes that never returns."""

ADDRESS = [Map("email"), Map("name"), Map("country"), Map("credit", "score", direction=IN)]


class LookUpOnly(ShopIntegrator):
    """A remote without idempotency keys: what became of a create is found out by the customer's address."""

    name = "shop"
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

    name = "shop"

    def route(self, instance: Any) -> Any:
        if not isinstance(instance, Customer):
            return None
        return ["abroad" if instance.country == "FR" else "default"]


class ByName(LookUpOnly):
    """A remote that knows a customer by a name which two rows here may share."""

    name = "shop"

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        return {"customer": ObjectType(model=Customer, endpoint="customers", fields=ADDRESS, natural_key=["name"])}


class Poisoned(ShopIntegrator):
    """A hook that cannot bear some names: it raises, its whole process ends, or it never returns."""

    name = "shop"

    def set_data(self, model: Any) -> Any:
        name = getattr(model, "name", "")
        if name == "raises":
            raise ZeroDivisionError(name)
        if name == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "hangs":
            time.sleep(NEVER_S)
        return super().set_data(model)


class Secretive(ShopIntegrator):
    """A token from the environment, a signature in the class, a password in the payload, and hooks that tell them."""

    name = "shop"
    auth = BearerAuth("env:CANARY_TOKEN")
    headers = {"X-Signature": "c4n4ry-of-the-class-0123456789"}

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        fields = [Map("email"), Map("name"), Map("country")]
        return {"customer": ObjectType(model=Customer, endpoint="customers", fields=fields, on_uncertain="retry")}

    @staticmethod
    def set_data_constraints() -> Mapping[str, Any]:
        return {}

    def set_data(self, model: Any) -> Any:
        if getattr(model, "name", "") == "builds":
            raise ValueError(f"the gateway refused {os.environ['CANARY_TOKEN']}")
        return super().set_data(model)

    def validate_response(self, response: Any) -> Any:
        if b"raises" in (response.request.body or b""):
            raise ValueError(f"{response.request.url} was asked with {dict(response.request.headers)}")
        return super().validate_response(response)


def stand_in(cls: type[Any]) -> None:
    """Register a class in place of the shop's own."""
    registry.unregister("shop")
    register(cls)


class Armed(dict[str, tuple[str, int]]):
    """Fault points as a file names them, one at a time: whoever reaches that point first uses the file up, and ends."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        try:
            if self.file.read_text() != name:
                return False
            self.file.rename(f"{self.file}.{os.getpid()}")
        except FileNotFoundError:
            return False
        self[str(name)] = ("exit", 1)
        return True


if name := os.environ.get("STAND_IN"):
    stand_in(globals()[name])
if file := os.environ.get("ARM_FILE"):
    faults._armed = Armed(Path(file))
