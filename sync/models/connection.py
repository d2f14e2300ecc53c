"""One account at one remote. People write it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Connection(models.Model):
    """One account at one remote, with its credentials and limits.

    ``default`` is made by itself for every registered integrator. ``credentials`` is sealed text
    (``sync.secrets.seal``); ``options`` overrides the settings and the class: ``rate_limit``, ``retry``, ``timeout_s``,
    ``connect_s``, ``threads``.
    """

    integrator = models.CharField(max_length=100)
    name = models.CharField(max_length=100, default="default")
    base_url = models.CharField(max_length=500, blank=True, default="", help_text=_("Empty: the integrator's own."))
    credentials = models.TextField(blank=True, default="", editable=False)
    options = models.JSONField(blank=True, default=dict, help_text=_("Limits, retry and timeouts of this account."))
    paused = models.BooleanField(default=False, help_text=_("Changes are still taken in; nothing is sent."))
    paused_reason = models.CharField(max_length=200, blank=True, default="")
    drains = models.PositiveSmallIntegerField(default=1, help_text=_("How many workers may drain it at once."))
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integrator", "name"], name="crudsync_connection_unique")]
        ordering = ["integrator", "name"]
        permissions = [
            ("manage_secrets", _("Can set and remove credentials")),
            ("pause_connection", _("Can pause and resume a connection")),
        ]
        verbose_name = _("connection")
        verbose_name_plural = _("connections")

    def __str__(self) -> str:
        return f"{self.integrator}/{self.name}"


class Dashboard(Connection):
    """The dashboard's entry in the admin's index, on whatever site: it has no rows of its own."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboard")
