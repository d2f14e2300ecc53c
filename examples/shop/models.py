"""What the shop sells, to whom, and what they ordered."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models

from sync import SyncQuerySet


class Category(models.Model):
    """A place in the catalogue; under another one, or at the top."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")

    objects = SyncQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word that products share. It is not synced itself: its name travels with each product."""

    name = models.CharField(max_length=50, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """One thing for sale."""

    class Status(models.TextChoices):
        """Where a product stands."""

        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        ARCHIVED = "archived", "Archived"

    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="products")
    name = models.CharField(max_length=200)
    sku = models.CharField(max_length=50, unique=True)
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(Decimal(0))])
    stock = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    description = models.TextField(blank=True, default="")
    picture_url = models.URLField(max_length=500, blank=True, default="")
    tags = models.ManyToManyField(Tag, blank=True, related_name="products")

    objects = SyncQuerySet.as_manager()

    class Meta:
        ordering = ["name", "sku"]

    def __str__(self) -> str:
        return self.name

    @property
    def tag_names(self) -> list[str]:
        """The names of its tags, in order."""
        return sorted(tag.name for tag in self.tags.all()) if self.pk else []


class Customer(models.Model):
    """Somebody who buys. ``credit`` is decided at the remote and comes back from it."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2, blank=True, default="")
    is_active = models.BooleanField(default=True)
    credit = models.IntegerField(null=True, blank=True, editable=False)

    objects = SyncQuerySet.as_manager()

    class Meta:
        ordering = ["name", "email"]

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """What a customer ordered."""

    class Status(models.TextChoices):
        """How far an order is."""

        OPEN = "open", "Open"
        PAID = "paid", "Paid"
        SHIPPED = "shipped", "Shipped"

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="orders")
    number = models.CharField(max_length=20, unique=True)
    total = models.DecimalField(max_digits=12, decimal_places=2, default=Decimal(0))
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.OPEN)

    objects = SyncQuerySet.as_manager()

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return self.number
