"""The page, and the data that it asks for every few seconds."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sync.dashboard.access import may_see, may_see_causes
from sync.dashboard.told import told
from sync.dashboard.words import words
from sync.models import Connection
from sync.models.identity import pk_of
from sync.monitoring.board import MOST, SPANS, board

logger = logging.getLogger("crudsync.dashboard")

DEFAULT = "1h"
EVERY_S = 5
"""Seconds between two looks of a page that somebody sees."""


@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    """Show the dashboard, with its first data in it; the rest is fetched."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), _login())
    if not may_see(request):
        raise PermissionDenied
    request.current_app = admin.site.name
    context = {
        **admin.site.each_context(request),
        "title": _("Delivery"),
        "is_nav_sidebar_enabled": False,  # a wall screen has no hand to fold it away
        "spans": _spans(),
        "data": _data(request),
        "settings": {
            "url": reverse("crudsync:dashboard-data"),
            "every_s": EVERY_S,
            "counted": MOST,
            "words": words(),
        },
    }
    return TemplateResponse(request, "crudsync/dashboard.html", context)


@require_safe
def data(request: HttpRequest) -> HttpResponseBase:
    """Return what the page shows as JSON; 304 where nothing has changed since the ETag, 503 without a database."""
    try:
        return _answer(request)
    except (DatabaseError, InterfaceError) as error:  # every open page asks on: no mail to the admins for each
        logger.warning("the dashboard has no data: %s", type(error).__name__)
        response = JsonResponse({"error": _("The database does not answer.")}, status=503)
        response._has_been_logged = True  # type: ignore[attr-defined]  # as Django marks it
        return response


def _answer(request: HttpRequest) -> HttpResponseBase:
    if not may_see(request):
        status = 403 if request.user.is_authenticated else 401
        return JsonResponse({"error": _("You may not see this; log in again.")}, status=status)
    found = _data(request)
    text = json.dumps(found, cls=DjangoJSONEncoder)
    still = json.dumps({**found, "at": None}, cls=DjangoJSONEncoder)
    etag = f'"{hashlib.sha256(still.encode()).hexdigest()[:32]}"'
    response: HttpResponse = HttpResponse(text, content_type="application/json")
    answer = get_conditional_response(request, etag=etag, response=response) or response
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, no-cache"
    return answer


def _data(request: HttpRequest) -> dict[str, Any]:
    asked = request.GET.get("range", DEFAULT)
    name = asked if asked in SPANS else DEFAULT
    connection_id = pk_of(Connection, request.GET.get("connection", ""))
    found = board(SPANS[name], connection_id, causes=may_see_causes(request))
    return told(found, name, connection_id, request)


def _spans() -> list[tuple[str, str]]:
    return [("1h", _("1 hour")), ("24h", _("24 hours")), ("7d", _("7 days"))]


def _login() -> str:
    try:
        return reverse("admin:login", current_app=admin.site.name)
    except NoReverseMatch:
        return resolve_url(settings.LOGIN_URL)
