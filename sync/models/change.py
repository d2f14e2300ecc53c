"""The inbox: this object changed. Capture inserts, intake removes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """What happened to the object."""

    SAVE = "save", _("saved")
    DELETE = "delete", _("deleted")
    RELATION = "relation", _("relation changed")


class Change(models.Model):
    """One object changed, in the transaction that changed it. Names no connection.

    ``model`` is the concrete model's label in lower case (``shop.product``), ``object_id`` its primary key as text,
    ``snapshot`` (deletes only) JSON text of what a look-up of the vanished row would need.
    """

    model = models.CharField(max_length=200)
    object_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.SAVE)
    lane = models.PositiveSmallIntegerField(default=0)
    actor = models.CharField(max_length=150, blank=True, default="")
    reason = models.CharField(max_length=200, blank=True, default="")
    snapshot = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")

    def __str__(self) -> str:
        return f"{self.model} {self.object_id} {self.kind}"
