"""A running Kinto, the integrator for it, and a way to deliver."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from project.servers import wait_until
from sync import capture, registry, wake
from sync.drain import drain
from sync.integrators.clients import forget
from sync.models import Binding, Change, Connection
from tests.interop.declared import KintoIntegrator
from tests.interop.kinto import USER, Kinto, NotInstalled, install
from tests.servers.redis import RedisServer

DELIVERY_S = 30.0

untested: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what was skipped; where CI is set, it is no skip but a failure."""
    for reason in untested:
        terminalreporter.section("interop is NOT tested", yellow=True, bold=True)
        terminalreporter.line(f"Kinto cannot be installed here: {reason}")


@pytest.fixture(scope="session")
def _kinto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kinto]:
    kept = os.environ.get("INTEROP_ENVIRONMENTS")
    home = Path(kept).absolute() / "kinto" if kept else tmp_path_factory.mktemp("kinto-environment")
    try:
        program = install(home)
    except NotInstalled as error:
        if os.environ.get("CI"):
            raise
        untested.append(str(error))
        pytest.skip(f"Kinto cannot be installed here: {error}")
    server = Kinto(program, tmp_path_factory.mktemp("kinto"))
    yield server.start()
    server.stop()


@pytest.fixture
def kinto(_kinto: Kinto, monkeypatch: pytest.MonkeyPatch) -> Kinto:
    """A running Kinto with two empty collections."""
    _kinto.empty("products", "customers")
    monkeypatch.setenv("KINTO_PASSWORD", USER[1])
    return _kinto


@pytest.fixture
def connection(kinto: Kinto, redis_server: RedisServer, transactional_db: None) -> Iterator[Connection]:
    """The account at Kinto; it is the only remote that the shop's rows go to, and capture is on."""
    before = registry.integrators()
    registry.clear()
    registry.register(KintoIntegrator)
    capture.install()
    row = registry.connection("kinto")
    row.base_url = kinto.url
    row.save()
    with capture.enabled():
        yield row
    registry.clear()
    forget()
    for cls in before.values():
        registry.register(cls)


@pytest.fixture
def deliver(connection: Connection) -> Callable[[], None]:
    """A function that drains, in this process, until nothing is due any more."""

    def round_() -> bool:
        drain(connection.pk, slice_s=2.0)
        return not (Change.objects.exists() or Binding.objects.filter(due_at__isnull=False).exists())

    def delivered() -> None:
        assert wait_until(round_, DELIVERY_S), left()

    return delivered


@pytest.fixture
def quiet() -> Iterator[None]:
    """Nothing rings: the test drains by itself."""
    with wake.muted():
        yield


def left() -> list[Any]:
    """What is due still, for a failure's message."""
    return list(Binding.objects.filter(due_at__isnull=False).values_list("object_type", "state", "code", "detail"))
