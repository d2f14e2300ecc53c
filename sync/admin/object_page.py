"""What all pages about one object of the user's own share: who may see it, its binding, addresses, and the theme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from sync import registry
from sync.admin import show
from sync.admin.permissions import may
from sync.models import Binding
from sync.registry import model_label
from sync.resync.linking import binding_of

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = object


class ObjectPage(_Base):
    """The steps that a page about an object is made of."""

    @property
    def crudsync_label(self) -> str:
        """The label of the concrete model, as bindings name it."""
        model: type[Model] = self.model
        return model_label(model)

    def crudsync_url(self, obj: Any, word: str = "", binding: Binding | None = None) -> str:
        """Return the address of an object's history, or of another page about it under one account."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_crudsync"
        if binding is None:
            return show.admin_url(self.admin_site, name, quote(obj.pk))
        key = (quote(obj.pk), binding.connection_id, binding.object_type)
        return show.admin_url(self.admin_site, f"{name}_{word}", *key)

    def crudsync_object(self, request: HttpRequest, object_id: str, permission: str = "") -> Any:
        """Return an object that this user may see, and do something with where a permission is named."""
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, obj) or (permission and not may(request, permission)):
            raise PermissionDenied
        if obj is None:
            raise Http404
        return obj

    def crudsync_binding(self, obj: Any, connection_id: int, object_type: str) -> Binding:
        """Return the object's binding under an account that its model goes to; a new one where it has none."""
        types = [(cls.name, spec.name) for cls, spec in registry.types_for(self.crudsync_label)]
        for connection in registry.connections_of({name for name, _type in types}):
            if connection.pk == connection_id and (connection.integrator, object_type) in types:
                return binding_of(obj, connection, object_type)
        raise Http404

    def crudsync_page(self, request: HttpRequest, obj: Any, name: str, context: Mapping[str, Any]) -> HttpResponse:
        """Return one of our pages about an object, in the theme of its site."""
        request.current_app = self.admin_site.name  # where {% url %} looks for it
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "media": self.media,
            "history_url": self.crudsync_url(obj),
        }
        return TemplateResponse(request, f"crudsync/{name}.html", {**shared, **context})
