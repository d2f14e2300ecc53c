"""The inbox, as it is now: nearly empty where workers run."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from sync.admin import show
from sync.admin.readonly import ReadOnlyAdmin
from sync.models import Change


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """Changes that no worker has taken yet."""

    change_form_template = "crudsync/record_form.html"
    list_display = ("__str__", "actor", "reason", show.at("created_at", _("when")))
    list_filter = ("kind",)
