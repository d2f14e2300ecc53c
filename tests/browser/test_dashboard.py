from __future__ import annotations

import re
from typing import Any

from tests.browser.stage import Site, product

LIVE_MS = 40_000
"""A save is in the figures after a roll-up (15 s) and a look of the page (5 s)."""


def address(shop: Site) -> str:
    return f"{shop.admin.removesuffix('admin/')}crudsync/"


def calls(page: Any) -> int:
    """How many calls the first row tells of."""
    found = re.search(r"of ([\d,]+) calls", page.locator("#tile-success").inner_text())
    return int(found[1].replace(",", "")) if found else 0


def test_what_a_worker_does_is_seen_without_a_reload(desk: Any, shop: Site) -> None:
    other = desk.context.new_page()
    other.goto(address(shop))
    other.wait_for_function(
        "() => document.getElementById('tile-success').textContent.includes('of ')", timeout=LIVE_MS
    )
    before = calls(other)
    other.evaluate("window.still = true")
    product(desk, shop, "SKU-00006")
    desk.fill("#id_price", "6.66")
    desk.click("[name=_continue]")
    for _ in range(LIVE_MS // 200):
        if calls(other) > before:
            break
        other.wait_for_timeout(200)
    assert calls(other) > before
    assert other.evaluate("window.still") is True
    assert "1 worker" in other.locator("#board-pulse").inner_text()
    assert "beat alive" in other.locator("#board-pulse").inner_text()
    other.close()


def test_a_chart_is_read_by_keyboard_and_as_a_table(desk: Any, shop: Site) -> None:
    desk.goto(address(shop))
    desk.wait_for_selector("[data-chart=calls] rect.board-succeeded", state="attached", timeout=LIVE_MS)
    chart = desk.locator("[data-chart=calls]")
    chart.locator(".board-plot").focus()
    for _ in range(60):
        desk.keyboard.press("ArrowLeft")
    desk.keyboard.press("End")
    assert "succeeded" in chart.locator("[aria-live]").inner_text()
    assert chart.locator(".board-tip").is_visible()
    desk.keyboard.press("Escape")
    assert not chart.locator(".board-tip").is_visible()
    desk.keyboard.press("Tab")
    desk.keyboard.press("Enter")
    chart.locator("tbody tr").nth(59).wait_for()
    assert chart.locator("tbody tr").count() == 60


def test_the_range_is_chosen_by_keyboard_and_kept_in_the_address(desk: Any, shop: Site) -> None:
    desk.goto(address(shop))
    desk.locator("input[name=range]:checked").focus()
    with desk.expect_response("**/crudsync/data/?range=24h*"):
        desk.keyboard.press("ArrowRight")
    assert "range=24h" in desk.url
    desk.reload()
    assert desk.locator("input[name=range]:checked").get_attribute("value") == "24h"


def test_it_fits_on_a_phone(phone: Any, shop: Site) -> None:
    phone.goto(address(shop))
    phone.wait_for_selector("#board-rows tr")
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    assert phone.locator("#board-rows tr").first.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_a_strict_policy_stops_nothing(desk: Any, shop: Site) -> None:
    """The browser itself is asked: scripts and styles from files of the site alone."""
    blocked: list[str] = []
    desk.on("console", lambda message: blocked.append(message.text) if message.type == "error" else None)

    def strict(route: Any) -> None:
        answer = route.fetch()
        policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'"
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})

    desk.route("**/crudsync/", strict)
    desk.goto(address(shop))
    desk.wait_for_selector("#board-rows tr")
    desk.wait_for_function("() => document.getElementById('board-lamp').className.includes('board-on')")
    desk.locator("[data-chart=calls] .board-plot").hover()
    assert desk.locator("[data-chart=calls] .board-tip").is_visible()
    assert [text for text in blocked if "Content Security" in text] == []
