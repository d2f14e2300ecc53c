"""How far a backfill is, so that it can be paused and resumed. Only ``sync.resync`` writes it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connection import Connection


class Phase(models.TextChoices):
    """Where a backfill stands."""

    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    LIMITED = "limited", _("stopped at its limit")
    FINISHED = "finished", _("finished")


class Backfill(models.Model):
    """One backfill of one account.

    ``object_types`` are names, parents first; ``object_type`` is the one it is at, and ``after`` the object id that
    was looked at last there, empty at its beginning. ``left`` is how many rows it may still ask for, null for any
    number. ``updated_at`` is when it last told that it lives.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="backfills")
    object_types = models.JSONField(default=list)
    object_type = models.CharField(max_length=100, blank=True, default="")
    after = models.CharField(max_length=200, blank=True, default="")
    total = models.BigIntegerField(default=0)
    scanned = models.BigIntegerField(default=0)
    asked = models.BigIntegerField(default=0)
    left = models.BigIntegerField(null=True, blank=True)
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.RUNNING)
    actor = models.CharField(max_length=150, blank=True, default="")
    elapsed_s = models.FloatField(default=0.0)
    started_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = _("backfill")
        verbose_name_plural = _("backfills")

    def __str__(self) -> str:
        return f"backfill {self.pk}: {self.phase}"
