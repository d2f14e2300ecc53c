"""axe-core over a page: https://github.com/dequelabs/axe-core, vendored beside its licence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCRIPT = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
GRAVE = ("serious", "critical")
SELECT2 = (".select2-container *",)
DJANGOS: dict[str, tuple[str, ...]] = {
    "link-in-text-block": (".breadcrumbs a", "#toolbar .quiet a"),  # told apart by colour alone
    "label-title-only": ("#searchbar",),  # its label is a picture without words
    "label": SELECT2,
    "list": SELECT2,
    "aria-input-field-name": SELECT2,
}
"""By rule, the admin's own elements that break it, as Django 5.2 has them. None of ours stands inside them."""

RUN = """async () => {
    for (const one of document.getAnimations()) {  // a colour on its way is none to be read
        if (one.effect.getComputedTiming().endTime < Infinity) one.finish();
    }
    const {violations} = await axe.run(document, {resultTypes: ["violations"], preload: false});
    return violations.map(({id, impact, help, nodes}) => ({
        id, impact, help,
        nodes: nodes.map(({target, html, failureSummary}) => (
            {target: target.join(" "), html: html.slice(0, 160), why: failureSummary})),
    }));
}"""


def violations(page: Page) -> list[str]:
    """Return what is seriously or critically wrong with a page for people with disabilities, a line each."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(SCRIPT)  # through the debugger: the page's policy lets no other script in
    return [
        f"{found['id']} ({found['impact']}: {found['help']}): {node['target']}: {node['html']}: {node['why']}"
        for found in page.evaluate(RUN)
        if found["impact"] in GRAVE
        for node in found["nodes"]
        if not _djangos(page, found["id"], node["target"])
    ]


def _djangos(page: Page, rule: str, target: str) -> bool:
    selectors = ", ".join(DJANGOS.get(rule, ()))
    return bool(selectors) and page.locator(target).first.evaluate("(node, all) => node.matches(all)", selectors)
