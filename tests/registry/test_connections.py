from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection as database

from sync import registry
from sync.exceptions import UnknownIntegrator
from sync.models import Connection, Gate
from tests.zoo.models import Note
from tests.zoo.registration import empty_registry, integrator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with empty_registry():
        registry.register(integrator("zoo", Note))
        registry.register(integrator("ark", Note))
        yield


def test_the_default_connection_is_made_by_itself_with_its_gate(django_assert_num_queries: Any) -> None:
    row = registry.connection("zoo")
    assert (row.integrator, row.name, row.paused) == ("zoo", "default", False)
    assert Gate.objects.filter(connection=row).exists()
    with django_assert_num_queries(1):
        assert registry.connection("zoo") == row


def test_another_account_is_found_and_never_made() -> None:
    with pytest.raises(Connection.DoesNotExist, match="no connection zoo/second"):
        registry.connection("zoo", "second")
    made = Connection.objects.create(integrator="zoo", name="second")
    assert registry.connection("zoo", "second") == made


def test_an_integrator_that_is_not_registered_gets_no_connection() -> None:
    with pytest.raises(UnknownIntegrator):
        registry.connection("shop")
    assert not Connection.objects.exists()


def test_all_missing_default_connections_are_made_and_others_listed(django_assert_num_queries: Any) -> None:
    second = Connection.objects.create(integrator="zoo", name="second")
    Connection.objects.create(integrator="gone")
    rows = registry.ensure_connections()
    assert rows[0] == second
    assert [str(row) for row in rows[1:]] == ["ark/default", "zoo/default"]
    with django_assert_num_queries(1):
        assert registry.ensure_connections() == rows
    assert registry.connections_of(["gone", "ark"]) == [
        Connection.objects.get(integrator="gone"),
        Connection.objects.get(integrator="ark"),
    ]


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_processes_make_one_default_connection() -> None:
    found: list[int] = []
    together = threading.Barrier(4)

    def make() -> None:
        together.wait()
        try:
            found.append(registry.connection("zoo").pk)
        finally:
            database.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == Connection.objects.count() == Gate.objects.count() == 1
