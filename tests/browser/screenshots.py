"""``python -m tests.browser.screenshots``: the pictures of the documentation, taken anew of a running demo."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser import stage, story
from tests.browser.stage import Site
from tests.servers.process import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = ROOT / "docs" / "images"
WIDE = {"width": 1120, "height": 560}
FOLDED = "localStorage.setItem('django.admin.navSidebarIsOpen', 'false')"
"""Django's own navigation is folded away: the picture is of what is ours."""
COUNTED = "() => parseFloat(document.getElementById('tile-success').textContent) > 0"


def main() -> int:
    """Take every picture, and return the exit code."""
    if lacking := stage.missing():
        print(f"screenshots: {lacking}", file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        stage.demo(Path(home), count=40) as site,
        stage.browser() as browser,
        stage.opened(browser, storage_state=stage.log_in(browser, site), viewport=WIDE) as page,
    ):
        page.add_init_script(FOLDED)
        _changed(page, site)
        _took(page, f"{site.admin}shop/product/?o=1", "products")
        stage.product(page, site, "SKU-00001")
        _took(page, page.url.replace("/change/", "/crudsync/"), "history")
        _took(page, f"{site.admin}crudsync/connection/1/change/", "connection")
        _took(page, f"{site.remote.url.rstrip('/')}/?refresh=0", "sandbox")
        _dashboard(page, site)
        story.act(page, site, lambda name: _took(page, page.url, name, again=False))
    return 0


def _changed(page: Page, site: Site) -> None:
    """Make something to look at: an update at the second attempt, a draft that is held, one that was refused."""
    site.remote.fault("status", status=500, method="PATCH", times=1, answer={"error": "try again"})
    _saved(page, site, "SKU-00001", lambda: page.fill("#id_price", "24.50"))
    site.remote.wait(lambda: any(row["price"] == "24.50" for row in site.remote.objects("products")), timeout_s=20)
    _saved(page, site, "SKU-00008", lambda: page.select_option("#id_status", "draft"))
    refusal = {"errors": {"price": ["too high"]}}
    site.remote.fault("status", status=422, method="PATCH", times=1, answer=refusal)
    _saved(page, site, "SKU-00016", lambda: page.fill("#id_price", "99999"))
    site.remote.wait(lambda: any(call.status == 422 for call in site.remote.calls("products", "PATCH")), timeout_s=20)
    page.wait_for_timeout(1500)  # the rest after a send, and the settling of what was refused


def _dashboard(page: Page, site: Site) -> None:
    """The dashboard, once what was done before is in its figures."""
    page.goto(f"{site.admin.removesuffix('admin/')}crudsync/")
    page.wait_for_function(COUNTED, timeout=40_000)
    page.set_viewport_size({**WIDE, "height": 1080})
    page.screenshot(path=IMAGES / "dashboard.png")
    page.set_viewport_size(WIDE)
    print("docs/images/dashboard.png")


def _saved(page: Page, site: Site, sku: str, edit: Callable[[], object]) -> None:
    stage.product(page, site, sku)
    edit()
    page.click("[name=_continue]")


def _took(page: Page, url: str, name: str, *, again: bool = True) -> None:
    if again:
        page.goto(url)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


if __name__ == "__main__":
    sys.exit(main())
