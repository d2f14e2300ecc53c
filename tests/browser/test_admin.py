from __future__ import annotations

import re
from typing import Any

from tests.browser.stage import Site, product

PANEL = "#crudsync-panel"


def held_at_the_remote(shop: Site, sku: str) -> dict[str, Any]:
    return next(row for row in shop.remote.objects("products") if row["sku"] == sku)


def until_synced(page: Any) -> None:
    """Load the page again until the object's badge says that both sides agree."""
    for _ in range(50):
        page.reload()
        if page.locator(f"{PANEL} .crudsync-badge").first.inner_text() == "synced":
            return
        page.wait_for_timeout(100)
    raise AssertionError(page.locator(PANEL).inner_text())


def test_a_saved_product_is_at_the_remote_and_its_history_says_who_what_and_how_long(desk: Any, shop: Site) -> None:
    product(desk, shop, "SKU-00001")
    desk.fill("#id_price", "12.34")
    desk.click("[name=_continue]")
    shop.remote.wait(lambda: held_at_the_remote(shop, "SKU-00001")["price"] == "12.34", timeout_s=5)
    until_synced(desk)
    desk.click("text=Sync history")
    newest = desk.locator(f"{PANEL} table").nth(1).locator("tbody tr").first
    newest.wait_for()
    when, what, who, ended, duration, answer = (cell.strip() for cell in newest.locator("th, td").all_inner_texts())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", when)
    assert (what, who, ended) == ("update", "admin", "succeeded")
    assert re.fullmatch(r"\d+ ms", duration)
    assert answer.startswith("200")
    newest.locator("summary").click()
    assert '"price": "12.34"' in newest.locator("pre").first.inner_text()


def test_resync_selected_overwrites_what_somebody_changed_at_the_remote(desk: Any, shop: Site) -> None:
    ours = held_at_the_remote(shop, "SKU-00002")
    shop.remote.edit("products", ours["id"], name="Changed over there")
    desk.goto(f"{shop.admin}shop/product/?q=SKU-00002")
    desk.check("#action-toggle")
    desk.select_option("select[name=action]", label="Resync selected")
    desk.click("button[name=index]")
    assert "1 object was asked for." in desk.locator(".messagelist").inner_text()
    shop.remote.wait(lambda: held_at_the_remote(shop, "SKU-00002")["name"] == ours["name"], timeout_s=5)


def test_a_product_that_may_not_be_sent_says_why(desk: Any, shop: Site) -> None:
    url = product(desk, shop, "SKU-00003")
    desk.select_option("#id_status", "draft")
    desk.click("[name=_continue]")
    badge = desk.locator(f"{PANEL} .crudsync-held")
    for _ in range(50):
        desk.goto(url)
        if badge.count():
            break
        desk.wait_for_timeout(100)
    assert "status must not be 'draft'" in desk.locator(PANEL).inner_text()
    assert held_at_the_remote(shop, "SKU-00003")["status"] == "active"


def test_the_history_fits_on_a_phone(phone: Any, shop: Site) -> None:
    product(phone, shop, "SKU-00004")
    phone.click("text=Sync history")
    phone.wait_for_selector("text=Compare with the remote")
    widths = phone.evaluate("[...document.querySelectorAll('#crudsync-panel td')].map(one => one.scrollWidth)")
    assert widths
    assert max(widths) <= 390
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    table = phone.locator(f"{PANEL} .crudsync-table").first
    assert table.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_the_sandbox_s_page_shows_what_was_changed_last(desk: Any, shop: Site) -> None:
    row = held_at_the_remote(shop, "SKU-00005")
    shop.remote.edit("products", row["id"], name="The newest of all")
    desk.goto(f"{shop.remote.url.rstrip('/')}/?refresh=0")
    first = desk.locator("#products + .scroll tbody tr").first
    assert "The newest of all" in first.inner_text()
