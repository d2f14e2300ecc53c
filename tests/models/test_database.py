from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from sync.models import Connection
from sync.models.database import ATTEMPTS, alias, in_transaction, is_postgres, repeatable

autocommit = pytest.mark.django_db(transaction=True)


class Refused(Exception):
    """What a driver raises: a state of SQL on it."""

    def __init__(self, state: str, name: str = "sqlstate") -> None:
        super().__init__(state)
        setattr(self, name, state)


def refusal(state: str = "40P01", name: str = "sqlstate") -> DatabaseError:
    error = OperationalError("deadlock detected")
    error.__cause__ = Refused(state, name)
    return error


class Work:
    """Fails so many times, then returns how often it ran."""

    def __init__(self, failures: int, error: Callable[[], Exception] = refusal) -> None:
        self.runs = 0
        self.failures = failures
        self.error = error

    def __call__(self) -> int:
        self.runs += 1
        Connection.objects.create(integrator=f"run {self.runs}")
        if self.runs <= self.failures:
            raise self.error()
        return self.runs


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("sync.models.database.time.sleep", slept.append)
    return slept


def test_our_rows_are_where_the_router_says(settings: Any) -> None:
    assert alias() == "default"
    settings.DATABASE_ROUTERS = [type("Router", (), {"db_for_write": lambda self, model, **hints: "elsewhere"})()]
    assert alias() == "elsewhere"


@pytest.mark.rows
def test_the_fast_path_is_that_of_postgresql() -> None:
    assert is_postgres("default") == (connection.vendor == "postgresql")


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (refusal("40P01"), True),
        (refusal("40001"), True),
        (refusal("40001", "pgcode"), True),
        (OperationalError("database is locked"), True),
        (refusal("23505"), False),
        (OperationalError("server closed the connection"), False),
        (IntegrityError("locked"), False),
        (ValueError("locked"), False),
    ],
)
def test_deadlocks_serialization_failures_and_locks_are_repeated(error: Exception, again: bool) -> None:
    assert repeatable(error) is again


@autocommit
def test_a_refused_transaction_is_run_again_and_commits_once(naps: list[float]) -> None:
    assert in_transaction(Work(3), "default") == 4
    assert [row.integrator for row in Connection.objects.all()] == ["run 4"]
    assert len(naps) == 3
    assert all(0 <= nap <= 0.1 for nap in naps)


@autocommit
def test_a_transaction_that_is_refused_every_time_gives_up() -> None:
    work = Work(100)
    with pytest.raises(OperationalError):
        in_transaction(work, "default")
    assert work.runs == ATTEMPTS
    assert not Connection.objects.exists()


@autocommit
def test_another_error_is_not_repeated(naps: list[float]) -> None:
    work = Work(1, lambda: IntegrityError("unique"))
    with pytest.raises(IntegrityError):
        in_transaction(work, "default")
    assert (work.runs, naps) == (1, [])


@autocommit
def test_inside_a_transaction_it_runs_once_in_a_savepoint(naps: list[float]) -> None:
    work = Work(1)
    with transaction.atomic():
        with pytest.raises(OperationalError):
            in_transaction(work, "default")
        assert in_transaction(Work(0), "default") == 1
    assert (work.runs, naps) == (1, [])
    assert Connection.objects.count() == 1
