"""The rows that a test of surfaces looks at, and how an address is filled with their keys."""

from __future__ import annotations

import re
from dataclasses import dataclass

from examples.shop.models import Category, Customer, Order, Product, Tag
from sync.models import AlertRule, Binding, Cause, Change, Connection, Incident, Operation

CANARY = "canary-4c1e"
"""Stands in every payload and answer, and nowhere else."""

SECRET = "canary-of-a-credential-77ab"
"""Is the shop's token; nobody is ever shown it."""

TOKEN = "token-of-the-scraper-5d0e"
"""Is what monitoring asks with."""

SEGMENTS = {
    "dead-letters": "cause",
    "categories": "category",
    "dashboard": "connection",  # an entry of the index without rows: any key will do
    **{f"{name}s": name for name in ("binding", "change", "connection", "operation", "product", "customer", "order")},
}
"""Which row a parameter stands for, by the segment before it, where that is not the row's own name."""

PARAMETER = re.compile(r"([\w-]+)/<(\w+)>")
TYPE = "<object_type>"

OTHERS = {
    "/doubt/": "doubtful",
    "/unlink/": "tied",
    "/test/": "shut",
    "/open/": "shut",
    "/resume/": "shut",
    "/reseal/": "shut",
    "connection/<object_id>/delete/": "unused",
}
"""Addresses that are about another row than most, by how they end."""


@dataclass
class Stage:
    """``binding`` is a dead letter of ``cause`` and belongs to ``product``, ``doubtful`` is held in doubt.

    ``tied`` is a product that the remote has; ``unused`` is an account that may be removed, ``shut`` one that is paused
    and whose gate is shut.
    """

    binding: Binding
    doubtful: Binding
    cause: Cause
    change: Change
    operation: Operation
    connection: Connection
    unused: Connection
    shut: Connection
    product: Product
    tied: Product
    category: Category
    customer: Customer
    order: Order
    tag: Tag
    alertrule: AlertRule
    incident: Incident

    def url(self, route: str) -> str:
        """Return an address with keys in place of its parameters."""
        other = next((name for end, name in OTHERS.items() if route.endswith(end)), "")

        def key(found: re.Match[str]) -> str:
            segment, parameter = found.groups()
            own = "connection" if parameter == "connection_id" else SEGMENTS.get(segment, segment)
            if other and not (segment == "crudsync" and parameter == "connection_id"):
                own = other
            return f"{segment}/{getattr(self, own).pk}"

        return PARAMETER.sub(key, route).replace(TYPE, "product")

    def text(self, pattern: str) -> str:
        """Return a text with what it names in braces: ``{binding.pk}``."""
        return pattern.format(**vars(self))
