"""Unlink and adopt: a page each, which says in plain words what follows before anything is done."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from sync import registry
from sync.admin.difference import Difference
from sync.admin.forms import AdoptForm, UnlinkForm
from sync.admin.object_page import ObjectPage
from sync.admin.permissions import LINK, REVEAL, may
from sync.exceptions import CrudSyncError
from sync.models import Binding
from sync.monitoring.words import where
from sync.reconcile import Trouble, diff
from sync.resync import adopt, unlink
from sync.resync.linking import follows


class LinkPages(ObjectPage):
    """The two pages."""

    def crudsync_unlink_view(
        self, request: HttpRequest, object_id: str, connection_id: int, object_type: str
    ) -> HttpResponse:
        """Say what follows, ask for a reason, then forget the remote id."""
        obj = self.crudsync_object(request, object_id, LINK)
        binding = self.crudsync_binding(obj, connection_id, object_type)
        if binding.pk is None:
            raise Http404
        form = UnlinkForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            return _unlinked(self, request, obj, binding, form.cleaned_data["reason"])
        context = {
            "title": _("Unlink from %(where)s: %(object)s") % {"where": where(binding.connection), "object": obj},
            "form": form,
            "binding": binding,
            "where": where(binding.connection),
            "follows": _follows(binding),
            "submit": _("Unlink"),
        }
        return self.crudsync_page(request, obj, "unlink", context)

    def crudsync_adopt_view(
        self, request: HttpRequest, object_id: str, connection_id: int, object_type: str
    ) -> HttpResponse:
        """Ask for the remote id, show what is there, then bind the object to it."""
        obj = self.crudsync_object(request, object_id, LINK)
        binding = self.crudsync_binding(obj, connection_id, object_type)
        form = AdoptForm(request.POST if request.method == "POST" else None, binding=binding)
        difference = None
        if form.is_bound and form.is_valid():
            remote_id = form.cleaned_data["remote_id"]
            if "_adopt" in request.POST and form.cleaned_data["looked"] == remote_id:
                return _adopted(self, request, obj, binding, remote_id, form.cleaned_data["reason"])
            difference = Difference.of(diff(binding, remote_id=remote_id, reveal=may(request, REVEAL)))
            form = form.looked_at(remote_id)
        context = {
            "title": _("Adopt an object at %(where)s: %(object)s")
            % {"where": where(binding.connection), "object": obj},
            "form": form,
            "binding": binding,
            "where": where(binding.connection),
            "difference": difference,
            "usable": difference is not None and difference.diff.trouble is not Trouble.NOT_THERE,
        }
        return self.crudsync_page(request, obj, "adopt", context)


def _follows(binding: Binding) -> str:
    integrator: Any = registry.get(binding.connection.integrator)
    return follows(integrator.types()[binding.object_type]).value


def _unlinked(site: ObjectPage, request: HttpRequest, obj: Any, binding: Binding, reason: str) -> HttpResponse:
    try:
        remote_id = unlink(binding, request.user.get_username(), reason)
    except CrudSyncError as error:
        site.message_user(request, str(error), messages.ERROR)
    else:
        site.log_change(request, obj, f"crudsync: unlinked from {remote_id}: {reason}")
        site.message_user(request, _("It is tied to nothing there now."), messages.SUCCESS)
    return HttpResponseRedirect(site.crudsync_url(obj))


def _adopted(
    site: ObjectPage, request: HttpRequest, obj: Any, binding: Binding, remote_id: str, reason: str
) -> HttpResponse:
    try:
        adopt(binding, remote_id, request.user.get_username(), reason)
    except CrudSyncError as error:
        site.message_user(request, str(error), messages.ERROR)
    else:
        site.log_change(request, obj, f"crudsync: bound to {remote_id}{f': {reason}' if reason else ''}")
        text = _("It is bound to %(id)s. A worker reads it there, then sends what differs.") % {"id": remote_id}
        site.message_user(request, text, messages.SUCCESS)
    return HttpResponseRedirect(site.crudsync_url(obj))
