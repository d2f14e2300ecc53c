"""pytest-celery's own setup over processes: a way there and back, a crash, a broker that restarts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_celery import CeleryTestSetup

from examples.shop.models import Customer
from sync.models import Operation, Status
from sync.testing.remote import Remote
from tests.acceptance.conftest import SHORT
from tests.acceptance.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

Wait = Callable[..., None]

POOLS = [{"pool": pool, "knobs": SHORT} for pool in ("prefork", "threads")]

both_pools = pytest.mark.parametrize("celery_worker_options", POOLS, ids=lambda options: options["pool"])


def customer(number: int) -> Customer:
    return Customer.objects.create(email=f"{number}@shop.test", name=f"Customer {number}")


@both_pools
def test_a_task_goes_to_the_worker_and_its_result_comes_back(
    sandbox: Remote, celery_setup: CeleryTestSetup, until_equal: Wait
) -> None:
    assert (len(celery_setup), celery_setup.app.main) == (3, "project")
    assert celery_setup.ready(ping=True, control=True)
    assert celery_setup.worker.container.exec_run("python -c 'print(6 * 7)'") == (0, b"42\n")
    assert celery_setup.app.control.ping(destination=[celery_setup.worker.hostname()])
    customer(1)
    until_equal(sweeping=True)
    celery_setup.worker.wait_for("Task crudsync.drain[")
    assert len(sandbox.calls("customers", "POST", applied=True)) == 1


@both_pools
def test_a_worker_killed_while_the_remote_works_is_restarted_and_nothing_is_doubled(
    sandbox: Remote, celery_setup: CeleryTestSetup, until_equal: Wait
) -> None:
    sandbox.fault("delay_after", method="POST", times=1, seconds=3.0)
    customer(1)
    until(lambda: sandbox.calls("customers", "POST", applied=True) != [], sweeping=True)
    celery_setup.worker.kill()
    assert (celery_setup.worker.container.status, celery_setup.worker.exit_code) == ("exited", -9)
    celery_setup.worker.restart()
    assert celery_setup.ready(ping=True)
    until_equal(sweeping=True)
    assert len(sandbox.objects("customers")) == 1
    assert len(sandbox.calls("customers", "POST", applied=True)) == 1
    assert not Operation.objects.filter(status=Status.STARTED).exists()


@both_pools
def test_a_broker_that_restarts_empty_costs_neither_the_worker_nor_a_row(
    sandbox: Remote, celery_setup: CeleryTestSetup, until_equal: Wait
) -> None:
    customer(1)
    until_equal(sweeping=True)
    celery_setup.broker.restart()
    customer(2)
    assert celery_setup.worker.container.status == "running"
    until_equal(sweeping=True)
    assert celery_setup.ready(ping=True)
    assert len(sandbox.calls("customers", "POST", applied=True)) == 2
