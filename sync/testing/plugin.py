"""The pytest plugin: capture is off unless a test asks for it; a sandbox remote, and delivery within the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from sync import testing

MARKER = "crudsync: writes of this test are captured, and deliver() sends them"


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(autouse=True)
def _crudsync_quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave writes uncaptured, unless the test has the marker ``crudsync`` or asks for one of the fixtures."""
    if not _installed():
        yield
        return
    with testing.quiet():
        if request.node.get_closest_marker("crudsync"):
            request.getfixturevalue("captured")
        yield


@pytest.fixture
def captured() -> Iterator[None]:
    """Capture what the test writes; nothing rings, and nothing is sent before ``deliver()``."""
    with testing.captured():
        yield


@pytest.fixture
def deliver(captured: None) -> Callable[..., testing.Delivered]:  # noqa: ARG001 - asked for its effect
    """Return ``sync.testing.deliver``: it sends what is due until nothing moves. Capture is on."""
    return testing.deliver


@pytest.fixture
def sandbox_options() -> dict[str, Any]:
    """Return options of the sandbox; define a fixture of this name to set your own."""
    return {}


@pytest.fixture
def sandbox(captured: None, sandbox_options: dict[str, Any]) -> Iterator[testing.Remote]:  # noqa: ARG001 - as above
    """Return the side door of a sandbox remote; every registered integrator's calls go there. Capture is on."""
    with testing.SandboxServer(**sandbox_options) as server, testing.redirected(server.url):
        yield testing.Remote(server.url)


def _installed() -> bool:
    return settings.configured and "sync" in {app.partition(".apps")[0] for app in settings.INSTALLED_APPS}
