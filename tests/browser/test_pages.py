"""Every page of ours, light and dark, on a desk and on a phone: for everybody, and within a strict policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import product
from typing import Any

import pytest

from project.servers import wait_until
from tests.acceptance.marks import EVERYWHERE
from tests.browser import addresses, axe, stage
from tests.browser.stage import Site

ROUTES = addresses.routes()
VIEWPORTS = {"desk": stage.DESKTOP, "phone": stage.PHONE}
LOOKS = list(product(VIEWPORTS, ("light", "dark"))) if EVERYWHERE else [("desk", "light"), ("phone", "dark")]
"""Each width and each light once; with ``EVERYWHERE=1`` all of them."""

MARGIN_PX = 1
"""Widths are rounded."""

REDRAWN_S = 3.0
"""How long a chart may take to follow a width that changed."""

IN_DOUBT = """UPDATE crudsync_binding SET state = 'in_doubt', uncertain = 'create', remote_id = NULL, due_at = NULL
    WHERE id = (SELECT max(id) FROM crudsync_binding WHERE object_type = 'product')"""
"""This remote honours keys, and nothing stays in doubt at it."""

UNREAD = """INSERT INTO crudsync_change (model, object_id, kind, lane, actor, reason, created_at)
    VALUES ('shop.supplier', '1', 'save', 0, 'ada', '', '2026-01-01 00:00:00')"""
"""A change of a model that no worker knows stays."""

RULE = """INSERT INTO crudsync_alertrule
    (name, kind, enabled, threshold, for_s, quiet_s, renotify_s, window_s, least, channels)
    VALUES ('old-changes', 'oldest_unsent', 0, 300, 60, 120, 0, 300, 10, '[]')"""
INCIDENT = """INSERT INTO crudsync_incident (key, theme, integrator, state, title, reasons, channels, began_at)
    VALUES ('x', 'backlog', '', 'resolved', 'Changes are old', '{"old-changes": {"rule": "old-changes"}}', '[]',
    '2026-01-01 00:00:00')"""


@pytest.fixture(scope="module")
def view(admitted: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """One page for all: what the console complains of on the way fails the last of them."""
    with admitted() as page:
        yield page


@pytest.fixture(scope="module")
def laden(shop: Site, view: Any) -> Site:
    """The shop with something in every list: a draft is held, a price refused, a create in doubt, a change unread."""
    stage.held(view, shop, "SKU-00001")
    stage.refused(view, shop, "SKU-00002")
    shop.change(IN_DOUBT)
    shop.change(UNREAD)
    shop.change(RULE)
    shop.change(INCIDENT)
    return shop


@pytest.mark.parametrize("route", ROUTES)
def test_a_page_is_for_everybody_in_every_light_and_width(route: str, view: Any, laden: Site) -> None:
    answer = view.goto(addresses.filled(route, laden))
    if "html" not in answer.headers["content-type"]:
        pytest.skip("not a page")
    assert answer.status == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    wrong = []
    for name, light in LOOKS:
        viewport = VIEWPORTS[name]
        view.set_viewport_size(viewport)
        view.emulate_media(color_scheme=light)
        if wide := too_wide(view, viewport["width"]):
            wrong.append(f"{name}: {wide} px wide")
        wrong.extend(f"{name}, {light}: {each}" for each in axe.violations(view))
    assert wrong == [], "\n".join(wrong)


def too_wide(view: Any, width: int) -> int:
    """Return how wide a page is that does not fit, 0 where it fits."""

    def is_wide() -> int:
        return int(view.evaluate("document.documentElement.scrollWidth"))

    return 0 if wait_until(lambda: is_wide() <= width + MARGIN_PX, REDRAWN_S, every_s=0.05) else is_wide()
