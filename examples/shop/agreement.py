"""Do both sides agree? Compared from the shop's rows and what the remote holds, never from the library's records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from examples.shop.models import Category, Customer, Order, Product

Fields = Mapping[str, Any]
Remote = Mapping[str, Sequence[Fields]]
"""What a remote holds: collection → objects, each with its ``id``."""

KEYS = {"categories": "slug", "products": "sku", "customers": "email", "orders": "reference"}
REFERENCES = {"parent_id": "categories", "category_id": "categories", "customer_id": "customers"}


def expected() -> dict[str, dict[str, Fields]]:
    """Return what the remote should hold: collection → natural key → fields.

    A field that refers to another object holds that object's natural key, since only the remote knows its ids. Drafts
    are left out: they are held here.
    """
    products = Product.objects.exclude(status=Product.Status.DRAFT)
    return {
        "categories": {row.slug: _category(row) for row in Category.objects.select_related("parent")},
        "products": {row.sku: _product(row) for row in products.select_related("category").prefetch_related("tags")},
        "customers": {row.email: _customer(row) for row in Customer.objects.filter(is_active=True)},
        "orders": {
            row.number: _order(row) for row in Order.objects.filter(customer__is_active=True).select_related("customer")
        },
    }


def differences(remote: Remote) -> Iterator[str]:
    """Yield a sentence for each object that is missing, superfluous, doubled or different at the remote."""
    drafts = set(Product.objects.filter(status=Product.Status.DRAFT).values_list("sku", flat=True))
    for collection, rows in expected().items():
        found: dict[str, Fields] = {}
        for value in remote.get(collection, ()):
            key = str(value.get(KEYS[collection], ""))
            if key in found:
                yield f"{collection}: {key} is there twice"
            if key not in rows and key not in drafts:
                yield f"{collection}: {key or value.get('id')} is there and should not be"
            found[key] = value
        for key, fields in rows.items():
            yield from _compare(collection, fields, found.get(key), remote, key)


def _compare(collection: str, ours: Fields, theirs: Fields | None, remote: Remote, key: str) -> Iterator[str]:
    if theirs is None:
        yield f"{collection}: {key} is missing"
        return
    for name, value in ours.items():
        there = theirs.get(name)
        if name in REFERENCES and there is not None:
            there = _key_of(remote, REFERENCES[name], there)
        if there != value:
            yield f"{collection}: {key} has {name} {there!r}, not {value!r}"


def _key_of(remote: Remote, collection: str, remote_id: Any) -> Any:
    for value in remote.get(collection, ()):
        if str(value.get("id")) == str(remote_id):
            return value.get(KEYS[collection])
    return f"unknown id {remote_id}"


def _category(row: Category) -> Fields:
    return {"name": row.name, "slug": row.slug, "parent_id": row.parent.slug if row.parent else None}


def _product(row: Product) -> Fields:
    names = ("name", "sku", "stock", "status", "description", "picture_url")
    return {
        **{name: getattr(row, name) for name in names},
        "price": f"{row.price:.2f}",
        "tags": row.tag_names,
        "category_id": row.category.slug,
    }


def _customer(row: Customer) -> Fields:
    return {"email": row.email, "name": row.name, "country": row.country}


def _order(row: Order) -> Fields:
    return {
        "reference": row.number,
        "total": f"{row.total:.2f}",
        "status": row.status,
        "customer_id": row.customer.email,
    }
