"""Sample rows: the same for the same count, so that a run can be repeated."""

from __future__ import annotations

import random
from decimal import Decimal

from django.db import transaction

from examples.shop.models import Category, Customer, Order, Product, Tag

DEPARTMENTS = {
    "Kitchen": ("Kettles", "Knives", "Pans"),
    "Garden": ("Seeds", "Spades", "Watering cans"),
    "Office": ("Desks", "Lamps", "Notebooks"),
    "Outdoor": ("Boots", "Stoves", "Tents"),
}
TAGS = ("new", "sale", "handmade", "last pieces")
MAKES = ("Alder", "Birch", "Cedar", "Elm", "Hazel", "Larch", "Maple", "Rowan")
NAMES = ("Ada", "Ben", "Chidi", "Dana", "Emil", "Fay", "Goro", "Hana", "Ines", "Jan")
SURNAMES = ("Abe", "Berg", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Haas")
COUNTRIES = ("DE", "FR", "JP", "PT", "US")


@transaction.atomic
def seed(count: int = 100) -> dict[str, int]:
    """Create the sample rows that are not there yet, and return how many rows of each kind the shop now has.

    Args:
        count: products; a quarter as many customers, and half as many orders.
    """
    draw = random.Random(count)  # noqa: S311 - sample data
    shelves = _categories()
    _products(count, shelves, draw)
    customers = _customers(max(1, count // 4))
    _orders(count // 2, customers, draw)
    return {
        model._meta.model_name or "": model._default_manager.count() for model in (Category, Product, Customer, Order)
    }


def _categories() -> list[Category]:
    shelves = []
    for department, names in DEPARTMENTS.items():
        top, _ = Category.objects.get_or_create(slug=department.lower(), defaults={"name": department})
        for name in names:
            slug = name.lower().replace(" ", "-")
            shelves.append(Category.objects.get_or_create(slug=slug, defaults={"name": name, "parent": top})[0])
    return shelves


def _products(count: int, shelves: list[Category], draw: random.Random) -> None:
    tags = [Tag.objects.get_or_create(name=name)[0] for name in TAGS]
    known = set(Product.objects.values_list("sku", flat=True))
    for number in range(count):
        shelf = shelves[number % len(shelves)]
        price, stock, chosen = draw.randint(100, 20_000), draw.randint(0, 500), draw.sample(tags, draw.randint(0, 2))
        if (sku := f"SKU-{number:05d}") in known:
            continue
        product = Product.objects.create(
            category=shelf,
            name=f"{MAKES[number % len(MAKES)]} {shelf.name.lower()} {number}",
            sku=sku,
            price=Decimal(price) / 100,
            stock=stock,
            description=f"From our {shelf.name.lower()}.",
            picture_url=f"https://pictures.example/{sku.lower()}.jpg",
        )
        product.tags.set(chosen)


def _customers(count: int) -> list[Customer]:
    customers = []
    for number in range(count):
        name = f"{NAMES[number % len(NAMES)]} {SURNAMES[number // len(NAMES) % len(SURNAMES)]}"
        defaults = {"name": name, "country": COUNTRIES[number % len(COUNTRIES)]}
        customers.append(Customer.objects.get_or_create(email=f"customer{number}@shop.example", defaults=defaults)[0])
    return customers


def _orders(count: int, customers: list[Customer], draw: random.Random) -> None:
    for number in range(count):
        defaults = {
            "customer": draw.choice(customers),
            "total": Decimal(draw.randint(500, 50_000)) / 100,
            "status": draw.choice(Order.Status.values),
        }
        Order.objects.get_or_create(number=f"A-{number:05d}", defaults=defaults)
