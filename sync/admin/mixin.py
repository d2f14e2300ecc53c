"""What the user's own ModelAdmin gains: a status column, filters, actions, a panel, and pages about each object."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from sync.admin.deeds import ObjectDeeds
from sync.admin.filters import SyncConnectionFilter, SyncStateFilter, usable
from sync.admin.narrowed import narrowed
from sync.admin.object_pages import ObjectPages
from sync.monitoring.statuses import read_statuses, statuses_of

FILTERS = (SyncStateFilter, SyncConnectionFilter)


class SyncAdminMixin(ObjectPages, ObjectDeeds):
    """Put it before ``ModelAdmin``: ``class ProductAdmin(SyncAdminMixin, admin.ModelAdmin)``.

    Adds the column *Sync*, two filters, the actions *Resync*, *Push now*, *Pull* and *Ignore*, a panel on the change
    form that says in one sentence what became of the object, and pages: its history, the difference to the remote now,
    unlink and adopt. A ``change_form_template`` of your own includes the panel with
    ``{% include "crudsync/panel.html" %}``.
    """

    change_form_template = "crudsync/change_form.html"

    @property
    def media(self) -> forms.Media:
        """The admin's own files, and the style of our badges."""
        return super().media + forms.Media(css={"all": ["crudsync/admin.css"]})

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns with the status at the end, unless it is placed among them."""
        columns = tuple(super().get_list_display(request))
        return columns if "crudsync_status" in columns else (*columns, "crudsync_status")

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the filters with ours at the end, unless they are placed among them."""
        found = tuple(super().get_list_filter(request))
        return (*found, *(each for each in FILTERS if each not in found)) if usable(self.model) else found

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the kind of list; under one of our filters it counts a thousand rows further than its page at most."""
        return narrowed(super().get_changelist(request, **kwargs))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list with the bindings of its page: two queries for all rows."""
        changelist = super().get_changelist_instance(request)
        read_statuses(list(changelist.result_list))
        return changelist

    @admin.display(description=_("Sync"))
    def crudsync_status(self, obj: Model) -> str:
        """Return the object's state, per connection where it has several."""
        return statuses_of(obj).badges

    def get_actions(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the actions, with those of ours that the user may take."""
        actions: dict[str, Any] = super().get_actions(request, *args, **kwargs)
        popup = "_popup" in request.GET or "_popup" in request.POST
        if self.actions is not None and not popup:
            actions |= self.crudsync_actions(request)
        return actions

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the panel below the form of an existing object, but not in a popup."""
        obj = context.get("original")
        if obj is not None and not context.get("is_popup"):
            context["crudsync_panel"] = self.crudsync_panel(request, obj)
        return super().render_change_form(request, context, *args, **kwargs)
