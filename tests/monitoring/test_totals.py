from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from sync.models import Connection, Minute, Sweep, Total
from sync.models.clock import now
from sync.monitoring import rollup
from sync.monitoring.totals import COLUMNS, settle, settle_if_due, totals

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rolled() -> None:
    """Everything is rolled up until now."""
    Sweep.objects.create(name=rollup.NAME, at=now())


def noted(connection: Connection, *, ago: dt.timedelta, **values: Any) -> Minute:
    return Minute.objects.create(connection=connection, at=rollup.floor(now() - ago), **values)


def calls(connection: Connection) -> float:
    return totals([connection.pk])[connection.pk]["calls"]


def test_a_connection_without_minutes_has_done_nothing(connection: Connection) -> None:
    assert totals([connection.pk]) == {connection.pk: dict.fromkeys(COLUMNS, 0.0)}
    assert totals([]) == {}


def test_the_sum_is_the_same_before_and_after_minutes_are_settled(connection: Connection) -> None:
    other = Connection.objects.create(integrator="other")
    for minutes in (1, 30, 300, 3000):
        noted(connection, ago=dt.timedelta(minutes=minutes), calls=minutes, call_03=2, waited_ms=0.5, dead=1)
    noted(other, ago=dt.timedelta(minutes=30), calls=7)
    before = totals([connection.pk, other.pk])
    assert (
        before[connection.pk] | {"calls": 3331.0, "call_03": 8.0, "waited_ms": 2.0, "dead": 4.0}
        == before[connection.pk]
    )
    assert settle() == 4
    assert settle() == 0
    assert totals([connection.pk, other.pk]) == before


def test_counters_outlive_the_minutes(connection: Connection) -> None:
    noted(connection, ago=dt.timedelta(days=40), calls=5)
    noted(connection, ago=dt.timedelta(days=2), calls=2)
    settle()
    assert rollup.prune(30 * 86_400.0) == 1
    assert calls(connection) == 7
    noted(connection, ago=dt.timedelta(minutes=1), calls=1)
    assert calls(connection) == 8


def test_a_minute_that_may_still_change_is_not_settled(connection: Connection) -> None:
    under_way = noted(connection, ago=dt.timedelta(hours=2), calls=3, open=1)
    noted(connection, ago=dt.timedelta(hours=3), calls=10)
    noted(connection, ago=dt.timedelta(hours=1), calls=20)
    assert settle() == 1
    Minute.objects.filter(pk=under_way.pk).update(open=0, succeeded=3, calls=4)
    assert calls(connection) == 34
    assert settle() == 2
    assert calls(connection) == 34


def test_what_never_ended_holds_nothing_up_for_more_than_a_day(connection: Connection) -> None:
    noted(connection, ago=dt.timedelta(hours=25), calls=3, open=1)
    noted(connection, ago=dt.timedelta(hours=1), calls=4)
    assert settle() == 2


def test_minutes_that_the_roll_up_has_not_reached_wait(connection: Connection) -> None:
    Sweep.objects.filter(name=rollup.NAME).update(at=now() - dt.timedelta(hours=5))
    noted(connection, ago=dt.timedelta(hours=2), calls=3)
    assert settle() == 0
    assert calls(connection) == 3


def test_what_is_about_to_be_removed_is_added_whatever_the_roll_up_says(connection: Connection) -> None:
    Sweep.objects.filter(name=rollup.NAME).update(at=now() - dt.timedelta(days=60))
    noted(connection, ago=dt.timedelta(days=40), calls=3, open=1)
    assert settle(before=now() - dt.timedelta(days=30)) == 1
    assert Total.objects.get().counted["calls"] == 3


def test_it_is_done_every_ten_minutes(connection: Connection) -> None:
    rolled = Sweep.objects.filter(name=rollup.NAME)
    rolled.update(at=now() - dt.timedelta(minutes=55))
    noted(connection, ago=dt.timedelta(hours=1), calls=1)
    assert settle_if_due() == 1
    noted(connection, ago=dt.timedelta(minutes=50), calls=1)
    rolled.update(at=now())
    assert settle_if_due() == 0
    Sweep.objects.filter(name="totals").update(at=now() - dt.timedelta(minutes=11))
    assert settle_if_due() == 1


def test_without_a_roll_up_there_is_nothing_to_settle(connection: Connection) -> None:
    Sweep.objects.all().delete()
    noted(connection, ago=dt.timedelta(days=1), calls=3)
    assert settle() == 0
