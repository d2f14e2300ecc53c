"""Whether a connection may send: its gate, its drains' slots, and when the last sweep was. The drain writes them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connection import Connection


class Gate(models.Model):
    """One per connection: until when nothing is sent, and why. Written on transitions only.

    ``streak`` lists the last failures that may be the connection's own (object keys, newest last); ``closures`` counts
    how often in a row the gate was shut, for its backoff. ``probe_until`` is the expiry of the probe's claim, and
    ``refresh_until`` that of the lease under which one worker renews the token.
    """

    connection = models.OneToOneField(Connection, primary_key=True, on_delete=models.CASCADE, related_name="gate")
    blocked_until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, default="")
    closures = models.PositiveIntegerField(default=0)
    streak = models.JSONField(default=list, blank=True)
    probe_token = models.CharField(max_length=32, blank=True, default="")
    probe_until = models.DateTimeField(null=True, blank=True)
    refresh_token = models.CharField(max_length=32, blank=True, default="")
    refresh_until = models.DateTimeField(null=True, blank=True)
    next_token_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("gate")
        verbose_name_plural = _("gates")

    def __str__(self) -> str:
        return f"gate of {self.connection_id}"


class Slot(models.Model):
    """One drain at work on a connection. For fairness, never for correctness: it expires by itself."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="slots")
    number = models.PositiveSmallIntegerField()
    holder = models.CharField(max_length=64, blank=True, default="")
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "number"], name="crudsync_slot_unique")]
        verbose_name = _("slot")
        verbose_name_plural = _("slots")

    def __str__(self) -> str:
        return f"slot {self.number} of {self.connection_id}"


class Sweep(models.Model):
    """When something periodic last ran, one row a name (``sweep``, ``prune``)."""

    name = models.CharField(max_length=50, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("sweep")
        verbose_name_plural = _("sweeps")

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
