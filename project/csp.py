"""The Content-Security-Policy of the site: everything comes from here, and nothing is written into a page."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

POLICY = "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
EASED = {"crudsync-api:docs": f"{POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"}
"""Swagger UI, which is not ours, writes styles and pictures into its page."""


def content_security_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the middleware. A view that needs another policy sets the header itself."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        # Django's own pages about errors, which DEBUG shows, have their styles in themselves.
        if not (settings.DEBUG and response.status_code in (404, 500)):
            name = request.resolver_match.view_name if request.resolver_match else ""
            response.headers.setdefault("Content-Security-Policy", EASED.get(name, POLICY))
        return response

    return middleware
