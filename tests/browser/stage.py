"""The demo in processes of its own, and a browser to look at it with."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.servers import free_port, redis_binary, wait_until
from sync.testing.remote import Remote
from tests.servers.process import Process

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, StorageState

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # it opens pages of this machine alone, and a container's root cannot have one
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
OURS = ("SECRET_KEY", "DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "ENV_FILE")
COLD_S = 90
"""How long the demo may take to start on a machine that is busy with other things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running demo: where it is, the side door of its remote, and the file of its rows."""

    url: str
    remote: Remote
    database: Path

    @property
    def admin(self) -> str:
        """The address of the admin."""
        return f"{self.url}admin/"

    def value(self, sql: str, *values: Any) -> Any:
        """Return the first column of the first row, None where there is no row."""
        with closing(sqlite3.connect(self.database, timeout=20)) as rows:
            found = rows.execute(sql, values).fetchone()
        return None if found is None else found[0]

    def change(self, sql: str, *values: Any) -> None:
        """Change rows behind everybody's back."""
        with closing(sqlite3.connect(self.database, timeout=20)) as rows:
            rows.execute(sql, values)
            rows.commit()


def chromium() -> str:
    """Return the browser on this machine, empty where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


def missing() -> str:
    """Return what this machine lacks to run a browser test, empty where it has everything."""
    if find_spec("playwright") is None:
        return "needs playwright: make test installs it"
    if not chromium():
        return f"needs a browser: one of {', '.join(NAMES)}"
    return "" if redis_binary() else "needs a Redis-compatible server"


@contextmanager
def demo(home: Path, count: int = 12) -> Iterator[Site]:
    """Run the demo in ``home`` with so many products, and yield it once all of them are at the remote."""
    command = [sys.executable, "-m", "project.demo", f"--count={count}", f"--home={home}", f"--port={free_port()}"]
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    process = Process("demo", command, env={**env, "PYTHONUNBUFFERED": "1"}, home=home)
    process.start()
    try:
        process.wait_for("Ctrl-C stops everything", timeout_s=COLD_S)
        admin, sandbox = re.findall(r"(http://[\d.:]+/(?:admin/)?)\s", process.text())[:2]
        remote = Remote(sandbox)
        remote.wait(lambda: len(remote.objects("products")) == count, timeout_s=COLD_S)
        yield Site(url=admin.removesuffix("admin/"), remote=remote, database=home / "demo.sqlite3")
    finally:
        process.stop(timeout_s=30)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield launched
        launched.close()


def log_in(launched: Browser, site: Site) -> StorageState:
    """Log in as the demo says, and return what the browser keeps of it."""
    context = launched.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto(site.admin)
    page.fill("#id_username", "admin")
    page.fill("#id_password", "admin")
    page.click("input[type=submit]")
    page.wait_for_selector("#site-name")
    kept = context.storage_state()
    context.close()
    return kept


@contextmanager
def opened(launched: Browser, **options: Any) -> Iterator[Page]:
    """Open a page of its own. What its console complains of fails whoever opened it."""
    context = launched.new_context(**{"viewport": DESKTOP, **options})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.extend(_complaint(message)))
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    yield page
    context.close()
    assert not complaints, "\n".join(complaints)


def _complaint(message: ConsoleMessage) -> list[str]:
    url = message.location["url"]  # what a test runs in a page has none
    return [f"{url}: {message.text}"] if url and message.type in ("error", "warning") else []


def product(page: Page, site: Site, sku: str) -> str:
    """Open the page of the product with this stock keeping unit, and return its address."""
    page.goto(f"{site.admin}shop/product/?q={sku}")
    page.click("#result_list tbody th a")
    page.wait_for_selector("#id_price")
    return page.url


def saved(page: Page, site: Site, sku: str, **values: str) -> str:
    """Set fields of a product, save it, and return its address: the remote hears of it later."""
    url = product(page, site, sku)
    for name, value in values.items():
        field = page.locator(f"#id_{name}")
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.click("[name=_continue]")
    page.wait_for_selector(".messagelist .success")
    return url


def until_badge(page: Page, url: str, word: str, timeout_s: float = 20.0) -> None:
    """Load an object's page until its badge says a word."""
    badge = page.locator("#crudsync-panel .crudsync-badge").first

    def told() -> bool:
        page.goto(url)
        return badge.count() > 0 and badge.inner_text() == word

    assert wait_until(told, timeout_s, every_s=0.1), page.locator("#crudsync-panel").inner_text()


def held(page: Page, site: Site, sku: str) -> str:
    """Make a product a draft, which is not sent, and return its address."""
    url = saved(page, site, sku, status="draft")
    until_badge(page, url, "held")
    return url


def refused(page: Page, site: Site, sku: str) -> str:
    """Give a product a price that the remote refuses, and return its address."""
    refusal = {"errors": {"price": ["too high"]}}
    site.remote.fault("status", status=422, method="PATCH", times=1, answer=refusal)
    url = saved(page, site, sku, price="99999")
    until_badge(page, url, "held")
    return url
