"""``manage.py shop_seed``: sample rows."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from examples.shop.samples import seed
from sync import actor


class Command(BaseCommand):
    """Create the sample rows that are not there yet."""

    help = "Create sample categories, products, customers and orders; what is there already stays as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--count", type=int, default=100, help="products to have (default 100)")

    def handle(self, *args: Any, count: int, **options: Any) -> None:
        """Seed, and say what the shop now has."""
        if count < 1:
            raise CommandError("--count must be 1 or more")
        with actor("shop_seed"):
            made = seed(count)
        self.stdout.write(", ".join(f"{name}: {number}" for name, number in made.items()))
