"""The remotes of a run: the shop's, which honours keys, and a directory, which can only be searched.

A worker and a writer include it by ``-I tests.chaos.remotes``. ``ARM_FILE`` arms fault points, one process at a time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from django.db.models import Q

import tests.acceptance.stand_ins  # noqa: F401 - what ARM_FILE arms
from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Customer
from sync import BearerAuth, CrudIntegrator, ObjectType, RateLimit, RetryPolicy, register, registry

CANARY = "canary-8c1d7f"
"""Part of every credential of a run: it must be found nowhere."""

HASTY = RetryPolicy(attempts=5, base_delay=0.2, max_delay=2.0)
LIMIT = RateLimit(300, per=10)


class Shop(ShopIntegrator):
    """The shop's own, with short waits and a credential."""

    name = "shop"
    auth = BearerAuth("env:SHOP_TOKEN")
    retry = HASTY


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


def install() -> None:
    """Register both in place of the shop's own; again is harmless."""
    for cls in (Shop, Directory):
        if cls.name in registry.integrators():
            registry.unregister(cls.name)
        register(cls)


install()
