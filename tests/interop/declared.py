"""All that it takes to sync the shop's products and customers with a Kinto server."""

from __future__ import annotations

from examples.shop.models import Customer, Product
from sync import BasicAuth, CrudIntegrator, NextUrlPaginator, RateLimit

LISTING = NextUrlPaginator(header="Next-Page", size=2, size_param="_limit")


class KintoIntegrator(CrudIntegrator):
    name = "kinto"
    auth = BasicAuth("shop", "env:KINTO_PASSWORD")
    rate_limit = RateLimit(60_000, per=60, burst=100)

    @staticmethod
    def set_object_types():
        kinto = {"envelope": "data", "version": "etag", "paginator": LISTING}
        product = {"fields": ["name", "sku", "price", "stock"], "natural_key": ["sku"]}
        customer = {"fields": ["name", "email"], "client_id": True}
        return {
            "product": {"model": Product, "endpoint": "products/records", **product, **kinto},
            "customer": {"model": Customer, "endpoint": "customers/records", **customer, **kinto},
        }
