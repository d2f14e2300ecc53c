from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django_celery_results.models import TaskResult

from examples.shop.integrators import ShopIntegrator
from examples.shop.models import Customer
from project.servers import wait_until
from sync import capture, registry, wake
from sync.drain import drain
from sync.integrators.clients import forget
from sync.models import Binding, Connection, Operation, State
from sync.reconcile import Report
from sync.reconcile.report import TypeReport
from sync.testing.remote import Remote, SandboxProcess
from sync.types import RateLimit
from tasks import reconciliation
from tests.servers.redis import RedisServer
from tests.zoo.models import Note
from tests.zoo.registration import empty_registry, integrator

As = Callable[..., Any]
pytestmark = pytest.mark.django_db


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which connections were compared; ``broken`` cannot be, ``second`` has something to ask for."""
    names: list[str] = []

    def reconcile(row: Connection, **how: object) -> Report:
        names.append(str(row))
        if row.name == "broken":
            raise KeyError("what a host's hook raises")
        asked = TypeReport(object_type="note", differ=1, asked=1)
        return Report(connection=str(row), types=(asked,) if row.name == "second" else ())

    monkeypatch.setattr(reconciliation.reconciling, "reconcile", reconcile)
    with empty_registry():
        registry.register(integrator("ark", Note))
        registry.register(integrator("zoo", Note))
        yield names


def test_every_connection_that_is_not_paused_is_compared(as_worker: As, compared: list[str]) -> None:
    Connection.objects.create(integrator="zoo", name="second")
    Connection.objects.create(integrator="zoo", name="third", paused=True)
    Connection.objects.create(integrator="gone")
    result = as_worker(reconciliation.reconcile, later="version")
    assert sorted(compared) == sorted(result) == ["ark/default", "zoo/default", "zoo/second"]


def test_a_run_that_asked_for_something_leaves_a_result(as_worker: As, compared: list[str]) -> None:
    Connection.objects.create(integrator="zoo", name="second")
    as_worker(reconciliation.reconcile)
    row = TaskResult.objects.get()
    assert row.task_name == "crudsync.reconcile"
    kept = json.loads(row.result)["zoo/second"]
    assert (kept["asked"], kept["drift"], kept["types"][0]["object_type"]) == (1, 1, "note")


def test_a_run_that_found_all_in_order_leaves_none(as_worker: As, compared: list[str]) -> None:
    assert as_worker(reconciliation.reconcile)["ark/default"]["drift"] == 0
    assert not TaskResult.objects.exists()


def test_one_connection_can_be_compared_alone(as_worker: As, compared: list[str]) -> None:
    as_worker(reconciliation.reconcile, connection_id=registry.connection("ark").pk)
    assert compared == ["ark/default"]


def test_a_connection_that_fails_does_not_keep_the_others(
    as_worker: As, compared: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    Connection.objects.create(integrator="ark", name="broken")
    with caplog.at_level(logging.ERROR, "crudsync.tasks"):
        result = as_worker(reconciliation.reconcile)
    assert result["ark/broken"] == {"error": "KeyError", "moved": True}
    assert sorted(compared) == ["ark/broken", "ark/default", "zoo/default"]
    assert "connection ark/broken could not be reconciled" in caplog.text
    assert TaskResult.objects.exists()


def test_nothing_is_compared_where_the_settings_say_so(as_worker: As, compared: list[str], settings: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}
    assert as_worker(reconciliation.reconcile) == {}
    assert compared == []


# --- against the sandbox ---------------------------------------------------------------------------------------------


class CustomersOnly(ShopIntegrator):
    name = "shop"
    rate_limit = RateLimit(1000, per=1, burst=100)

    @staticmethod
    def set_object_types() -> Any:
        return {"customer": ShopIntegrator.set_object_types()["customer"]}

    @staticmethod
    def set_data_constraints() -> Any:
        return {}


@pytest.fixture
def remote(redis_server: RedisServer, transactional_db: None) -> Iterator[Remote]:
    """A sandbox that has twelve customers of ours, all of them settled long ago."""
    with SandboxProcess() as process, empty_registry(), wake.muted():
        registry.register(CustomersOnly)
        capture.install()
        row = registry.connection("shop")
        row.base_url = f"{process.url.rstrip('/')}/"
        row.save()
        with capture.enabled():
            for number in range(12):
                Customer.objects.create(name=f"Customer {number}", email=f"c{number}@shop.test")
            deliver()
            yield process.remote
    forget()


def deliver() -> None:
    """Drain until nothing is due; then let it be long ago."""

    def quiet() -> bool:
        drain(registry.connection("shop").pk, slice_s=1.5)
        return not Binding.objects.filter(due_at__isnull=False).exists()

    assert wait_until(quiet, 30)
    assert not Binding.objects.exclude(state=State.SYNCED).exists()
    Binding.objects.update(synced_at=None, rests_until=None)


def report_of(as_worker: As) -> dict[str, Any]:
    result = as_worker(reconciliation.reconcile)["shop/default"]
    json.dumps(result, cls=DjangoJSONEncoder)
    found: dict[str, Any] = result["types"][0]
    return found


def remote_id(number: int) -> str:
    pk = Customer.objects.get(email=f"c{number}@shop.test").pk
    return Binding.objects.get(object_id=str(pk)).remote_id or ""


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_what_was_changed_deleted_and_never_sent_is_brought_back(as_worker: As, remote: Remote) -> None:
    remote.edit("customers", remote_id(1), name="Theirs")
    remote.remove("customers", remote_id(2))
    with capture.disabled():
        Customer.objects.create(name="Unseen", email="unseen@shop.test")
    found = report_of(as_worker)
    assert {name: found[name] for name in ("listed", "differ", "missing", "unbound", "asked", "stopped")} == {
        "listed": 11,
        "differ": 1,
        "missing": 1,
        "unbound": 1,
        "asked": 3,
        "stopped": "",
    }
    deliver()
    there = sorted(row["name"] for row in remote.objects("customers"))
    assert there == sorted(Customer.objects.values_list("name", flat=True))
    assert len(there) == 13
    assert report_of(as_worker)["asked"] == 0


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_an_object_is_read_again_before_anything_is_written(as_worker: As, remote: Remote) -> None:
    remote.edit("customers", remote_id(1), name="Theirs")
    before = Operation.objects.count()
    assert report_of(as_worker)["asked"] == 1
    remote.edit("customers", remote_id(1), name="Customer 1")  # as we have it again, before the second look
    deliver()
    assert [each.verb for each in Operation.objects.order_by("pk")[before:]] == ["read"]


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_more_than_the_share_that_may_differ_stops_it(as_worker: As, remote: Remote) -> None:
    for number in range(11):
        remote.edit("customers", remote_id(number), name="Theirs")
    found = report_of(as_worker)
    assert (found["stopped"], found["asked"]) == ("too_different", 0)
    assert not Binding.objects.filter(due_at__isnull=False).exists()


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_a_remote_that_looks_empty_stops_it(as_worker: As, remote: Remote) -> None:
    for number in range(12):
        remote.remove("customers", remote_id(number))
    found = report_of(as_worker)
    assert (found["stopped"], found["asked"]) == ("remote_empty", 0)


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_a_listing_that_gets_no_token_says_nothing(
    as_worker: As, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "PAGE_WAIT_S", 0.05)
    monkeypatch.setattr(CustomersOnly, "rate_limit", RateLimit(1, per=600))
    forget()
    calls = remote.last_seq()
    found = report_of(as_worker)
    assert found["stopped"] == "listing"
    assert remote.last_seq() == calls
