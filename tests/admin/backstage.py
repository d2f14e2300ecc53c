"""A second admin site beside the first, with models of every kind: proxies, children, keys by hand, inlines."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import path

from sync.admin import SyncAdminMixin
from sync.admin.filters import SyncStateFilter
from tests.admin.site import site as first
from tests.zoo.models import Animal, Bird, Crate, Enclosure, Penguin, Pet, Ticket

site = admin.AdminSite(name="backstage")


class SeatInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Ticket.seats.through


class TicketAdmin(SyncAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    inlines = (SeatInline,)
    list_filter = (SyncStateFilter, "price")


class Plain(SyncAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Nothing of its own."""


class NoActions(SyncAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    actions = None
    change_form_template = "admin/change_form.html"
    list_display: Any = ("crudsync_status", "__str__")
    list_display_links = ("__str__",)


site.register(Ticket, TicketAdmin)
site.register([Crate, Pet, Penguin, Enclosure], Plain)
site.register([Animal, Bird], NoActions)

urlpatterns = [path("admin/", first.urls), path("backstage/", site.urls)]
