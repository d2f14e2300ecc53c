"""The story of docs/how-to/find-out-why.md, acted out on a running demo, with its pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.browser import stage
from tests.browser.stage import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

REFUSAL = {"errors": {"price": ["locked until the stock-take is over"]}}
PRICES = {"SKU-00021": "129.00", "SKU-00022": "149.00", "SKU-00023": "199.00"}
TOLD_S = 60.0
"""How long the dashboard may take to show what has failed, on a machine that is busy."""

Took = Callable[[str], None]


def act(page: Page, site: Site, took: Took) -> None:
    """Break the remote, find out why a price did not arrive, and mend it, on the pages alone.

    Args:
        page: of somebody who has logged in.
        site: the demo.
        took: takes a picture of the page as it is, by name.
    """
    _break(page, site)
    _see_one_row(page, site, took)
    _see_the_whole(page, site, took)
    _mend(page, site, took)


def _break(page: Page, site: Site) -> None:
    site.remote.fault("status", status=422, method="PATCH", collection="products", answer=REFUSAL)
    for sku, price in PRICES.items():
        stage.saved(page, site, sku, price=price)
    stage.until_badge(page, stage.product(page, site, next(iter(PRICES))), "held", TOLD_S)


def _see_one_row(page: Page, site: Site, took: Took) -> None:
    stage.product(page, site, "SKU-00021")
    took("why-product")
    page.click("text=What can be done")
    page.click("#crudsync-panel >> text=Diff with the remote now")
    page.wait_for_selector("#crudsync-panel table")
    took("why-diff")
    page.click("#crudsync-panel >> text=Sync history")
    page.locator("#crudsync-panel summary").first.click()
    page.locator("#crudsync-panel details").first.scroll_into_view_if_needed()
    took("why-history")


def _see_the_whole(page: Page, site: Site, took: Took) -> None:
    page.goto(f"{site.url}crudsync/")
    page.wait_for_selector("#board-causes a >> text=locked until", timeout=TOLD_S * 1000)
    took("why-dashboard")
    page.click("#board-causes a >> text=locked until")
    page.wait_for_selector("#content table")
    took("why-cause")


def _mend(page: Page, site: Site, took: Took) -> None:
    site.remote.clear_faults()
    page.click(".object-tools >> text=Replay")
    page.wait_for_selector("input[type=submit].default")
    page.click("input[type=submit].default")
    page.wait_for_selector(".messagelist .success")
    took("why-replayed")
    url = stage.product(page, site, "SKU-00021")
    stage.until_badge(page, url, "synced", TOLD_S)
    page.locator("#crudsync-panel").evaluate("one => one.scrollIntoView()")
    took("why-mended")
