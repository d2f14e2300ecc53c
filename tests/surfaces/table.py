"""Who may see and do what: a row for every address and method of the site.

A row names the permissions that one needs, all of them. In the admin and on the dashboard one has to be of the staff
beside that. A new address without a row fails a test.
"""

from __future__ import annotations

from typing import Final

Needs = tuple[str, ...]

OPEN: dict[str, int] = {
    "/": 302,
    "/api/": 404,
}
"""Addresses for everybody, with the status of their answer."""

NOBODY: Final = ("nobody",)
"""Rows with one writer are added and removed by no form."""

_ENGINE: dict[str, Needs] = {
    f"GET /admin/crudsync/{name}/{page}": needs
    for name in ("binding", "cause", "change", "connection", "operation")
    for page, needs in {
        "": (f"view_{name}",),
        "<object_id>/change/": (f"view_{name}",),
        "<object_id>/history/": (f"view_{name}",),
        "<object_id>/delete/": ("delete_connection",) if name == "connection" else NOBODY,
        "add/": ("add_connection",) if name == "connection" else NOBODY,
    }.items()
}
_DEEDS: dict[str, Needs] = {
    "GET /admin/crudsync/binding/<binding_id>/doubt/": ("view_binding", "resync_binding"),
    "GET /admin/crudsync/cause/<cause_id>/ignore/": ("view_cause", "ignore_binding"),
    "GET /admin/crudsync/cause/<cause_id>/replay/": ("view_cause", "replay_binding"),
    "GET /admin/crudsync/connection/<connection_id>/credentials/": ("view_connection", "manage_secrets"),
}
_SHOP: dict[str, Needs] = {
    f"GET /admin/shop/{name}/{page}": needs
    for name in ("category", "customer", "order", "product", "tag")
    for page, needs in {
        "": (f"view_{name}",),
        "<object_id>/change/": (f"view_{name}",),
        "<object_id>/history/": (f"view_{name}",),
        "<object_id>/delete/": (f"delete_{name}",),
        "add/": (f"add_{name}",),
        **({} if name == "tag" else {"<object_id>/crudsync/": (f"view_{name}",)}),
    }.items()
}

STAFF: dict[str, Needs] = {"GET /admin/": (), **_ENGINE, **_DEEDS, **_SHOP}
"""Pages for the staff alone."""

API: dict[str, Needs] = {
    "GET /api/crudsync/v1/": (),
    "GET /api/crudsync/v1/docs/": (),
    "GET /api/crudsync/v1/schema/": (),
    "GET /api/crudsync/v1/status/": ("view_connection",),
    **{
        f"GET /api/crudsync/v1/{place}/{page}": (f"view_{name}",)
        for place, name in {
            "bindings": "binding",
            "changes": "change",
            "connections": "connection",
            "dead-letters": "cause",
            "operations": "operation",
        }.items()
        for page in ("", "<pk>/")
    },
    **{
        f"GET /api/shop/{place}/{page}": (f"view_{name}",)
        for place, name in {
            "categories": "category",
            "customers": "customer",
            "orders": "order",
            "products": "product",
        }.items()
        for page in ("", "<pk>/", "<pk>/sync-status/", "<pk>/sync-history/")
    },
}
"""What programs read; whoever has the permissions, of the staff or not."""

SEEN: dict[str, Needs] = {**STAFF, **API}
