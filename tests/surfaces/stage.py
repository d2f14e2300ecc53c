"""The rows that a test of surfaces looks at, and how an address is filled with their keys."""

from __future__ import annotations

import re
from dataclasses import dataclass

from examples.shop.models import Category, Customer, Order, Product, Tag
from sync.models import Binding, Cause, Change, Connection, Operation

CANARY = "canary-4c1e"
"""Stands in every payload and answer, and nowhere else."""

SECRET = "canary-of-a-credential-77ab"
"""Is the shop's token; nobody is ever shown it."""

SEGMENTS = {
    "dead-letters": "cause",
    "categories": "category",
    **{f"{name}s": name for name in ("binding", "change", "connection", "operation", "product", "customer", "order")},
}
"""Which row a parameter stands for, by the segment before it, where that is not the row's own name."""

PARAMETER = re.compile(r"([\w-]+)/<\w+>")


@dataclass
class Stage:
    """``binding`` is a dead letter of ``cause``, ``doubtful`` is held in doubt, ``unused`` may be removed."""

    binding: Binding
    doubtful: Binding
    cause: Cause
    change: Change
    operation: Operation
    connection: Connection
    unused: Connection
    product: Product
    category: Category
    customer: Customer
    order: Order
    tag: Tag

    def url(self, route: str) -> str:
        """Return an address with keys in place of its parameters."""
        return PARAMETER.sub(lambda found: f"{found[1]}/{self._key(found[1], route)}", route)

    def text(self, pattern: str) -> str:
        """Return a text with what it names in braces: ``{binding.pk}``."""
        return pattern.format(**vars(self))

    def _key(self, segment: str, route: str) -> int:
        if route.endswith("/doubt/"):
            segment = "doubtful"
        if route.endswith("connection/<object_id>/delete/"):
            segment = "unused"
        found: int = getattr(self, SEGMENTS.get(segment, segment)).pk
        return found
