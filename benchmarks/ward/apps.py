"""The application's configuration."""

from __future__ import annotations

from django.apps import AppConfig


class WardConfig(AppConfig):
    """Patients, most of them well."""

    name = "benchmarks.ward"
    label = "ward"
    default_auto_field = "django.db.models.BigAutoField"
