"""The inbox, as it is now: nearly empty where workers run."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sync.admin import show
from sync.admin.keyset import KeysetAdmin
from sync.admin.permissions import REVEAL, may
from sync.models import Change


@admin.register(Change)
class ChangeAdmin(KeysetAdmin):
    """Changes that no worker has taken yet."""

    change_form_template = "crudsync/record_form.html"
    list_display = ("__str__", "actor", "reason", show.at("created_at", _("when")))
    list_filter = ("kind",)

    def get_fields(self, request: HttpRequest, obj: Change | None = None) -> Any:
        """Return what is shown; what a deleted object held only to those who may read payloads."""
        return [name for name in super().get_fields(request, obj) if name != "snapshot" or may(request, REVEAL)]
