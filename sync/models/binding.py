"""This local object is that remote id under one connection. Only ``sync.bindings`` writes it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.correlation.origin import SIZE, id_of
from sync.models.cause import Cause
from sync.models.connection import Connection
from sync.types import Wanted


class State(models.TextChoices):
    """Where an object stands. A person reads it; ``due_at`` is what the drain goes by."""

    PENDING = "pending", _("pending")
    SYNCED = "synced", _("synced")
    RETRYING = "retrying", _("retrying")
    WAITING = "waiting", _("waiting for its parent")
    HELD = "held", _("held")
    IN_DOUBT = "in_doubt", _("held in doubt")
    DEAD = "dead", _("dead")
    ABSENT = "absent", _("absent on both sides")


STUCK = (State.HELD, State.IN_DOUBT, State.DEAD)
"""States that end only by somebody's doing: an edit, a replay, a person's word."""


class Binding(models.Model):
    """One local object under one connection: what was agreed with the remote, what is asked, and when it is due.

    ``due_at`` is the whole schedule: null, nothing to do; past, due; future, a retry's time or the end of a lease.
    ``sent`` and ``seen`` are the base: our payload as last agreed and the remote's answer to it, as canonical JSON
    text. ``intent`` is JSON text of an attempted create: key, body, time. ``waits_for`` is ``type:object id`` of a
    parent. ``uncertain`` names the verb that may have been applied, or says that one may land yet.
    ``actor`` and ``origin`` (correlation id, and traces where they are on) are those of the last change.
    A binding with a ``cause`` is a dead letter, until a later send succeeds; ``ignored`` says why nobody need look.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="bindings")
    object_type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=200)
    model = models.CharField(max_length=200)
    remote_id = models.CharField(max_length=500, null=True, blank=True)
    remote_version = models.CharField(max_length=500, null=True, blank=True)
    sent = models.TextField(null=True, blank=True)
    seen = models.TextField(null=True, blank=True)
    wanted = models.PositiveSmallIntegerField(default=Wanted.AUTO, choices=[(w.value, w.name.lower()) for w in Wanted])
    seq = models.BigIntegerField(default=1)
    due_at = models.DateTimeField(null=True, blank=True)
    lane = models.PositiveSmallIntegerField(default=0)
    lease_token = models.BigIntegerField(default=0)
    leased = models.BooleanField(default=False)
    attempts = models.PositiveIntegerField(default=0)
    claims = models.PositiveIntegerField(default=0)
    uncertain = models.CharField(max_length=10, blank=True, default="")
    intent = models.TextField(null=True, blank=True)
    snapshot = models.TextField(null=True, blank=True)
    waits_for = models.CharField(max_length=320, blank=True, default="")
    rests_until = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    code = models.CharField(max_length=50, blank=True, default="")
    detail = models.CharField(max_length=500, blank=True, default="")
    dirty_since = models.DateTimeField(null=True, blank=True)
    actor = models.CharField(max_length=150, blank=True, default="")
    origin = models.CharField(max_length=SIZE, blank=True, default="", db_default="")
    synced_at = models.DateTimeField(null=True, blank=True)
    cause = models.ForeignKey(
        Cause,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="bindings",
    )
    ignored = models.CharField(max_length=300, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "object_type", "object_id"], name="crudsync_binding_object"),
            models.UniqueConstraint(fields=["connection", "object_type", "remote_id"], name="crudsync_binding_remote"),
        ]
        indexes = [
            models.Index(
                fields=["connection", "lane", "due_at"],
                name="crudsync_binding_due",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(
                fields=["connection", "waits_for"], name="crudsync_binding_waits", condition=~models.Q(waits_for="")
            ),
            models.Index(
                fields=["state", "connection"],
                name="crudsync_binding_stuck",
                condition=models.Q(state__in=["held", "in_doubt", "dead"]),
            ),
            models.Index(
                fields=["model", "object_id", "state", "connection"], name="crudsync_binding_row"
            ),  # wide, so that a filter of the user's own list need not look at the bindings themselves
            models.Index(
                fields=["model", "object_id", "connection"],
                name="crudsync_binding_failed",
                condition=models.Q(state__in=["held", "in_doubt", "dead"]) & ~models.Q(code="unlinked"),
            ),
            models.Index(fields=["state", "id"], name="crudsync_binding_state", condition=~models.Q(state="synced")),
            models.Index(
                fields=["cause"],
                name="crudsync_binding_open_cause",
                condition=models.Q(cause__isnull=False, ignored=""),
            ),
            models.Index(
                fields=["cause"],
                name="crudsync_binding_ignored_cause",
                condition=models.Q(cause__isnull=False) & ~models.Q(ignored=""),
            ),
            models.Index(
                fields=["connection", "state", "due_at"],
                name="crudsync_binding_open",
                condition=models.Q(state__in=["held", "in_doubt", "dead"], ignored=""),
            ),
            models.Index(
                fields=["connection", "state", "due_at"],
                name="crudsync_binding_ignored",
                condition=models.Q(state__in=["held", "in_doubt", "dead"]) & ~models.Q(ignored=""),
            ),
            models.Index(
                fields=["cause", "id"], name="crudsync_binding_cause", condition=models.Q(cause__isnull=False)
            ),
        ]
        permissions = [
            ("replay_binding", _("Can replay dead letters")),
            ("ignore_binding", _("Can ignore dead letters")),
            ("resync_binding", _("Can ask for objects again")),
            ("reveal_binding", _("Can read payloads and answers")),
            ("link_binding", _("Can unlink objects and adopt remote ones")),
        ]
        verbose_name = _("binding")
        verbose_name_plural = _("bindings")

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_id} ↔ {self.remote_id or '–'}"

    @property
    def correlation_id(self) -> str:
        """The id of the request or job that changed it last, empty where there was none."""
        return id_of(self.origin)
