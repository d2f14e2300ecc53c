"""Whole workers that are killed, suspended and shut down under load, judged by rows and by the remote's journal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync.models import Binding, Operation, Status
from sync.testing.remote import Remote
from tests.acceptance.load import Load
from tests.acceptance.marks import beside_postgres
from tests.acceptance.waiting import describe, until
from tests.servers.celery import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured"), beside_postgres]

Start = Callable[..., Worker]
Wait = Callable[..., None]

long = pytest.mark.chaos


@pytest.fixture
def load(sandbox: Remote) -> Load:
    """Customers, and a remote that takes a moment for each call, so that something is under way at any time."""
    sandbox.fault("delay_after", method=["POST", "PATCH", "DELETE"], seconds=0.05)
    return Load(sandbox)


@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=long)])
def test_a_worker_that_is_killed_again_and_again_under_load_loses_and_doubles_nothing(
    load: Load, worker: Start, short: dict[str, float], until_quiet: Wait, kills: int
) -> None:
    running = worker(concurrency=2, knobs=short)
    for _ in range(kills):
        load.add(40)
        before = load.applied()
        until(lambda so_far=before: load.applied() >= so_far + 10, 60, sweeping=True)
        running.kill()
        running.start()
    until_quiet(120, sweeping=True)
    print(kills, "kills:", load.report())  # noqa: T201 - shown with -rP
    assert load.against() == []


@pytest.mark.pg  # SQLite has one writer: suspended in the middle of a commit it keeps out all others
@pytest.mark.parametrize("pool", ["prefork", pytest.param("threads", marks=long)])
def test_a_worker_suspended_beyond_its_leases_does_no_harm_when_it_goes_on(
    load: Load, worker: Start, short: dict[str, float], until_quiet: Wait, pool: str
) -> None:
    first = worker(pool=pool, knobs={**short, "slice_s": 60.0})  # it is not its time limit that ends it
    load.add(300)
    until(lambda: load.applied() >= 20, 60, sweeping=True)
    first.freeze()
    worker(pool=pool, knobs=short)
    load.add(40)
    until_quiet(120, sweeping=True)  # the other one makes up for it, once the leases have ended
    first.resume()
    first.wait_for("Task crudsync.drain", count=first.text().count("Task crudsync.drain") + 1)
    until_quiet(120, sweeping=True)
    until(lambda: not Operation.objects.filter(status=Status.STARTED).exists(), 60, sweeping=True)
    print(load.report())  # noqa: T201 - shown with -rP
    assert load.against() == []


@pytest.mark.parametrize("pool", ["prefork", pytest.param("threads", marks=long)])
def test_a_warm_shutdown_under_load_leaves_nothing_in_doubt(
    load: Load, worker: Start, short: dict[str, float], until_quiet: Wait, pool: str
) -> None:
    running = worker(pool=pool, knobs={**short, "slice_s": 1.0})
    load.add(300)
    until(lambda: load.applied() >= 20, 60, sweeping=True)
    assert running.warm(timeout_s=60) == 0
    assert load.applied() < 300  # it was told to end in the middle
    assert not Binding.objects.exclude(uncertain="").exists(), describe()
    assert not Binding.objects.filter(leased=True).exists()
    assert not Operation.objects.filter(status=Status.STARTED).exists()
    worker(pool=pool, knobs=short)
    until_quiet(120, sweeping=True)
    assert load.against() == []
    assert not Operation.objects.filter(code="worker_lost").exists()


@pytest.mark.parametrize("pool", ["prefork", pytest.param("threads", marks=long)])
def test_a_cold_shutdown_under_load_is_made_up_for_by_the_next_worker(
    load: Load, worker: Start, short: dict[str, float], until_quiet: Wait, pool: str
) -> None:
    running = worker(pool=pool, knobs=short)
    load.add(150)
    until(lambda: load.applied() >= 20, 60, sweeping=True)
    running.cold(timeout_s=60)
    assert pool == "threads" or load.applied() < 150  # threads cannot be ended: Celery waits for them
    worker(pool=pool, knobs=short)
    until_quiet(120, sweeping=True)
    print(load.report())  # noqa: T201 - shown with -rP
    assert load.against() == []


@long
def test_a_child_that_ends_after_each_task_costs_nothing_but_time(
    load: Load, worker: Start, short: dict[str, float], until_quiet: Wait
) -> None:
    running = worker(concurrency=2, arguments=("--max-tasks-per-child=1",), knobs={**short, "slice_s": 0.3})
    before = set(running.children())
    for _ in range(3):
        load.add(10)
        until_quiet(120, sweeping=True)
    until(lambda: set(running.children()) != before)
    assert load.against() == []
