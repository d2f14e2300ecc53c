"""The OpenAPI document of our API alone, and a page to read and try it. Scripts and styles are static files (CSP)."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from django.conf import settings
from django.templatetags.static import static
from django.utils.translation import override
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.response import Response

from sync.api.base import Ours

TITLE = "django-crudsync"
LOCK = threading.Lock()
DESCRIPTION = """Connections, bindings, operations and dead letters of django-crudsync.

* **Sign in** with `Authorization: Token …`, or with the session of the admin. Each operation needs permissions; a 403
  names those that are missing.
* **Lists** come in pages: follow `next` until it is null. A page never counts. Where a filter has no index, a page
  looks through ten thousand rows: it may hold fewer rows than were asked for, even none, while `next` is there.
* **Errors** all have the same body. `code` is stable, `error` is for people; `correlation_id` is also in the log.
* **Deeds** answer at once; workers do them. `Location` says where to see what becomes of it.
"""
SETTINGS: dict[str, Any] = {
    "TITLE": TITLE,
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "1",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["sync.api.document.ours_alone"],
}
"""In place of the site's own ``SPECTACULAR_SETTINGS``, for this document alone."""


def ours_alone(endpoints: list[Any], **_: Any) -> list[Any]:
    """Return those of the site's addresses that are ours."""
    return [each for each in endpoints if issubclass(each[3].cls, Ours)]


class SignedIn(BasePermission):
    """Whoever is signed in may read what the API is."""

    def has_permission(self, request: Any, view: Any) -> bool:  # noqa: ARG002
        """Return whether somebody is signed in.

        Raises:
            NotAuthenticated: nobody is.
        """
        if not (request.user and request.user.is_authenticated):
            raise NotAuthenticated
        return True


class _Document(Ours):
    permission_classes = (SignedIn,)
    content_negotiation_class = DefaultContentNegotiation
    schema = None

    def perform_content_negotiation(self, request: Any, force: bool = False) -> Any:  # noqa: ARG002
        """Fall back to the first renderer: an error has to be told, too."""
        return super().perform_content_negotiation(request, force=True)

    def handle_exception(self, exc: Exception) -> Any:
        """Answer errors in JSON."""
        response = super().handle_exception(exc)
        self.request.accepted_renderer, self.request.accepted_media_type = JSONRenderer(), "application/json"
        return response


class DocumentView(_Document, SpectacularAPIView):
    """The document: YAML, or JSON for ``?format=json``."""

    renderer_classes: Any = (OpenApiYamlRenderer, OpenApiJsonRenderer, JSONRenderer)
    kept: ClassVar[Any] = None

    def get(self, request: Any, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG002 - the signature is theirs
        """Return the document.

        It is made once a process, as making it patches settings that all threads share; so nothing of the first
        request may be in it, no language, and no ``?version=`` or ``?lang=``.
        """
        with LOCK:
            if DocumentView.kept is None:
                with patched_settings(SETTINGS), override(settings.LANGUAGE_CODE):
                    DocumentView.kept = self.generator_class().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # no types
        return Response(DocumentView.kept)


class DocumentPage(_Document, SpectacularSwaggerSplitView):
    """A page to read and try it."""

    renderer_classes: Any = (TemplateHTMLRenderer,)
    url_name = "crudsync-api:schema"
    title = TITLE

    @staticmethod
    def _swagger_ui_resource(filename: str) -> str:
        return static(f"drf_spectacular_sidecar/swagger-ui-dist/{filename}")  # never from somebody else's server

    @staticmethod
    def _swagger_ui_favicon() -> str:
        return static("drf_spectacular_sidecar/swagger-ui-dist/favicon-32x32.png")
