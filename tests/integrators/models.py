"""Models that no table stands behind: for mappings, which read rows and never write them."""
# ruff: noqa: DJ008 - nobody prints these rows

from __future__ import annotations

import uuid

from django.db import models


class Lab(models.TextChoices):
    WET = "wet", "Wet"
    DRY = "dry", "Dry"


class Owner(models.Model):
    code = models.CharField(max_length=10, unique=True)

    class Meta:
        app_label = "integrators_tests"


class Gadget(models.Model):
    """One of every kind of column."""

    name = models.CharField(max_length=20)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    weight = models.FloatField(default=0.0)
    uid = models.UUIDField(default=uuid.uuid4)
    made_at = models.DateTimeField()
    made_on = models.DateField(null=True)
    opens = models.TimeField(null=True)
    lasts = models.DurationField(null=True)
    facts = models.JSONField(default=dict)
    lab = models.CharField(max_length=5, choices=Lab.choices, default=Lab.WET)
    active = models.BooleanField(default=True)
    raw = models.BinaryField(editable=True, default=b"")
    manual = models.FileField(upload_to="manuals")
    password = models.CharField(max_length=20, default="")
    api_token = models.CharField(max_length=20, default="")
    client_secret = models.CharField(max_length=20, default="")
    touched_at = models.DateTimeField(auto_now=True)
    owner = models.ForeignKey(Owner, null=True, on_delete=models.CASCADE)
    by_code = models.ForeignKey(Owner, null=True, on_delete=models.CASCADE, to_field="code", related_name="+")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE)
    owners = models.ManyToManyField(Owner, related_name="+")

    class Meta:
        app_label = "integrators_tests"

    @property
    def label(self) -> str:
        return f"{self.name}!"

    @property
    def broken(self) -> str:
        raise RuntimeError("no label today")


class Special(Gadget):
    """A multi-table child."""

    extra = models.CharField(max_length=5, default="x")

    class Meta:
        app_label = "integrators_tests"


class Stand(Gadget):
    """A proxy."""

    class Meta:
        proxy = True
        app_label = "integrators_tests"


class Dictish(models.Model):
    """A model with the dict() of the seed contract."""

    title = models.CharField(max_length=20)

    class Meta:
        app_label = "integrators_tests"

    def dict(self) -> dict[str, object]:
        return {"heading": self.title}


class Country(models.Model):
    iso = models.CharField(max_length=2)

    class Meta:
        app_label = "integrators_tests"


class Customer(models.Model):
    """The customer of the design's second snippet."""

    email = models.EmailField()
    name = models.CharField(max_length=50)
    credit = models.IntegerField(default=0)
    is_active = models.BooleanField(default=True)
    country = models.ForeignKey(Country, null=True, on_delete=models.CASCADE)

    class Meta:
        app_label = "integrators_tests"


class Legacy(models.Model):
    """A model as users of older packages of this shape wrote it: ``object_id`` is the caller's own reference."""

    object_id = models.IntegerField()
    name = models.CharField(max_length=20, default="")

    class Meta:
        app_label = "integrators_tests"
