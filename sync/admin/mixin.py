"""What the user's own ModelAdmin gains: a status column, an action, and the object's history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sync.admin import inbox, show
from sync.admin.panel import PAGE, Panel, bindings_of
from sync.exceptions import CrudSyncError
from sync.models import Binding
from sync.models.identity import object_id_of
from sync.registry import model_label
from sync.resync import resync
from sync.types import Wanted

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = object

CACHED = "_crudsync_bindings"
CHANGED = "_crudsync_changed"
ACTION = "crudsync_resync"


class SyncAdminMixin(_Base):
    """Put it before ``ModelAdmin``: ``class ProductAdmin(SyncAdminMixin, admin.ModelAdmin)``.

    Adds the column *Sync*, the action *Resync selected*, a panel on the change form and the page *Sync history*. A
    ``change_form_template`` of your own includes the panel with ``{% include "crudsync/panel.html" %}``.
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

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list with the bindings of its page: two queries for all rows."""
        changelist = super().get_changelist_instance(request)
        self._read_bindings(list(changelist.result_list))
        return changelist

    @admin.display(description=_("Sync"))
    def crudsync_status(self, obj: Model) -> str:
        """Return the object's state, per connection where it has several."""
        rows = getattr(obj, CACHED, None)
        if rows is None:
            rows = list(bindings_of(model_label(type(obj)), [object_id_of(obj.pk)]))
        return show.badges(rows, changed=getattr(obj, CHANGED, False))

    def get_actions(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the actions, with ours where the user may change objects."""
        actions: dict[str, Any] = super().get_actions(request, *args, **kwargs)
        popup = "_popup" in request.GET or "_popup" in request.POST
        if self.actions is not None and not popup and self.has_change_permission(request):
            actions[ACTION] = (type(self)._crudsync_resync, ACTION, _("Resync selected"))
        return actions

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, with the sync history."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_crudsync"
        view = self.admin_site.admin_view(self.crudsync_view)
        return [path("<path:object_id>/crudsync/", view, name=name), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the panel below the form of an existing object."""
        obj = context.get("original")
        if obj is not None:
            url = self._history_url(obj)
            context["crudsync_panel"] = Panel.of_object(obj, request, self.admin_site, url=url)
        return super().render_change_form(request, context, *args, **kwargs)

    def crudsync_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show every attempt at an object; a POST asks for it again."""
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            raise Http404
        if request.method == "POST":
            return self._ask(request, obj)
        url = self._history_url(obj)
        panel = Panel.of_object(obj, request, self.admin_site, size=PAGE, before=_number(request), url=url)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Sync history: %(object)s") % {"object": obj},
            "opts": self.opts,
            "original": obj,
            "crudsync_panel": panel,
            "may_ask": self.has_change_permission(request, obj),
            "media": self.media,
        }
        return TemplateResponse(request, "crudsync/history.html", context)

    def _crudsync_resync(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._tell(request, queryset, Wanted.PUSH)

    def _ask(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if not self.has_change_permission(request, obj):
            raise PermissionDenied
        wanted = Wanted.VERIFY if "_verify" in request.POST else Wanted.PUSH
        if self._tell(request, [obj], wanted):
            self.log_change(request, obj, f"crudsync: asked to {wanted.name.lower()}")
        return HttpResponseRedirect(self._history_url(obj))

    def _tell(self, request: HttpRequest, objects: Any, wanted: Wanted) -> bool:
        try:
            total = resync(objects, actor=request.user.get_username(), reason=show.asked_for(wanted), wanted=wanted)
        except CrudSyncError as error:
            self.message_user(request, str(error), messages.ERROR)
            return False
        text = ngettext("%(n)d object was asked for.", "%(n)d objects were asked for.", total) % {"n": total}
        self.message_user(request, text, messages.SUCCESS)
        return True

    def _read_bindings(self, rows: list[Any]) -> None:
        found: dict[str, list[Binding]] = {}
        model: type[Model] = self.model
        label, ids = model_label(model), [object_id_of(row.pk) for row in rows]
        for binding in bindings_of(label, ids) if rows else ():
            found.setdefault(binding.object_id, []).append(binding)
        changed = inbox.waiting(label, ids) if rows else frozenset()
        for row, object_id in zip(rows, ids, strict=True):
            setattr(row, CACHED, found.get(object_id, []))
            setattr(row, CHANGED, object_id in changed)

    def _history_url(self, obj: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_crudsync"
        return reverse(name, args=(admin.utils.quote(obj.pk),), current_app=self.admin_site.name)


def _number(request: HttpRequest) -> int:
    given = request.GET.get("before", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0
