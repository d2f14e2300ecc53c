"""The operator's morning, in a real browser: what happened to a row, why, and the button that mends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.browser import stage, story
from tests.browser.stage import Site
from tests.servers.process import ROOT

LOOK_S = 30.0
"""How long a page that looks for news every few seconds may take to show them, on a machine that is busy."""


def there(shop: Site, sku: str) -> dict[str, Any]:
    """Return what the remote holds of a product."""
    return next(row for row in shop.remote.objects("products") if row["sku"] == sku)


def tile(page: Any, name: str) -> str:
    """Return the figure of one of the dashboard's tiles, without its small print."""
    text: str = page.evaluate("name => document.getElementById(`tile-${name}`).firstChild?.textContent ?? ''", name)
    return text


def test_the_dashboard_shows_a_failure_without_a_reload_and_leads_to_its_cause_and_its_cure(
    desk: Any, admitted: Callable[..., AbstractContextManager[Any]], shop: Site
) -> None:
    desk.goto(f"{shop.url}crudsync/")
    desk.wait_for_function("() => document.getElementById('board-rows').children.length > 0")
    desk.evaluate("window.loaded = 'once'")
    before = int(tile(desk, "dead"))
    with admitted() as other:
        stage.refused(other, shop, "SKU-00006")
    desk.wait_for_function(
        "before => Number(document.getElementById('tile-dead').firstChild.textContent) > before",
        arg=before,
        timeout=LOOK_S * 1000,
    )
    assert desk.evaluate("window.loaded") == "once"
    desk.click("#board-causes a >> text=too high")
    desk.wait_for_selector("h1")
    assert "crudsync/cause/" in desk.url
    assert "too high" in desk.locator("#content").inner_text()
    desk.click("text=Replay")
    desk.click("input[type=submit].default")
    desk.wait_for_selector(".messagelist .success")
    shop.remote.wait(lambda: there(shop, "SKU-00006")["price"] == "99999.00", timeout_s=LOOK_S)
    stage.until_badge(desk, stage.product(desk, shop, "SKU-00006"), "synced", LOOK_S)


def test_the_story_of_the_documents_can_be_acted_out(desk: Any, shop: Site) -> None:
    pictures: list[str] = []
    story.act(desk, shop, pictures.append, ("SKU-00009", "SKU-00010", "SKU-00011"))
    text = (ROOT / "docs" / "how-to" / "find-out-why.md").read_text()
    assert re.findall(r"images/(why-[a-z]+)\.png", text) == pictures


def test_the_two_sides_of_a_row_are_shown_beside_one_another_as_they_are_now(desk: Any, shop: Site) -> None:
    stage.product(desk, shop, "SKU-00007")
    shop.remote.edit("products", there(shop, "SKU-00007")["id"], name="Changed over there")
    desk.click("text=Sync history")
    desk.click("text=Diff with the remote now")
    desk.wait_for_selector("#crudsync-panel table")
    row = desk.locator("#crudsync-panel tbody tr", has_text="Changed over there")
    assert row.locator("th").inner_text() == "name"
    shop_has, they_have = (row.locator(f"td[data-label='{label}']").inner_text() for label in ("Here", "There now"))
    assert they_have == '"Changed over there"' != shop_has
    assert there(shop, "SKU-00007")["name"] == "Changed over there"  # looking changed nothing


@pytest.mark.parametrize("light", ["light", "dark"])
def test_the_dashboard_follows_the_light_of_the_reader_s_machine(
    light: str, admitted: Callable[..., AbstractContextManager[Any]], shop: Site
) -> None:
    with admitted(color_scheme=light) as page:
        page.goto(f"{shop.url}crudsync/")
        page.wait_for_function("() => document.getElementById('board-rows').children.length > 0")
        colours = page.evaluate(
            """() => [getComputedStyle(document.body).backgroundColor,
                getComputedStyle(document.querySelector('.board-tile')).backgroundColor]"""
        )
        assert all((brightness(colour) < 100) is (light == "dark") for colour in colours if "0)" not in colour), colours


def brightness(colour: str) -> float:
    """Return the mean of the parts of ``rgb(0, 0, 0)``."""
    parts = [float(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    return sum(parts) / len(parts)


def test_somebody_without_a_mouse_logs_in_reads_the_dashboard_and_opens_what_it_links_to(
    chromium: Any, shop: Site
) -> None:
    with stage.opened(chromium) as page:
        page.goto(shop.admin)
        page.keyboard.type("admin")  # the name has the focus from the start
        page.keyboard.press("Tab")
        page.keyboard.type("admin")
        page.keyboard.press("Enter")
        page.wait_for_selector("#site-name")
        page.goto(f"{shop.url}crudsync/")
        page.wait_for_function("() => document.getElementById('board-rows').children.length > 0")
        stops = _stops(page)
        assert all(stop["seen"] for stop in stops), [stop["what"] for stop in stops if not stop["seen"]]
        tops = [stop["order"] for stop in stops]
        assert tops == sorted(tops), [stop["what"] for stop in stops]
        _walk_to(page, "#board-hold")
        page.keyboard.press("Enter")
        assert page.get_attribute("#board-hold", "aria-pressed") == "true"
        _walk_to(page, "#board-rows a")
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin/crudsync/**")


FOCUSED = """() => {
    const one = document.activeElement;
    if (one === document.body) return null;
    const all = [...document.querySelectorAll("*")];
    const shows = (node) => {
        const style = getComputedStyle(node);
        return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none"
            || style.textDecorationLine.includes("underline");
    };
    // A radio button that is drawn by its label shows the focus there.
    return {what: one.outerHTML.slice(0, 120), order: all.indexOf(one),
        seen: [one, one.nextElementSibling, one.parentElement].some((node) => node && shows(node))};
}"""


def _next(page: Any) -> Any:
    """Go one step with the Tab key, and return where the focus is, None at the end of the page."""
    page.keyboard.press("Tab")
    return page.evaluate(FOCUSED)


def _stops(page: Any) -> list[Any]:
    """Return what the Tab key leads to, once around the page."""
    found: list[Any] = []
    while (stop := _next(page)) and stop["order"] not in [each["order"] for each in found]:
        found.append(stop)
    return found


def _walk_to(page: Any, selector: str) -> None:
    """Go on with the Tab key until an element has the focus."""
    for _ in range(80):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key leads nowhere to {selector}")
