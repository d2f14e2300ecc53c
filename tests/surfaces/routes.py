"""What the site answers to, found in its addresses: a new one is found without being named anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, get_resolver

URLCONF = "project.urls"
METHODS = ("get", "post", "put", "patch", "delete")
DJANGOS = re.compile(
    r"^admin/("
    r"auth/|authtoken/|django_celery_|"  # other applications' rows
    r"login/|logout/|password_change/|jsi18n/|autocomplete/|r/|"  # Django's own, or not pages
    r"<url>|<app_label>/|"  # what catches the rest; the lists of applications
    r"\w+/\w+/<object_id>/$"  # leads to the page of a change
    r")"
)
"""Addresses that are not ours, by how they begin."""

GROUP = re.compile(r"\(\?P<(\w+)>(?:\[[^\]]*\]|[^()])*\)")
CONVERTED = re.compile(r"<\w+:(\w+)>")


def routes() -> dict[str, Any]:
    """Return our addresses with what answers there; parameters are named ``<so>``."""
    found: dict[str, Any] = {}
    for route, pattern in _walk(get_resolver(URLCONF), ""):
        found.setdefault(_plain(route), pattern)  # the first one answers
    return {route: pattern for route, pattern in sorted(found.items()) if not DJANGOS.match(route)}


def methods(pattern: URLPattern) -> list[str]:
    """Return the methods in capitals that an address has a view's method for; of a function nobody knows: GET."""
    callback: Any = pattern.callback
    if actions := getattr(callback, "actions", None):  # of a ViewSet
        return [method.upper() for method in METHODS if method in actions]
    view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    return [method.upper() for method in METHODS if hasattr(view, method)] if view else ["GET"]


def calls() -> list[str]:
    """Return ``GET /api/…/<pk>/`` for everything that can be asked of an address of ours."""
    return [f"{method} /{route}" for route, pattern in routes().items() for method in methods(pattern)]


def _plain(route: str) -> str:
    return CONVERTED.sub(r"<\1>", GROUP.sub(r"<\1>", route)).replace("\\Z", "")


def _walk(resolver: Any, before: str) -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        route = before + str(each.pattern).removeprefix("^").removesuffix("$")
        if isinstance(each, URLPattern):
            yield route, each
        else:
            yield from _walk(each, route)
