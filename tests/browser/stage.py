"""The demo in processes of its own, and a browser to look at it with."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.servers import free_port, redis_binary
from sync.testing.remote import Remote
from tests.servers.process import Process

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running demo: where its admin is, and the side door of its remote."""

    admin: str
    remote: Remote


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
        process.wait_for("Ctrl-C stops everything", timeout_s=90)
        admin, sandbox = re.findall(r"(http://[\d.:]+/(?:admin/)?)\s", process.text())[:2]
        remote = Remote(sandbox)
        remote.wait(lambda: len(remote.objects("products")) == count, timeout_s=60)
        yield Site(admin=admin, remote=remote)
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


@contextmanager
def logged_in(launched: Browser, site: Site, **options: Any) -> Iterator[Page]:
    """Open a page of its own, and log in as the demo says."""
    context = launched.new_context(**{"viewport": DESKTOP, **options})
    page = context.new_page()
    page.goto(site.admin)
    page.fill("#id_username", "admin")
    page.fill("#id_password", "admin")
    page.click("input[type=submit]")
    yield page
    context.close()


def product(page: Page, site: Site, sku: str) -> str:
    """Open the page of the product with this stock keeping unit, and return its address."""
    page.goto(f"{site.admin}shop/product/?q={sku}")
    page.click("#result_list tbody th a")
    page.wait_for_selector("#id_price")
    return page.url
