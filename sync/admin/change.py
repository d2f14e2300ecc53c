"""The inbox, as it is now: nearly empty where workers run."""

from __future__ import annotations

from django.contrib import admin

from sync.admin.readonly import ReadOnlyAdmin
from sync.models import Change


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """Changes that no worker has taken yet."""

    list_display = ("__str__", "kind", "actor", "reason", "created_at")
    list_filter = ("kind",)
