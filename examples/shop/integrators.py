"""Where the shop's rows go: one class for the remote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import Q

from examples.shop.models import Category, Customer, Order, Product
from sync import IN, CrudIntegrator, Map, ObjectType, RateLimit, register

KEY = "Idempotency-Key"


@register
class ShopIntegrator(CrudIntegrator):
    """The sandbox remote, which honours idempotency keys and has a rate of its own."""

    name = "shop"
    base_url = settings.SANDBOX_URL
    web_url = f"{settings.SANDBOX_URL.rstrip('/')}/{{endpoint}}/{{id}}"
    rate_limit = RateLimit(12_000, per=60, burst=100)

    @staticmethod
    def set_object_types() -> Mapping[str, Any]:
        """Categories under categories, products in categories, customers, and their orders."""
        return {
            "category": ObjectType(
                model=Category,
                endpoint="categories",
                fields=[Map("name"), Map("slug"), Map("parent", "parent_id", via="category")],
                natural_key=["slug"],
                idempotency=KEY,
            ),
            "product": ObjectType(
                model=Product,
                endpoint="products",
                fields=[
                    *(Map(name) for name in ("name", "sku", "price", "stock", "status", "description", "picture_url")),
                    Map("tag_names", "tags"),
                    Map("category", "category_id", via="category"),
                ],
                natural_key=["sku"],
                idempotency=KEY,
            ),
            "customer": ObjectType(
                model=Customer,
                endpoint="customers",
                fields=[Map("email"), Map("name"), Map("country"), Map("credit", "score", direction=IN)],
                natural_key=["email"],
                idempotency=KEY,
                sync_when=Q(is_active=True),
            ),
            "order": ObjectType(
                model=Order,
                endpoint="orders",
                fields=[
                    Map("number", "reference"),
                    Map("total"),
                    Map("status"),
                    Map("customer", "customer_id", via="customer"),
                ],
                external_id="reference",
                idempotency=KEY,
            ),
        }

    @staticmethod
    def set_data_constraints() -> Mapping[str, Any]:
        """A draft is nobody's business but ours: held until it is published."""
        return {"product": {"status": [Product.Status.DRAFT]}}
