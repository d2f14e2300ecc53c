"""Who may see and do what: a row for every address and method of the site.

A row names the permissions that one needs, all of them. In the admin and on the dashboard one has to be of the staff
beside that. A new address without a row fails a test.
"""

from __future__ import annotations

from typing import Final

Needs = tuple[str, ...]

OPEN: dict[str, tuple[int, ...]] = {
    "/": (302,),
    "/api/": (404,),
    "/livez": (200,),
    "/readyz": (200, 503),
    "/health": (200, 503),
}
"""Addresses for everybody, with the status of their answer. Details of health are for those who may see accounts."""

NOBODY: Final = ("nobody",)
"""Rows with one writer are added and removed by no form."""

MADE_BY_PEOPLE = ("alertrule", "connection")

_ENGINE: dict[str, Needs] = {
    f"GET /admin/crudsync/{name}/{page}": needs
    for name in ("alertrule", "binding", "cause", "change", "connection", "incident", "operation")
    for page, needs in {
        "": (f"view_{name}",),
        "<object_id>/change/": (f"view_{name}",),
        "<object_id>/history/": (f"view_{name}",),
        "<object_id>/delete/": (f"delete_{name}",) if name in MADE_BY_PEOPLE else NOBODY,
        "add/": (f"add_{name}",) if name in MADE_BY_PEOPLE else NOBODY,
    }.items()
}
_ACCOUNT = "GET /admin/crudsync/connection/<connection_id>/"
_DEEDS: dict[str, Needs] = {
    "GET /admin/crudsync/binding/<binding_id>/doubt/": ("view_binding", "resync_binding"),
    "GET /admin/crudsync/cause/<cause_id>/ignore/": ("view_cause", "ignore_binding"),
    "GET /admin/crudsync/cause/<cause_id>/replay/": ("view_cause", "replay_binding"),
    _ACCOUNT + "credentials/": ("view_connection", "manage_secrets"),
    _ACCOUNT + "limits/": ("change_connection",),
    _ACCOUNT + "pause/": ("view_connection", "pause_connection"),
}
BUTTONS: dict[str, Needs] = {
    _ACCOUNT + "open/": ("view_connection", "pause_connection"),
    _ACCOUNT + "resume/": ("view_connection", "pause_connection"),
    _ACCOUNT + "reseal/": ("view_connection", "manage_secrets"),
    _ACCOUNT + "test/": ("change_connection",),
}
"""There is nothing to be seen: they take POSTs alone, see the deeds."""

_ONE = "GET /admin/shop/product/<object_id>/crudsync/<connection_id>/<object_type>/"
_OWN: dict[str, Needs] = {
    _ONE + "diff/": ("view_product",),
    _ONE + "ignore/": ("view_product", "ignore_binding"),
    _ONE + "adopt/": ("view_product", "link_binding"),
    _ONE + "unlink/": ("view_product", "link_binding"),
}
ALIKE = {call.replace("product", name, 1) for call in _OWN for name in ("category", "customer", "order")}
ALIKE.add("GET /admin/crudsync/dashboard/")
"""The same pages, of other rows; and what leads to the dashboard, which asks who comes."""

_DASHBOARD: dict[str, Needs] = {
    "GET /crudsync/": ("view_connection",),
    "GET /crudsync/data/": ("view_connection",),
    "GET /crudsync/metrics": ("view_connection",),
    **{
        f"GET /admin/crudsync/dashboard/{page}": NOBODY
        for page in ("<object_id>/change/", "<object_id>/history/", "<object_id>/delete/", "add/")
    },
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

STAFF: dict[str, Needs] = {"GET /admin/": (), **_ENGINE, **_DEEDS, **_SHOP, **_OWN, **_DASHBOARD}
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
