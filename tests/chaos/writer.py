"""A process that writes rows as a shop does, until it is told to stop: ``python -m tests.chaos.writer SEED LOG``.

It logs a JSON line an operation: its name, its milliseconds, and the error where there was one. What it wrote is in
the rows; nobody needs to remember it.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

PAUSE_S = 0.04
BACKLOG = 300
"""With so many rows due a writer waits: a remote with a narrow limit must be able to catch up after the run."""

LOOK_S = 1.0
HOT = 3
POISON = {"raises": 0.01, "kills": 0.0005}
"""How often a step makes a customer whose payload cannot be built, or ends whoever builds it."""

STEPS = ("customer", "category", "product", "order", "edit", "edit", "edit", "hot", "hot", "rename", "bulk", "update",
         "rolled_back", "savepoint", "delete_order", "delete_customer")  # fmt: skip


class Writer:
    """Writes. Names are unique over all writers of a run.

    Args:
        seed: of what it chooses; also part of all its names.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.source = random.Random(seed)
        self.count = 0
        self._looked = 0.0

    def name(self) -> str:
        """Return a name that nobody has used."""
        self.count += 1
        return f"w{self.seed}-{self.count}"

    def wait(self) -> None:
        """Return at once while little is due, looking now and then."""
        while time.monotonic() - self._looked > LOOK_S:
            due = Binding.objects.filter(due_at__isnull=False)[:BACKLOG].count()
            due += Change.objects.all()[:BACKLOG].count()
            if due < BACKLOG:
                self._looked = time.monotonic()
            elif stop_asked():
                return
            else:
                time.sleep(LOOK_S / 4)

    def step(self) -> str:
        """Do one thing, and return its name."""
        for kind, share in POISON.items():
            if self.source.random() < share:
                self._poison(kind)
                return kind
        chosen = self.source.choice(STEPS)
        act: Callable[[], Any] = getattr(self, f"_{chosen}")
        act()
        return chosen

    def _poison(self, kind: str) -> None:
        name = self.name()
        Customer.objects.create(email=f"{name}@shop.test", name=f"{kind} {name}")

    def _one(self, model: Any) -> Any:
        mine = model.objects.filter(**{f"{KEYS[model.__name__]}__startswith": f"w{self.seed}-"})
        ids = list(mine.order_by("-pk").values_list("pk", flat=True)[:40])
        return model.objects.filter(pk=self.source.choice(ids)).first() if ids else None

    def _customer(self) -> Any:
        name = self.name()
        return Customer.objects.create(email=f"{name}@shop.test", name=name, country=self.source.choice(["DE", "FR"]))

    def _category(self) -> Any:
        name = self.name()
        return Category.objects.create(name=name, slug=name, parent=self._one(Category))

    def _product(self) -> Any:
        name, category = self.name(), self._one(Category) or self._category()
        return Product.objects.create(name=name, sku=name, category=category, price=self.source.randint(1, 99))

    def _order(self) -> Any:
        customer = self._one(Customer) or self._customer()
        return Order.objects.create(number=self.name(), customer=customer, total=self.source.randint(1, 99))

    def _edit(self) -> None:
        if (product := self._one(Product)) is not None:
            product.stock = self.source.randint(0, 10_000)
            product.save(update_fields=["stock"])

    def _rename(self) -> None:
        customer = self._one(Customer)
        if customer is not None and not customer.name.startswith(tuple(POISON)):  # an edit would revive it
            customer.name = f"{customer.name[:20]} {self.source.randint(0, 999)}"
            customer.save(update_fields=["name"])

    def _hot(self) -> None:
        """Everybody edits the same few rows."""
        rows = list(Product.objects.order_by("pk").values_list("pk", flat=True)[:HOT])
        if rows:
            with transaction.atomic():
                product = Product.objects.select_for_update().get(pk=self.source.choice(rows))
                product.description = self.name()
                product.save(update_fields=["description"])

    def _bulk(self) -> None:
        names = [self.name() for _ in range(5)]
        Customer.objects.bulk_create([Customer(email=f"{name}@shop.test", name=name) for name in names])

    def _update(self) -> None:
        Product.objects.filter(sku__startswith=f"w{self.seed}-", stock__lt=500).update(
            stock=self.source.randint(500, 900)
        )

    def _rolled_back(self) -> None:
        with transaction.atomic():
            self._customer()
            self._edit()
            transaction.set_rollback(True)

    def _savepoint(self) -> None:
        with transaction.atomic():
            self._rename()
            self._rolled_back()
            self._edit()

    def _delete_order(self) -> None:
        if (order := self._one(Order)) is not None:
            order.delete()

    def _delete_customer(self) -> None:
        """With its orders, by the cascade."""
        if (customer := self._one(Customer)) is not None:
            customer.delete()


def stop_asked() -> bool:
    """True once the file beside the log is there."""
    return LOG.with_suffix(".stop").exists()


def main() -> None:
    """Write until the file beside the log appears that says so."""
    writer = Writer(int(sys.argv[1]))
    with LOG.open("a", buffering=1) as lines:
        while not stop_asked():
            began, error, what = time.perf_counter(), "", ""
            try:
                writer.wait()
                began = time.perf_counter()
                what = writer.step()
            except DatabaseError as raised:
                error = type(raised).__name__
                connection.close()
                time.sleep(0.2)
            ms = (time.perf_counter() - began) * 1000
            lines.write(json.dumps({"what": what, "ms": round(ms, 2), "error": error, "at": time.time()}) + "\n")
            time.sleep(writer.source.uniform(0, 2 * PAUSE_S))


if __name__ == "__main__":
    django.setup()
    from django.db import DatabaseError, connection, transaction

    import tests.chaos.remotes  # noqa: F401
    from examples.shop.models import Category, Customer, Order, Product
    from sync import capture
    from sync.models import Binding, Change

    LOG = Path(sys.argv[2])
    KEYS = {"Customer": "email", "Category": "slug", "Product": "sku", "Order": "number"}
    capture.install()
    main()
