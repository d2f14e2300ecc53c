"""Every page of ours, found in the site's addresses: a new one is looked at without being named anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.urls import URLPattern, get_resolver

from tests.browser.stage import Site

URLCONF = "project.urls"
DJANGOS = re.compile(
    r"^admin/("
    r"auth/|django_celery_|"  # other applications' rows
    r"login/|logout/|password_change/|jsi18n/|autocomplete/|r/|"  # Django's own, or not pages
    r"\(\?P<url>|\^?\(\?P<app_label>|"  # what catches the rest; the lists of applications
    r"\w+/\w+/<path:object_id>/(history/|delete/)?$|"  # a redirect; pages that are Django's throughout
    r"crudsync/(binding|cause|change|operation)/add/|"  # refused to everybody
    r"shop/(?!product/)"  # a product's pages, of other rows
    r")"
)
"""Addresses whose pages are not ours, or no pages, by how they begin."""

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
LADEN = {
    "crudsync_binding": "SELECT id FROM crudsync_binding ORDER BY cause_id IS NULL, id",
    "crudsync_binding_doubt": "SELECT id FROM crudsync_binding WHERE state = 'in_doubt'",
    "crudsync_operation": "SELECT id FROM crudsync_operation ORDER BY status = 'succeeded', id DESC",
}
"""Which row is looked at, where the first would show too little: by table, or by the name of an address."""


def routes() -> dict[str, str]:
    """Return our addresses, each with its name; an address without a name is its own."""
    found = {route: name for route, name in _walk(get_resolver(URLCONF), "") if not DJANGOS.match(route)}
    return dict(sorted(found.items()))


def filled(route: str, name: str, site: Site) -> str | None:
    """Return an address with the key of a row in each of its parameters, None where there is no such row.

    Args:
        route: as the site has it.
        name: of it.
        site: whose rows are looked at.
    """
    if not PARAMETER.search(route):
        return f"{site.url}{route}"
    table = _table(route)
    key = site.value(LADEN.get(name) or LADEN.get(table) or f"SELECT id FROM {table} ORDER BY id")
    return None if key is None else f"{site.url}{PARAMETER.sub(str(key), route)}"


def _table(route: str) -> str:
    _, label, model, *_ = route.split("/")
    return apps.get_model(label, model)._meta.db_table


def _walk(resolver: Any, before: str) -> Iterator[tuple[str, str]]:
    for each in resolver.url_patterns:
        route = before + str(each.pattern).removeprefix("^").removesuffix("$")
        if isinstance(each, URLPattern):
            yield route, each.name or route
        else:
            yield from _walk(each, route)
