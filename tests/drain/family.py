"""Parents and children at the remote in memory: categories under categories, products in categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from examples.shop.models import Category, Product
from sync.types import ParentSpec
from tests.drain.memory import MemoryIntegrator, Type

UNDER = ParentSpec(field="parent", attname="parent_id", via="category", target="parent", nullable=True)
WITHIN = ParentSpec(field="category", attname="category_id", via="category", target="category", nullable=False)


class FamilyIntegrator(MemoryIntegrator):
    """Categories and products; a test may set what it likes on their types."""

    name = "family"
    kinds: dict[str, Type] = {}

    @classmethod
    def types(cls) -> Mapping[str, Type]:
        return cls.kinds

    @property
    def kind(self) -> Type:
        """The type of the object."""
        return self.kinds[self.object_type]

    def parent_ids(self) -> Mapping[str, str | None]:
        ids = {parent.target: getattr(self.instance, parent.attname) for parent in self.kind.parents}
        return {target: None if pk is None else str(pk) for target, pk in ids.items()}

    def build_payload(self, remote_ids: Mapping[str, str | None]) -> dict[str, Any]:
        return {**super().build_payload({}), **{p.target: remote_ids.get(p.target) for p in self.kind.parents}}


def kinds() -> dict[str, Type]:
    """The two types, fresh."""
    return {
        "category": Type(name="category", model=Category, endpoint="categories", parents=(UNDER,)),
        "product": Type(name="product", model=Product, endpoint="products", parents=(WITHIN,)),
    }
