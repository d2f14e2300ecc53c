"""The inbox: this object changed. Capture inserts, intake removes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.correlation.origin import SIZE, id_of


class Kind(models.TextChoices):
    """What happened to the object."""

    SAVE = "save", _("saved")
    DELETE = "delete", _("deleted")
    RELATION = "relation", _("relation changed")


class Change(models.Model):
    """One object changed, in the transaction that changed it. Names no connection.

    ``model`` is the concrete model's label in lower case (``shop.product``), ``object_id`` its primary key as text,
    ``snapshot`` (deletes only) JSON text of what a look-up of the vanished row would need, ``origin`` the correlation
    id of its writer and, where they are on, its trace.
    """

    model = models.CharField(max_length=200)
    object_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.SAVE)
    lane = models.PositiveSmallIntegerField(default=0)
    actor = models.CharField(max_length=150, blank=True, default="")
    reason = models.CharField(max_length=200, blank=True, default="")
    origin = models.CharField(max_length=SIZE, blank=True, default="", db_default="")
    snapshot = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")

    def __str__(self) -> str:
        return f"{self.model} {self.object_id} {self.kind}"

    @property
    def correlation_id(self) -> str:
        """The id of the request or job that changed it, empty where there was none."""
        return id_of(self.origin)
