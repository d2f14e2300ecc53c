"""The story of docs/how-to/find-out-why.md, acted out on a running demo, with its pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tests.browser import stage
from tests.browser.stage import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

REFUSAL = {"errors": {"price": ["locked until the stock-take is over"]}}
PRICES = ("129.00", "149.00", "199.00")
PRODUCTS = ("SKU-00021", "SKU-00022", "SKU-00023")
TOLD_S = 60.0
"""How long the dashboard may take to show what has failed, on a machine that is busy."""

Took = Callable[[str], None]


def act(page: Page, site: Site, took: Took, products: Sequence[str] = PRODUCTS) -> None:
    """Break the remote, find out why a price did not arrive, and mend it, on the pages alone.

    Args:
        page: of somebody who has logged in.
        site: the demo.
        took: takes a picture of the page as it is, by name.
        products: three of them, by stock keeping unit; the first is the one that somebody asks for.
    """
    _break(page, site, products)
    _see_one_row(page, site, took, products[0])
    _see_the_whole(page, site, took)
    _mend(page, site, took, products[0])


def _break(page: Page, site: Site, products: Sequence[str]) -> None:
    site.remote.fault("status", status=422, method="PATCH", collection="products", answer=REFUSAL)
    urls = [stage.saved(page, site, sku, price=price) for sku, price in zip(products, PRICES, strict=True)]
    for url in urls:
        stage.until_badge(page, url, "held", TOLD_S)


def _see_one_row(page: Page, site: Site, took: Took, sku: str) -> None:
    stage.product(page, site, sku)
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


def _mend(page: Page, site: Site, took: Took, sku: str) -> None:
    site.remote.clear_faults()
    page.click(".object-tools >> text=Replay")
    page.wait_for_selector("input[type=submit].default")
    page.click("input[type=submit].default")
    page.wait_for_selector(".messagelist .success")
    took("why-replayed")
    url = stage.product(page, site, sku)
    stage.until_badge(page, url, "synced", TOLD_S)
    page.locator("#crudsync-panel").evaluate("one => one.scrollIntoView()")
    took("why-mended")
