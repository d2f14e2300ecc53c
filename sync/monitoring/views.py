"""What machines ask over HTTP: alive, ready, healthy, and the metrics."""

from __future__ import annotations

import importlib
import logging

from django.db import DatabaseError, InterfaceError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sync.exceptions import ConfigurationError
from sync.monitoring import access
from sync.monitoring import health as whole
from sync.monitoring.health import Health

logger = logging.getLogger("crudsync.monitoring")

VIEWER_S = 1.0
"""Seconds within which the database has to say who asks; else it is nobody."""


@require_safe
@never_cache
@transaction.non_atomic_requests
def livez(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """Say that this process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
@transaction.non_atomic_requests
def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether this process can work: 200, or 503."""
    viewer = access.Viewer(request, VIEWER_S)
    return _told(whole.readiness(), viewer)


@require_safe
@never_cache
@transaction.non_atomic_requests
def health(request: HttpRequest) -> JsonResponse:
    """Say how everything is: 200, or 503. A balancer asks ``/readyz``: this one fails with a remote."""
    viewer = access.Viewer(request, VIEWER_S)
    return _told(whole.health(), viewer)


def _told(found: Health, viewer: access.Viewer) -> JsonResponse:
    answer = JsonResponse(found.shown(details=viewer.may_see()), status=200 if found.well else 503)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # Django would mail the admins for each 503
    return answer


@require_safe
@never_cache
@transaction.non_atomic_requests
def metrics(request: HttpRequest) -> HttpResponseBase:
    """Give the metrics in Prometheus's text format."""
    try:
        return _metrics() if access.may_see(request) else _refused()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("no metrics: the database does not answer: %s", type(error).__name__)
        answer = HttpResponse("The database does not answer.\n", status=503, content_type="text/plain")
        answer._has_been_logged = True  # type: ignore[attr-defined]  # as above
        return answer


def _metrics() -> HttpResponse:
    try:
        room = importlib.import_module("sync.monitoring.metrics")
    except ImportError as error:
        raise ConfigurationError(
            "/metrics needs prometheus-client", code="extra_missing", hint="install django-crudsync[metrics]"
        ) from error
    return HttpResponse(room.text(), content_type=room.CONTENT_TYPE)


def _refused() -> HttpResponse:
    if not access.token():
        return HttpResponse("Not found.\n", status=404, content_type="text/plain")
    answer = HttpResponse("Give the token.\n", status=401, content_type="text/plain")
    answer["WWW-Authenticate"] = 'Bearer realm="crudsync"'
    return answer
