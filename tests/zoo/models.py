# ruff: noqa: DJ008 - nobody reads them
from __future__ import annotations

import uuid

from django.db import models

from sync.capture.queryset import SyncQuerySet


class Keeper(models.Model):
    """An ordinary manager: its bulk writes are nobody's business."""

    name = models.CharField(max_length=50)


class Enclosure(models.Model):
    name = models.CharField(max_length=50)
    head = models.ForeignKey(Keeper, null=True, on_delete=models.CASCADE, related_name="+")


class Animal(models.Model):
    name = models.CharField(max_length=50)
    chip = models.CharField(max_length=20, unique=True, null=True)
    legs = models.IntegerField(default=4)
    enclosure = models.ForeignKey(Enclosure, null=True, on_delete=models.SET_NULL, related_name="animals")
    keepers = models.ManyToManyField(Keeper, related_name="animals")
    friends = models.ManyToManyField("self")
    rivals = models.ManyToManyField("self", symmetrical=False, related_name="rivalled_by")

    objects = SyncQuerySet.as_manager()


class Pet(Animal):
    """A proxy: the same table under another name."""

    class Meta:
        proxy = True


class Bird(Animal):
    wingspan = models.IntegerField(default=0)

    objects = SyncQuerySet.as_manager()


class Penguin(Bird):
    height = models.IntegerField(default=0)

    objects = SyncQuerySet.as_manager()


class Swimmer(Animal):
    """A second role of the same animal."""

    depth = models.IntegerField(default=0)

    objects = SyncQuerySet.as_manager()


class Ticket(models.Model):
    """Keys by hand, a secret, and values of many kinds."""

    code = models.CharField(max_length=20, primary_key=True)
    price = models.DecimalField(max_digits=6, decimal_places=2, default=0)
    serial = models.UUIDField(default=uuid.uuid4)
    access_token = models.CharField(max_length=50, default="", blank=True)
    extra = models.JSONField(default=dict, blank=True)
    seats = models.ManyToManyField(Enclosure, through="Seat")

    objects = SyncQuerySet.as_manager()


class Seat(models.Model):
    """A relation with a model of its own."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE)
    enclosure = models.ForeignKey(Enclosure, on_delete=models.CASCADE)
    row = models.IntegerField(default=0)


class Stamp(models.Model):
    """Unique in two ways, neither by one field that is always there."""

    country = models.CharField(max_length=2)
    number = models.IntegerField()
    album = models.CharField(max_length=20, null=True)

    objects = SyncQuerySet.as_manager()

    class Meta:
        unique_together = [("country", "number")]


class Note(models.Model):
    """Nothing but its key is unique."""

    text = models.CharField(max_length=50)

    objects = SyncQuerySet.as_manager()


class Feeding(models.Model):
    """A key of two columns."""

    pk = models.CompositePrimaryKey("animal", "day")
    animal = models.IntegerField()
    day = models.DateField()
    grams = models.IntegerField(default=0)

    objects = SyncQuerySet.as_manager()


class Member(models.Model):
    """Related by a column that is not its key."""

    number = models.CharField(max_length=20, unique=True)
    clubs = models.ManyToManyField(Enclosure, through="Membership", related_name="members")

    objects = SyncQuerySet.as_manager()


class Membership(models.Model):
    member = models.ForeignKey(Member, to_field="number", on_delete=models.CASCADE)
    club = models.ForeignKey(Enclosure, on_delete=models.CASCADE)


class Crate(models.Model):
    """A key that the database does not give."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    label = models.CharField(max_length=50)
