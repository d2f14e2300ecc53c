"""The task record: one attempt at one call. Only ``sync.operations`` writes it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.correlation.ids import LENGTH
from sync.models.binding import Binding
from sync.models.connection import Connection
from sync.types import Verb


class Status(models.TextChoices):
    """How an attempt ended."""

    STARTED = "started", _("started")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("unknown")
    NOT_SENT = "not_sent", _("not sent")
    STALE = "stale", _("stale")


VERBS = (*(verb.value for verb in Verb), "unlink", "adopt")


class Operation(models.Model):
    """One attempt at one create, update, delete or look-up. Committed before the request is sent, completed after.

    ``unlink`` and ``adopt`` are what a person decided: nothing was sent (see ``sync.operations.deeds``).

    ``duration_ms`` is the call's, ``body_hash`` the SHA-256 of what was sent, ``request`` and ``response`` are
    redacted excerpts, ``task_id`` is that of the Celery task, ``correlation_id`` that of the request or job which
    changed the object. ``waited_ms`` is how long its token had still to be waited for; null where no limit holds, and
    on all but the first object of a call for many. ``applied_ms`` is set for the write that made an object synced: from
    the save to the settlement.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="operations", db_index=False)
    binding = models.ForeignKey(
        Binding,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="operations",
    )
    object_type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=200)
    verb = models.CharField(max_length=10, choices=[(name, name) for name in VERBS])
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.STARTED)
    attempt = models.PositiveIntegerField(default=1)
    lease_token = models.BigIntegerField(default=0)
    seq = models.BigIntegerField(default=0)
    key = models.CharField(max_length=64, blank=True, default="")
    body_hash = models.CharField(max_length=64, blank=True, default="")
    method = models.CharField(max_length=10, blank=True, default="")
    url = models.CharField(max_length=1000, blank=True, default="")
    request = models.TextField(blank=True, default="")
    response = models.TextField(blank=True, default="")
    status_code = models.PositiveSmallIntegerField(default=0)
    code = models.CharField(max_length=50, blank=True, default="")
    detail = models.CharField(max_length=500, blank=True, default="")
    remote_id = models.CharField(max_length=500, null=True, blank=True)
    duration_ms = models.FloatField(null=True, blank=True)
    waited_ms = models.FloatField(null=True, blank=True)
    applied_ms = models.FloatField(null=True, blank=True)
    actor = models.CharField(max_length=150, blank=True, default="")
    task_id = models.CharField(max_length=64, blank=True, default="")
    correlation_id = models.CharField(max_length=LENGTH, blank=True, default="", db_default="")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["binding", "-id"], name="crudsync_operation_binding"),
            models.Index(fields=["connection", "-id"], name="crudsync_operation_conn"),
            models.Index(fields=["started_at"], name="crudsync_operation_started"),
            models.Index(
                fields=["correlation_id"], name="crudsync_operation_corr", condition=~models.Q(correlation_id="")
            ),
        ]
        verbose_name = _("operation")
        verbose_name_plural = _("operations")

    def __str__(self) -> str:
        return f"{self.verb} {self.object_type} {self.object_id}: {self.status}"
