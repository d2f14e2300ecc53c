"""Pages about one object of the user's own: its history, both sides of it, and the ties that a person makes or cuts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from sync import registry
from sync.admin import show
from sync.admin.deeds import ObjectDeeds
from sync.admin.difference import Difference
from sync.admin.forms import ReasonForm
from sync.admin.links import LinkPages
from sync.admin.panel import PAGE, Panel
from sync.admin.permissions import IGNORE, LINK, RESYNC, REVEAL, may
from sync.models import Binding
from sync.models.database import alias
from sync.monitoring.words import where
from sync.reconcile import diff
from sync.types import Wanted

View = Callable[..., HttpResponse]


class ObjectPages(LinkPages, ObjectDeeds):
    """The pages and their addresses; what is done on them is in ``ObjectDeeds`` and ``LinkPages``."""

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, with ours about each object."""
        views: dict[str, View] = {
            "diff": self.crudsync_diff_view,
            "ignore": self.crudsync_ignore_view,
            "unlink": self.crudsync_unlink_view,
            "adopt": self.crudsync_adopt_view,
        }
        name = f"{self.opts.app_label}_{self.opts.model_name}_crudsync"
        base = "<path:object_id>/crudsync/"
        one = f"{base}<int:connection_id>/<str:object_type>/"
        own = [path(base, self._wrapped(self.crudsync_view), name=name)]
        own += [path(f"{one}{word}/", self._wrapped(view), name=f"{name}_{word}") for word, view in views.items()]
        return [*own, *super().get_urls()]

    def _wrapped(self, view: View) -> View:
        """For the staff, and never in a transaction of the request's own: some of them call the remote."""
        return transaction.non_atomic_requests(alias())(self.admin_site.admin_view(view))

    def crudsync_panel(self, request: HttpRequest, obj: Any, **more: Any) -> Panel:
        """Return the panel of an object, with links to what this user may do."""
        return Panel.of_object(
            obj,
            request,
            self.admin_site,
            url=self.crudsync_url(obj),
            links=lambda binding: self._links(request, obj, binding),
            may_ask=may(request, RESYNC),
            **more,
        )

    # --- pages ---

    def crudsync_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show every attempt at an object; a POST asks for it again, or pushes it now."""
        obj = self.crudsync_object(request, object_id)
        if request.method == "POST":
            return self._asked(request, obj)
        panel = self.crudsync_panel(request, obj, size=PAGE, before=_number(request))
        context = {"title": _("Sync history: %(object)s") % {"object": obj}, "crudsync_panel": panel}
        return self.crudsync_page(request, obj, "history", {**context, "may_ask": panel.may_ask})

    def crudsync_diff_view(
        self, request: HttpRequest, object_id: str, connection_id: int, object_type: str
    ) -> HttpResponse:
        """Read the remote now, and show both sides."""
        obj = self.crudsync_object(request, object_id)
        binding = self.crudsync_binding(obj, connection_id, object_type)
        context = {
            "title": _("Here and at %(where)s: %(object)s") % {"where": where(binding.connection), "object": obj},
            "difference": Difference.of(diff(binding, reveal=may(request, REVEAL))),
            "may_ask": may(request, RESYNC),
            "crudsync_links": self._links(request, obj, binding),
        }
        return self.crudsync_page(request, obj, "diff", context)

    def crudsync_ignore_view(
        self, request: HttpRequest, object_id: str, connection_id: int, object_type: str
    ) -> HttpResponse:
        """Ask for a reason, then ignore what failed under this account."""
        obj = self.crudsync_object(request, object_id, IGNORE)
        binding = self.crudsync_binding(obj, connection_id, object_type)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            self.ignore_binding(request, obj, binding, form.cleaned_data["reason"])
            return HttpResponseRedirect(self.crudsync_url(obj))
        context = {
            "title": _("Why need nobody look at this failure?"),
            "form": form,
            "binding": binding,
            "submit": _("Ignore"),
        }
        return self.crudsync_page(request, obj, "ask", context)

    def _links(self, request: HttpRequest, obj: Any, binding: Binding) -> dict[str, str]:
        """The pages that make sense for a binding, and that this user may use."""
        types = registry.types_for(self.crudsync_label)
        if not any(
            (cls.name, spec.name) == (binding.connection.integrator, binding.object_type) for cls, spec in types
        ):
            return {}  # of an integrator that is gone
        known = binding.pk is not None
        wanted = {
            "diff": True,
            "ignore": known and binding.cause_id is not None and not binding.ignored and may(request, IGNORE),
            "unlink": binding.remote_id is not None and may(request, LINK),
            "adopt": binding.remote_id is None and may(request, LINK),
        }
        return {word: self.crudsync_url(obj, word, binding) for word, shown in wanted.items() if shown}

    def _asked(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if not may(request, RESYNC):
            raise PermissionDenied
        if "_now" in request.POST:
            self.push_objects(request, [obj])
        else:
            self.ask_for(request, [obj], Wanted.VERIFY if "_verify" in request.POST else Wanted.PUSH)
        if "_stay" not in request.POST:
            return HttpResponseRedirect(self.crudsync_url(obj))
        name = f"{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(show.admin_url(self.admin_site, name, quote(obj.pk)))


def _number(request: HttpRequest) -> int:
    given = request.GET.get("before", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0
