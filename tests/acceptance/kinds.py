"""Remotes of every kind of protocol section 3, all fed by the same customers; each is a collection of one sandbox.

A worker takes them by ``-I tests.acceptance.kinds``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from examples.shop.integrators import KEY, ShopIntegrator
from examples.shop.models import Customer
from sync import CrudIntegrator, Map, ObjectType, RateLimit, RetryPolicy, register, registry
from sync.integrators.clients import forget

SANDBOX = {"idempotency": False, "collections": {"keyed": {"idempotency": True}}}
"""What the sandbox is told to be."""

PLAIN = ["email", "name", "country"]
REFERENCE = [Map("email", "reference"), "name", "country"]


class Kind(CrudIntegrator):
    """One remote that takes customers."""

    base_url = os.environ.get("SANDBOX_URL", "http://127.0.0.1:1/")
    rate_limit = RateLimit(60_000, per=60, burst=1000)
    retry = RetryPolicy(attempts=10, base_delay=0.2, max_delay=1.0)
    options: Mapping[str, Any] = {}

    @classmethod
    def set_object_types(cls) -> Mapping[str, Any]:
        """Customers, under the remote's own name."""
        given = {"fields": PLAIN, **cls.options}
        return {cls.name: ObjectType(model=Customer, endpoint=cls.name, **given)}


class Keyed(Kind):
    """Honours idempotency keys."""

    name = "keyed"
    options = {"idempotency": KEY}


class Searched(Kind):
    """Can be searched by the address."""

    name = "searched"
    options = {"natural_key": ["email"]}


class Referenced(Kind):
    """Carries our id, and can be searched by it."""

    name = "referenced"
    options = {"fields": REFERENCE, "external_id": "reference"}


class Own(Kind):
    """Takes our ids."""

    name = "own"
    options = {"client_id": True}


class Held(Kind):
    """Offers nothing; a person decides."""

    name = "held"
    options = {"on_uncertain": "hold"}


class Repeated(Kind):
    """Offers nothing; a duplicate is acceptable."""

    name = "repeated"
    options = {"on_uncertain": "retry"}


KINDS: tuple[type[Kind], ...] = (Keyed, Searched, Referenced, Own, Held, Repeated)
NAMES = tuple(kind.name for kind in KINDS)


@contextmanager
def installed(url: str) -> Iterator[None]:
    """Register them in place of the shop's own, here."""
    registry.unregister("shop")
    for kind in KINDS:
        kind.base_url = url
        register(kind)
    forget()
    yield
    for kind in KINDS:
        registry.unregister(kind.name)
    register(ShopIntegrator)
    forget()


if os.environ.get("ARM_HOME"):
    registry.unregister("shop")
    for each in KINDS:
        register(each)
