"""Every page of ours, found in the site's addresses: a new one is looked at without being named anywhere."""

from __future__ import annotations

import re

from django.apps import apps

from tests.browser.stage import Site
from tests.surfaces import routes as known

DJANGOS = re.compile(
    r"^admin/("
    r"\w+/\w+/<object_id>/(history|delete)/$|"  # Django's throughout
    r"crudsync/(binding|cause|change|dashboard|incident|operation)/add/|"  # refused to everybody
    r"crudsync/dashboard/|"  # leads to the dashboard
    r"crudsync/connection/<connection_id>/(open|resume|reseal|test)/|"  # buttons
    r"shop/(?!product/)"  # a product's pages, of other rows
    r")|^api/"  # for programs; the page about it is Swagger UI's
)
"""Addresses whose pages are not ours, or no pages, by how they begin."""

PARAMETER = re.compile(r"([\w-]+)/<(\w+)>")
TYPE = "<object_type>"
FULLEST = {
    "crudsync_binding": "SELECT id FROM crudsync_binding ORDER BY cause_id IS NULL, id",
    "crudsync_operation": "SELECT id FROM crudsync_operation ORDER BY status = 'succeeded', id DESC",
    "shop_product": "SELECT object_id FROM crudsync_binding WHERE object_type = 'product' ORDER BY cause_id IS NULL",
}
"""Which row is looked at, where the first would show too little."""

LADEN = {
    "/doubt/": "SELECT id FROM crudsync_binding WHERE state = 'in_doubt'",
    "/adopt/": "SELECT object_id FROM crudsync_binding WHERE state = 'in_doubt'",
}
"""The same, by how an address ends."""


def routes() -> list[str]:
    """Return the addresses of our pages; parameters are named ``<so>``."""
    return [route for route in known.routes() if not DJANGOS.match(route)]


def filled(route: str, site: Site) -> str:
    """Return an address with the key of a row in each of its parameters; ``0`` where there is no such row.

    Args:
        route: as the site has it.
        site: whose rows are looked at.
    """
    laden = next((sql for end, sql in LADEN.items() if route.endswith(end)), "")

    def key(found: re.Match[str]) -> str:
        segment, parameter = found.groups()
        table = "crudsync_connection" if parameter == "connection_id" else _table(route)
        own = "" if parameter == "connection_id" else laden
        return f"{segment}/{site.value(own or FULLEST.get(table) or f'SELECT id FROM {table} ORDER BY id') or 0}"

    return f"{site.url}{PARAMETER.sub(key, route).replace(TYPE, 'product')}"


def _table(route: str) -> str:
    _, label, model, *_ = route.split("/")
    return apps.get_model(label, model)._meta.db_table
