"""The Django application. Touches no database."""

from __future__ import annotations

import importlib

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SyncConfig(AppConfig):
    """``crudsync``: the identity word of everything here."""

    name = "sync"
    label = "crudsync"
    verbose_name = _("Sync")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Find integrators, hook capture onto their models, and load checks and tasks."""
        from sync import capture, registry

        importlib.import_module("sync.checks")
        importlib.import_module("sync.monitoring.checks")
        registry.autodiscover()
        capture.install()
        registry.subscribe(capture.install)
        load_tasks()


def load_tasks() -> None:
    """Import our tasks by name; where ``tasks`` is the host's own package, load ours by its path."""
    module = importlib.import_module("sync.loading")
    module.load()
