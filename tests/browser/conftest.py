from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.browser import stage
from tests.browser.stage import Site

ROOM = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == ROOM:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.process)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The demo, its sample rows delivered."""
    if lacking := stage.missing():
        pytest.skip(lacking)
    with stage.demo(tmp_path_factory.mktemp("demo")) as site:
        yield site


@pytest.fixture(scope="session")
def chromium(shop: Site) -> Iterator[Any]:  # the site first: a browser without one is of no use
    with stage.browser() as launched:
        yield launched


@pytest.fixture(scope="session")
def admitted(chromium: Any, shop: Site) -> Callable[..., AbstractContextManager[Any]]:
    """A function that opens a page of somebody who has logged in, with options of a browser's context."""
    kept = stage.log_in(chromium, shop)
    return lambda **options: stage.opened(chromium, storage_state=kept, **options)


@pytest.fixture
def desk(admitted: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """A page of somebody who has logged in."""
    with admitted() as page:
        yield page


@pytest.fixture
def phone(admitted: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """The same, on a phone."""
    with admitted(viewport=stage.PHONE, is_mobile=True) as page:
        yield page
