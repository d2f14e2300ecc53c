from __future__ import annotations

import datetime as dt
from typing import Self

import pytest
from django.db import connection, transaction

from sync.models.clock import now

pytestmark = pytest.mark.django_db


def test_the_time_is_aware_and_about_now() -> None:
    assert now().utcoffset() == dt.timedelta(0)
    assert abs((now() - dt.datetime.now(dt.UTC)).total_seconds()) < 5


@pytest.mark.pg
def test_the_clock_is_the_databases_and_goes_on_within_a_transaction() -> None:
    with transaction.atomic():
        first = now()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.01)")
        assert now() > first


def test_another_databases_naive_time_is_taken_as_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cursor:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *error: object) -> None:
            return None

        def execute(self, sql: str) -> None:
            assert sql == "SELECT CURRENT_TIMESTAMP(6)"

        def fetchone(self) -> tuple[dt.datetime]:
            return (dt.datetime(2026, 1, 2, 3, 4, 5, 6),)  # noqa: DTZ001 - as MySQL answers

    monkeypatch.setattr(connection, "vendor", "mysql")
    monkeypatch.setattr(connection, "cursor", Cursor)
    assert now() == dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
