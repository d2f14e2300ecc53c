"""The remotes of a run, one of each kind that the promise speaks of.

The shop honours keys, the directory can only be searched, the ledger takes our ids, and the letterbox offers nothing. A
worker and a writer include them by ``-I tests.chaos.remotes``. ``ARM_FILE`` arms fault points, one process at a time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from django.db.models import Q

import tests.acceptance.stand_ins  # noqa: F401 - what ARM_FILE arms
from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Category, Customer, Order
from sync import BearerAuth, CrudIntegrator, ObjectType, RateLimit, RetryPolicy, register, registry

CANARY = "canary-8c1d7f"
"""Part of every credential of a run: it must be found nowhere."""

HASTY = RetryPolicy(attempts=5, base_delay=0.2, max_delay=2.0)
LIMIT = RateLimit(300, per=10)
NAMES = ("shop", "directory", "ledger", "letterbox")
RAISES, KILLS = "raises", "kills"
"""What the name of a poisonous customer begins with: its payload's hook raises, or ends its process."""


class Shop(ShopIntegrator):
    """The shop's own, with short waits and a credential."""

    name = "shop"
    auth = BearerAuth("env:SHOP_TOKEN")
    retry = HASTY

    def set_data(self, model: Any) -> Any:
        """Choke on poison."""
        name = getattr(model, "name", "")
        if name.startswith(RAISES):
            raise ZeroDivisionError(name)
        if name.startswith(KILLS):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().set_data(model)


class Directory(CrudIntegrator):
    """Knows customers, honours no keys, has a narrow limit."""

    name = "directory"
    base_url = os.environ.get("DIRECTORY_URL", "http://127.0.0.1:1/")
    auth = BearerAuth("env:DIRECTORY_TOKEN")
    rate_limit = LIMIT
    retry = HASTY

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        """Customers, found by their address."""
        return {
            "contact": ObjectType(
                model=Customer,
                endpoint="contacts",
                fields=["email", "name", "country"],
                natural_key=["email"],
                sync_when=Q(is_active=True),
            )
        }


class Ledger(CrudIntegrator):
    """Keeps categories under our own ids."""

    name = "ledger"
    base_url = os.environ.get("LEDGER_URL", "http://127.0.0.1:1/")
    auth = BearerAuth("env:LEDGER_TOKEN")
    retry = HASTY

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        """Categories, created by PUT."""
        return {"entry": ObjectType(model=Category, endpoint="entries", fields=["name", "slug"], client_id=True)}


class Letterbox(CrudIntegrator):
    """Takes orders, and can neither be asked nor told which is which: what is in doubt waits for a person."""

    name = "letterbox"
    base_url = os.environ.get("LETTERBOX_URL", "http://127.0.0.1:1/")
    auth = BearerAuth("env:LETTERBOX_TOKEN")
    retry = HASTY

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        """Orders, and nothing to find them by."""
        return {"letter": ObjectType(model=Order, endpoint="letters", fields=["number", "total"], on_uncertain="hold")}


def install() -> None:
    """Register all in place of the shop's own; again is harmless."""
    for cls in (Shop, Directory, Ledger, Letterbox):
        if cls.name in registry.integrators():
            registry.unregister(cls.name)
        register(cls)


install()
