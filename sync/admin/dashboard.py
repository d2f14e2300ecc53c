"""The dashboard's entry in the admin's index: it leads to the page, wherever the site has mounted it."""
# ruff: noqa: ARG002 - the signatures are Django's

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse

from sync.admin.permissions import may
from sync.admin.readonly import ReadOnlyAdmin
from sync.models import Dashboard

VIEW = "crudsync.view_connection"


@admin.register(Dashboard)
class DashboardAdmin(ReadOnlyAdmin):
    """Shown to whoever may view connections, where the site includes ``sync.dashboard.urls``."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may view connections."""
        return obj is None and may(request, VIEW) and bool(address())

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return self.has_view_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Lead to the dashboard."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(address())


def address() -> str:
    """Return where the dashboard is, empty where the site has not mounted it."""
    try:
        return reverse("crudsync:dashboard")
    except NoReverseMatch:
        return ""
