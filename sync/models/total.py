"""What a connection has done in all its life, up to a minute: counters that outlive the rows they were counted from."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connection import Connection


class Total(models.Model):
    """The sums of the minutes before ``until``; ``counted`` has a number for each of their columns."""

    connection = models.OneToOneField(Connection, primary_key=True, on_delete=models.CASCADE, related_name="total")
    until = models.DateTimeField()
    counted = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("total")
        verbose_name_plural = _("totals")

    def __str__(self) -> str:
        return f"{self.connection_id} until {self.until:%Y-%m-%d %H:%M}"
