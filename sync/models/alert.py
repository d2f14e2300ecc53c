"""When somebody is told: rules that people may change, incidents, and their messages, which ``monitoring`` writes."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connection import Connection


class RuleKind(models.TextChoices):
    """What a rule measures."""

    OLDEST_UNSENT = "oldest_unsent", _("age of the oldest unsent change, seconds")
    FAILURE_SHARE = "failure_share", _("share of calls that failed, 0 to 1")
    DEAD_LETTERS = "dead_letters", _("open dead letters")
    PAUSED = "paused", _("the connection is paused (1)")
    GATE_SHUT = "gate_shut", _("the gate is shut (1)")
    DEVIATION = "deviation", _("by what factor calls differ from the same hour before")
    NO_SWEEP = "no_sweep", _("age of the last sweep, seconds")
    NO_WORKER = "no_worker", _("no worker is alive (1)")


class AlertRule(models.Model):
    """A rule in place of a shipped one of the same name, or one of the host's own.

    Without a connection it holds for all; one with a connection stands, there, in place of all others of its kind.
    It fires where the value reaches ``threshold`` for ``for_s`` seconds, and recovers where the value has been at
    ``recovery`` or below for ``quiet_s`` seconds. ``window_s`` is how far back shares and deviations look, ``least``
    how many calls they need. Where something is still wrong after ``renotify_s`` it is told again; 0: never.
    """

    name = models.SlugField(max_length=50, unique=True)
    kind = models.CharField(max_length=20, choices=RuleKind.choices)
    connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.CASCADE, help_text=_("Empty: every connection.")
    )
    enabled = models.BooleanField(default=True)
    threshold = models.FloatField(default=1.0, validators=[MinValueValidator(0.0)])
    recovery = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.0)], help_text=_("Empty: four fifths of the threshold.")
    )
    for_s = models.PositiveIntegerField(default=60, help_text=_("Seconds."))
    quiet_s = models.PositiveIntegerField(default=120, help_text=_("Seconds."))
    renotify_s = models.PositiveIntegerField(default=0, help_text=_("Seconds; 0: once is enough."))
    window_s = models.PositiveIntegerField(default=300, help_text=_("Seconds."))
    least = models.PositiveIntegerField(default=10, help_text=_("Calls."))
    channels = models.JSONField(default=list, blank=True, help_text=_("Names of channels; empty: all."))

    class Meta:
        ordering = ["name"]
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")

    def __str__(self) -> str:
        return self.name


class IncidentState(models.TextChoices):
    """Where an incident stands."""

    PENDING = "pending", _("pending")
    OPEN = "open", _("open")
    RESOLVED = "resolved", _("resolved")


class Incident(models.Model):
    """Something was wrong, from ``began_at`` until ``resolved_at``; told of once ``opened_at`` is set.

    ``key`` groups what has one cause, ``reasons`` holds what each rule saw by ``rule:connection id``. ``live`` is the
    key while it is not over, and null afterwards, so that there is one at a time.
    """

    key = models.CharField(max_length=150)
    live = models.CharField(max_length=150, null=True, unique=True, editable=False)
    theme = models.CharField(max_length=20)
    integrator = models.CharField(max_length=100, blank=True, default="")
    state = models.CharField(max_length=10, choices=IncidentState.choices, default=IncidentState.PENDING)
    title = models.CharField(max_length=200)
    reasons = models.JSONField(default=dict)
    channels = models.JSONField(default=list)
    began_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "-id"], name="crudsync_incident_state")]
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")

    def __str__(self) -> str:
        return self.title


class Notice(models.Model):
    """One message of an incident on one channel; due until it is sent or given up."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="notices")
    event = models.CharField(max_length=10)
    number = models.PositiveIntegerField(default=1)
    channel = models.CharField(max_length=50)
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "event", "number", "channel"], name="crudsync_notice_unique")
        ]
        indexes = [
            models.Index(fields=["due_at"], name="crudsync_notice_due", condition=models.Q(due_at__isnull=False))
        ]
        verbose_name = _("notice")
        verbose_name_plural = _("notices")

    def __str__(self) -> str:
        return f"{self.event} of {self.incident_id} by {self.channel}"
