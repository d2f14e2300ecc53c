"""Patients, and visits, which need their patient at the remote first."""

from __future__ import annotations

from django.db import models

from benchmarks.crm.models import Person
from sync.capture import SyncQuerySet


class Patient(Person):
    """Healthy, or poison by name."""

    objects = SyncQuerySet.as_manager()


class Visit(models.Model):
    """A child."""

    name = models.CharField(max_length=100)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE)

    objects = SyncQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
