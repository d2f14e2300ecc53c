"""A sandbox remote in a process of its own, which the shop speaks to, and what tests with real processes wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.shop.agreement import differences
from examples.shop.integrators import ShopIntegrator
from sync import capture, registry
from sync.capture import record
from sync.integrators.clients import forget
from sync.models import Connection
from sync.ratelimit.link import link
from sync.testing.remote import Remote, SandboxProcess
from sync.wake.doorbell import echo, rung
from sync.wake.publisher import publisher
from tests.acceptance import stand_ins
from tests.acceptance.scene import Scene
from tests.acceptance.waiting import quiet, until
from tests.servers.celery import Beat, Worker
from tests.servers.own import OwnPostgres
from tests.servers.postgres import PostgresServer

ROOM = Path(__file__).parent

SHORT = {"window_s": 0.6, "timeout_s": 1.5, "settle_s": 0.4, "connect_s": 0.5, "sweep_s": 0.5, "rest_s": 0.2}
"""Leases of 2.5 seconds, so that a test need not wait long for one to end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything here starts processes; what is long runs where a mark expression or a test's own name asks for it."""
    long = []
    for item in items:
        if item.path.parent == ROOM:
            item.add_marker(pytest.mark.process)
            if item.get_closest_marker("chaos") and "chaos" not in (config.option.markexpr or ""):
                long.append(item)
    if long and not any("::" in argument for argument in config.args):
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    """Nothing that this process keeps (connections, doorbells, clients) outlives a test."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    for forgotten in (link.cache_clear, publisher.close, rung.forget, echo.forget, record._rings.clear, forget):
        forgotten()


@pytest.fixture
def sandbox_process(tmp_path: Path) -> Iterator[SandboxProcess]:
    """A sandbox that honours idempotency keys, its journal and its state on disk."""
    with SandboxProcess(journal=tmp_path / "journal.jsonl", idempotency=True) as process:
        yield process


@pytest.fixture
def sandbox(
    sandbox_process: SandboxProcess, redis_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Remote:
    """A running sandbox; the shop's base URL points to it, here and in worker processes."""
    url = f"{sandbox_process.url.rstrip('/')}/"
    settings.SANDBOX_URL = url
    monkeypatch.setattr(ShopIntegrator, "base_url", url)
    return sandbox_process.remote


@pytest.fixture(scope="session")
def _own_postgres() -> Iterator[OwnPostgres]:
    own = OwnPostgres()
    yield own
    own.remove()


@pytest.fixture
def own_postgres(transactional_db: None, _own_postgres: OwnPostgres) -> Iterator[PostgresServer]:
    """A PostgreSQL that is this process's alone, in place of the run's: break it as you like, and mend it."""
    with _own_postgres.used() as server:
        yield server


@pytest.fixture
def captured() -> Iterator[None]:
    """Capture on, in this process too, with its doorbell."""
    with capture.enabled():
        yield


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function that notes figures with the test; ``--junitxml`` writes them down."""
    return lambda **figures: request.node.user_properties.extend(figures.items())


@pytest.fixture
def short(settings: Any) -> dict[str, float]:
    """Short leases, in this process and (as knobs) in workers."""
    settings.CRUDSYNC = {**settings.CRUDSYNC, **SHORT}
    return dict(SHORT)


@pytest.fixture
def account() -> Callable[..., Connection]:
    """A function that changes the shop's own connection row, and returns it."""

    def changed(**values: Any) -> Connection:
        row = registry.connection("shop")
        for name, value in values.items():
            setattr(row, name, value)
        row.save()
        return row

    return changed


@pytest.fixture
def stand_in(sandbox: Remote) -> Iterator[Callable[..., dict[str, Any]]]:
    """A function that puts an integrator of ``stand_ins`` in the shop's place here, and returns a worker's options."""

    def replaced(cls: type[Any], **knobs: Any) -> dict[str, Any]:
        stand_ins.stand_in(cls)
        forget()
        return {"arguments": stand_ins.INCLUDE, "knobs": {"STAND_IN": cls.__name__, **knobs}}

    yield replaced
    stand_ins.stand_in(ShopIntegrator)


@pytest.fixture
def until_quiet() -> Callable[..., None]:
    """A function that returns once nothing is due, waiting or unread, within so many seconds.

    With ``sweeping`` it sweeps meanwhile, as beat would.
    """

    def waited(timeout_s: float = 60.0, *, sweeping: bool = False) -> None:
        until(quiet, timeout_s, sweeping=sweeping)

    return waited


@pytest.fixture
def until_equal(sandbox: Remote) -> Callable[..., None]:
    """A function that returns once nothing is due and both sides are equal, compared from rows and remote state."""

    def waited(timeout_s: float = 60.0, *, sweeping: bool = False) -> None:
        until(quiet, timeout_s, sweeping=sweeping)
        assert list(differences(sandbox.call("GET", "/__state__"))) == []

    return waited


@pytest.fixture
def scene(
    sandbox: Remote,
    worker: Callable[..., Worker],
    beat: Callable[..., Beat],
    short: dict[str, float],
    account: Callable[..., Connection],
    until_equal: Callable[..., None],
    measured: Callable[..., None],
) -> Scene:
    """All that a test with real processes needs, in one hand."""
    return Scene(
        remote=sandbox,
        worker=worker,
        beat=beat,
        short=short,
        account=account,
        until_equal=until_equal,
        measured=measured,
    )
