"""Tables of the same shape: two that we sync, one that nobody does, and one that a task per save does."""

from __future__ import annotations

from django.db import models

from sync.capture import SyncQuerySet


class Person(models.Model):
    """What they have in common."""

    name = models.CharField(max_length=100)
    email = models.CharField(max_length=100)
    phone = models.CharField(max_length=50)
    company = models.CharField(max_length=100)
    city = models.CharField(max_length=100)
    score = models.IntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Contact(Person):
    """Synced by django-crudsync."""

    objects = SyncQuerySet.as_manager()


class Triggered(Person):
    """Synced by django-crudsync, and captured by the database itself."""


class Plain(Person):
    """Synced by nobody: the yardstick of a save."""


class Tasked(Person):
    """Synced as it is usually done: post_save → delay → requests.post → save."""

    remote_id = models.CharField(max_length=100, blank=True, default="")
