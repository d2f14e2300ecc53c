"""Why objects cannot be sent: one row for all dead letters of one kind. Only ``sync.deadletters`` writes it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Cause(models.Model):
    """What a group of dead letters has in common.

    ``message`` is what was said without what differs from object to object (ids, numbers, dates, quoted values),
    ``example`` the last answer as it was. ``count`` is how often it happened; which objects it holds up now are the
    bindings that name it. ``fingerprint`` is a hash of the other five.
    """

    fingerprint = models.CharField(max_length=64, unique=True, editable=False)
    integrator = models.CharField(max_length=100)
    code = models.CharField(max_length=50, blank=True, default="")
    status_code = models.PositiveSmallIntegerField(default=0)
    field = models.CharField(max_length=100, blank=True, default="")
    message = models.CharField(max_length=200, blank=True, default="")
    example = models.CharField(max_length=500, blank=True, default="")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    count = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["-last_seen"], name="crudsync_cause_last_seen")]
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")

    def __str__(self) -> str:
        parts = (self.code, str(self.status_code or ""), self.field, self.message)
        return f"{self.integrator}: {' '.join(part for part in parts if part)}"
