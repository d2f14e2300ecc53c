"""The application's configuration."""

from __future__ import annotations

from django.apps import AppConfig


class CrmConfig(AppConfig):
    """Contacts, synced and unsynced."""

    name = "benchmarks.crm"
    label = "crm"
    default_auto_field = "django.db.models.BigAutoField"
